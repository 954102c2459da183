//! How many messages of each node have been seen.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::NodeId;

/// The most nodes in one clock; a clock travels with every message.
pub const CLOCK_NODES_MAX: usize = 1_024;

/// How many messages of each node have been seen.
///
/// Of two clocks one is before the other if it counts no node further and some node less;
/// where neither is, `partial_cmp` is none, and the events know nothing of each other.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct VectorClock {
    counts: BTreeMap<NodeId, u64>,
}

impl VectorClock {
    /// How many messages of this node.
    pub fn get(&self, node: NodeId) -> u64 {
        self.counts.get(&node).copied().unwrap_or(0)
    }

    /// The nodes with their counts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, u64)> {
        self.counts.iter().map(|(node, count)| (*node, *count))
    }

    /// Counts one more message of a node.
    ///
    /// # Errors
    /// [`ClockError`]; nothing has changed then.
    pub fn tick(&mut self, node: NodeId) -> Result<u64, ClockError> {
        let count = self.get(node).checked_add(1).ok_or(ClockError::Overflow)?;
        self.raise(node, count)?;
        Ok(count)
    }

    /// Counts a node at least so far.
    ///
    /// # Errors
    /// [`ClockError::Full`]; nothing has changed then.
    pub fn raise(&mut self, node: NodeId, count: u64) -> Result<(), ClockError> {
        if count > self.get(node) {
            if !self.has_room_for(node) {
                return Err(ClockError::Full);
            }
            self.counts.insert(node, count);
        }
        Ok(())
    }

    /// Counts each node as far as either clock does.
    ///
    /// # Errors
    /// [`ClockError::Full`]; nothing has changed then.
    pub fn merge(&mut self, other: &VectorClock) -> Result<(), ClockError> {
        let new = other.counts.keys().filter(|node| !self.counts.contains_key(node)).count();
        if self.counts.len() + new > CLOCK_NODES_MAX {
            return Err(ClockError::Full);
        }
        for (node, count) in other.iter() {
            self.raise(node, count)?;
        }
        Ok(())
    }

    /// Whether this node could be counted.
    pub(super) fn has_room_for(&self, node: NodeId) -> bool {
        self.counts.contains_key(&node) || self.counts.len() < CLOCK_NODES_MAX
    }

    fn is_within(&self, other: &VectorClock) -> bool {
        self.iter().all(|(node, count)| count <= other.get(node))
    }
}

impl PartialOrd for VectorClock {
    fn partial_cmp(&self, other: &VectorClock) -> Option<Ordering> {
        match (self.is_within(other), other.is_within(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }
}

/// Refuses too many nodes, and counts of zero: equal clocks are to have equal bytes.
impl<'de> Deserialize<'de> for VectorClock {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<VectorClock, D::Error> {
        #[derive(Deserialize)]
        struct Plain {
            counts: BTreeMap<NodeId, u64>,
        }
        let Plain { counts } = Plain::deserialize(input)?;
        if counts.len() > CLOCK_NODES_MAX || counts.values().any(|count| *count == 0) {
            return Err(serde::de::Error::custom("not a clock that we would write"));
        }
        Ok(VectorClock { counts })
    }
}

/// Why a clock did not change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// It has as many nodes as it may have. Split the group.
    #[error("a clock has at most {CLOCK_NODES_MAX} nodes")]
    Full,
    /// A count would not fit its number.
    #[error("the count would not fit")]
    Overflow,
}
