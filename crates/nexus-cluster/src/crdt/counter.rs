//! Counters: one that only grows, one that goes both ways.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Crdt, CrdtError, REPLICAS_MAX, room};
use crate::NodeId;

/// A count that only grows.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct GrowCounter {
    counts: BTreeMap<NodeId, u64>,
}

impl GrowCounter {
    /// The count.
    pub fn value(&self) -> u128 {
        self.counts.values().map(|count| u128::from(*count)).sum()
    }

    /// Adds to it; the delta is what others need to know.
    ///
    /// # Errors
    /// [`CrdtError::Full`], [`CrdtError::Overflow`]; nothing has changed then.
    pub fn add(&mut self, replica: NodeId, by: u64) -> Result<GrowCounter, CrdtError> {
        let known = self.counts.get(&replica).copied().unwrap_or(0);
        let count = known.checked_add(by).ok_or(CrdtError::Overflow)?;
        let counts = if count == 0 { BTreeMap::new() } else { BTreeMap::from([(replica, count)]) };
        let delta = GrowCounter { counts };
        self.merge(&delta)?;
        Ok(delta)
    }
}

impl Crdt for GrowCounter {
    fn merge(&mut self, other: &GrowCounter) -> Result<(), CrdtError> {
        let new = other.counts.keys().filter(|replica| !self.counts.contains_key(replica)).count();
        room(self.counts.len() + new, REPLICAS_MAX, "replicas")?;
        for (&replica, &count) in &other.counts {
            let known = self.counts.entry(replica).or_insert(0);
            *known = count.max(*known);
        }
        Ok(())
    }

    fn is_sound(&self) -> bool {
        self.counts.len() <= REPLICAS_MAX && self.counts.values().all(|count| *count > 0)
    }
}

/// A count that goes both ways.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Counter {
    up: GrowCounter,
    down: GrowCounter,
}

impl Counter {
    /// The count.
    pub fn value(&self) -> i128 {
        // At most 1,024 replicas of 64 bits each way: it fits by far.
        self.up.value() as i128 - self.down.value() as i128
    }

    /// Adds to it, or takes away.
    ///
    /// # Errors
    /// [`CrdtError::Full`], [`CrdtError::Overflow`]; nothing has changed then.
    pub fn add(&mut self, replica: NodeId, by: i64) -> Result<Counter, CrdtError> {
        let mut delta = Counter::default();
        if by >= 0 {
            delta.up = self.up.add(replica, by.unsigned_abs())?;
        } else {
            delta.down = self.down.add(replica, by.unsigned_abs())?;
        }
        Ok(delta)
    }
}

impl Crdt for Counter {
    fn merge(&mut self, other: &Counter) -> Result<(), CrdtError> {
        let mut both = self.clone();
        both.up.merge(&other.up)?;
        both.down.merge(&other.down)?;
        *self = both;
        Ok(())
    }

    fn is_sound(&self) -> bool {
        self.up.is_sound() && self.down.is_sound()
    }
}
