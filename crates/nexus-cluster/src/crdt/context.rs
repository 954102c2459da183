//! Which changes a value has heard of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CrdtError, ELEMENTS_MAX, REPLICAS_MAX, room};
use crate::NodeId;

/// One change: who made it, and which of his it was, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Dot {
    /// Who.
    pub replica: NodeId,
    /// Which of his.
    pub count: u64,
}

/// A set of changes: for each replica all up to a count, and some beyond it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Context {
    upto: BTreeMap<NodeId, u64>,
    beyond: BTreeSet<Dot>,
}

impl Context {
    /// Whether the change is among them.
    pub fn contains(&self, dot: Dot) -> bool {
        self.upto.get(&dot.replica).is_some_and(|count| dot.count <= *count)
            || self.beyond.contains(&dot)
    }

    /// The next change of a replica.
    pub(super) fn next(&self, replica: NodeId) -> Result<Dot, CrdtError> {
        let of_replica = Dot { replica, count: 0 }..=Dot { replica, count: u64::MAX };
        let beyond = self.beyond.range(of_replica).next_back().map_or(0, |dot| dot.count);
        let last = self.upto.get(&replica).copied().unwrap_or(0).max(beyond);
        let count = last.checked_add(1).ok_or(CrdtError::Overflow)?;
        Ok(Dot { replica, count })
    }

    /// The changes given, and no others.
    pub(super) fn of(dots: impl IntoIterator<Item = Dot>) -> Context {
        let mut context = Context { upto: BTreeMap::new(), beyond: dots.into_iter().collect() };
        context.compact();
        context
    }

    /// Both together.
    pub(super) fn union(&self, other: &Context) -> Result<Context, CrdtError> {
        let mut both = self.clone();
        for (&replica, &count) in &other.upto {
            let known = both.upto.entry(replica).or_insert(0);
            *known = count.max(*known);
        }
        both.beyond.extend(&other.beyond);
        both.compact();
        room(both.upto.len(), REPLICAS_MAX, "replicas")?;
        room(both.beyond.len(), ELEMENTS_MAX, "changes out of order")?;
        Ok(both)
    }

    pub(super) fn is_sound(&self) -> bool {
        let mut compact = self.clone();
        compact.compact();
        compact == *self
            && self.upto.len() <= REPLICAS_MAX
            && self.beyond.len() <= ELEMENTS_MAX
            && self.upto.values().all(|count| *count > 0)
            && self.beyond.iter().all(|dot| dot.count > 0)
    }

    /// Equal sets are to be equal values.
    fn compact(&mut self) {
        let upto = &mut self.upto;
        // In order, so that a gap closed by one is seen by the next.
        self.beyond.retain(|dot| {
            let known = upto.get(&dot.replica).copied().unwrap_or(0);
            if dot.count == known.saturating_add(1) {
                upto.insert(dot.replica, dot.count);
            }
            dot.count > known.saturating_add(1)
        });
    }
}
