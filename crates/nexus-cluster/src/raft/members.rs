//! Who a group consists of, and when enough of them agree.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// Voters, and those who only listen.
///
/// While a change is under way there are two sets of voters, and a decision needs a
/// majority of each.
///
/// # Source
/// Ongaro, "Consensus: Bridging Theory and Practice", 2014, 4.3 (joint consensus).
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Members {
    /// Who decides; the new ones while a change is under way.
    #[serde(with = "crate::bounded::nodes")]
    pub voters: BTreeSet<NodeId>,
    /// Who decided before the change that is under way; else empty.
    #[serde(with = "crate::bounded::nodes")]
    pub outgoing: BTreeSet<NodeId>,
    /// Who gets the log and decides nothing.
    #[serde(with = "crate::bounded::nodes")]
    pub learners: BTreeSet<NodeId>,
}

/// The most members of one group, voters old and new and learners each.
/// Source: a guess, unmeasured; more voters make every write slower.
pub(super) const MEMBERS_MAX: usize = 31;

/// The most bytes that one of them takes in a message.
/// Source: postcard writes seven bits of a number in a byte.
pub(super) const NODE_BYTES_MAX: usize = 10;

impl Members {
    /// Whether there are voters, not too many, and no learner who votes as well.
    pub fn is_sound(&self) -> bool {
        let few = |of: &BTreeSet<NodeId>| of.len() <= MEMBERS_MAX;
        !self.voters.is_empty()
            && few(&self.voters)
            && few(&self.outgoing)
            && few(&self.learners)
            && self.voters.is_disjoint(&self.learners)
    }

    /// Whether a change is under way.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether it decides, by the new voters or the old.
    pub fn votes(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    /// Whether it is one of them at all.
    pub fn contains(&self, id: NodeId) -> bool {
        self.votes(id) || self.learners.contains(&id)
    }

    /// All of them, some perhaps twice.
    pub fn all(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.iter().chain(&self.outgoing).chain(&self.learners).copied()
    }

    /// All who vote, each once.
    pub(super) fn voters_once(&self) -> impl Iterator<Item = NodeId> + '_ {
        let old_only = self.outgoing.iter().filter(|id| !self.voters.contains(id));
        self.voters.iter().chain(old_only).copied()
    }
}

/// How decisions are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deciders<'a> {
    pub members: &'a Members,
    /// Only a planted bug counts them.
    pub count_learners: bool,
    /// Only a planted bug leaves them out.
    pub count_outgoing: bool,
}

impl Deciders<'_> {
    /// The greatest value that a majority of each set has reached; none without voters.
    pub fn reached<T: Copy + Ord>(&self, of: impl Fn(NodeId) -> T) -> Option<T> {
        let learners = self.members.learners.iter().filter(|_| self.count_learners);
        let new = reached_in(self.members.voters.iter().chain(learners).copied(), &of)?;
        if !self.count_outgoing {
            return Some(new);
        }
        let old = reached_in(self.members.outgoing.iter().copied(), &of);
        Some(old.map_or(new, |old| old.min(new)))
    }

    /// Whether a majority of each set says yes.
    pub fn agree(&self, yes: impl Fn(NodeId) -> bool) -> bool {
        self.reached(yes) == Some(true)
    }
}

/// Compares all with all: groups are small, and so nothing is allocated.
fn reached_in<T: Copy + Ord>(
    ids: impl Iterator<Item = NodeId> + Clone,
    of: &impl Fn(NodeId) -> T,
) -> Option<T> {
    let majority = ids.clone().count() / 2 + 1;
    let has_majority = |value: &T| ids.clone().filter(|id| of(*id) >= *value).count() >= majority;
    ids.clone().map(of).filter(has_majority).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> BTreeSet<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    fn check(new: &[u64], old: &[u64], reached: Option<u64>) {
        let members = Members { voters: ids(new), outgoing: ids(old), learners: ids(&[9]) };
        let deciders = Deciders { members: &members, count_learners: false, count_outgoing: true };
        // Everybody has reached its own number.
        assert_eq!(deciders.reached(|id| id.0), reached, "{new:?} {old:?}");
    }

    #[test]
    fn a_majority_of_each_set_decides() {
        check(&[1], &[], Some(1));
        check(&[1, 2], &[], Some(1));
        check(&[1, 2, 3], &[], Some(2));
        check(&[1, 2, 3, 4], &[], Some(2));
        check(&[1, 2, 3, 4, 5], &[], Some(3));
        check(&[4, 5, 6], &[1, 2, 3], Some(2));
        check(&[1, 2, 3], &[6], Some(2));
        check(&[], &[], None);
    }
}
