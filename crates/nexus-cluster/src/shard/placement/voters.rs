//! Who votes in the group of a shard, of those who keep it.
//!
//! All do, but never two: of two who vote both are needed, so a second voter makes a group of
//! one less available and not more. The second node listens until there is a third, and a
//! group of three that has lost one node stays a group of three until another takes its place.

use std::collections::BTreeSet;

use crate::NodeId;
use crate::raft::Members;

/// Who a group consists of when it begins on these nodes; all of them begin it alike. Of two
/// the first votes.
pub fn founding(replicas: &[NodeId]) -> Members {
    let voting = if replicas.len() == 2 { 1 } else { replicas.len() };
    let (voters, learners) = replicas.split_at(voting);
    let (voters, learners) = (voters.iter().copied().collect(), learners.iter().copied().collect());
    Members { voters, learners, ..Members::default() }
}

/// Who shall vote in a group that is to be kept on `replicas`, where `now` vote.
pub fn voters(replicas: &BTreeSet<NodeId>, now: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    if replicas.len() != 2 {
        return replicas.clone();
    }
    match now.len() {
        0 | 1 if now.is_disjoint(replicas) => replicas.iter().copied().take(1).collect(),
        0 | 1 => now.clone(),
        // What is left of them after a loss: two would not get on without each other either,
        // and the lost one is of use again if it comes back.
        _ if now.is_superset(replicas) => now.clone(),
        _ => replicas.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> BTreeSet<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn two_never_vote_where_one_or_three_can() {
        let check = |replicas, now, voting| {
            assert_eq!(voters(&ids(replicas), &ids(now)), ids(voting), "{replicas:?} {now:?}");
        };
        check(&[1], &[1], &[1]);
        check(&[1, 2], &[1], &[1]);
        check(&[1, 2], &[2], &[2]);
        check(&[2, 3], &[1], &[2]);
        check(&[1, 2, 3], &[1], &[1, 2, 3]);
        check(&[1, 2], &[1, 2, 3], &[1, 2, 3]);
        check(&[1, 2, 4], &[1, 2, 3], &[1, 2, 4]);
        check(&[4, 5], &[1, 2, 3], &[4, 5]);
        check(&[1], &[1, 2, 3], &[1]);
    }

    #[test]
    fn of_two_founders_the_first_votes() {
        let check = |replicas: &[u64], voting: &[u64], learning: &[u64]| {
            let replicas: Vec<NodeId> = replicas.iter().copied().map(NodeId).collect();
            let members = founding(&replicas);
            assert_eq!((members.voters, members.learners), (ids(voting), ids(learning)));
        };
        check(&[2], &[2], &[]);
        check(&[2, 1], &[2], &[1]);
        check(&[3, 2, 1], &[1, 2, 3], &[]);
    }
}
