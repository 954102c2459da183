//! Who votes in a group, of those who keep what it agrees on: a shard, or the map.
//!
//! All do, but never an even number: of two who vote both are needed, of four three, so the
//! last voter makes a group of one or three less available and not more. The second node
//! listens until there is a third, the fourth until there is a fifth, and a group of three
//! that has lost one node stays a group of three until another takes its place.

use std::collections::BTreeSet;

use crate::NodeId;
use crate::raft::Members;

/// Who a group consists of when it begins on these nodes; all of them begin it alike. Of an
/// even number the last one listens.
pub fn founding(replicas: &[NodeId]) -> Members {
    let (voters, learners) = replicas.split_at(odd(replicas.len()));
    let (voters, learners) = (voters.iter().copied().collect(), learners.iter().copied().collect());
    Members { voters, learners, ..Members::default() }
}

/// Who shall vote in a group that is to be kept on `replicas`, where `now` vote.
pub fn voters(replicas: &BTreeSet<NodeId>, now: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let count = odd(replicas.len());
    // What is left of them after a loss: one less would not get on better, and the lost one is
    // of use again if it comes back.
    if count < replicas.len() && now.len() == replicas.len() + 1 && now.is_superset(replicas) {
        return now.clone();
    }
    let (known, new) = (replicas.intersection(now), replicas.difference(now));
    known.chain(new).copied().take(count).collect()
}

/// Who a group shall consist of next, where `now` vote, on its way to be kept on `wanted`:
/// voters and learners.
///
/// Whoever is new listens until it has the log. All change at once, and nobody leaves before:
/// the fewer changes, the fewer pauses. Only where more can vote than now do the others not
/// wait for the last one.
pub fn next(
    wanted: &BTreeSet<NodeId>,
    now: &BTreeSet<NodeId>,
    has_log: impl Fn(NodeId) -> bool,
) -> Members {
    let is_ready = |id: &NodeId| now.contains(id) || has_log(*id);
    let ready = wanted.iter().copied().filter(is_ready).collect();
    let mut voting = voters(&ready, now);
    if voting.len() <= now.len() && !voters(wanted, now).is_subset(&ready) {
        voting.clone_from(now);
    }
    let learners = wanted.difference(&voting).copied().collect();
    Members { voters: voting, learners, ..Members::default() }
}

/// The greatest odd number that is not above `count`; none for none.
const fn odd(count: usize) -> usize {
    if count == 0 { 0 } else { count - (count + 1) % 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u64]) -> BTreeSet<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn an_even_number_never_votes_where_an_odd_one_can() {
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
        check(&[4, 5], &[1, 2, 3], &[4]);
        check(&[1, 4], &[1, 2, 3], &[1]);
        check(&[1, 2], &[1, 2], &[1]);
        check(&[1], &[1, 2, 3], &[1]);
        check(&[1, 2, 3, 4], &[2, 3, 4], &[2, 3, 4]);
        check(&[1, 2, 3, 4], &[1], &[1, 2, 3]);
        check(&[1, 2, 3, 4], &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5]);
        check(&[1, 2], &[1, 2, 3, 4, 5], &[1]);
        check(&[1, 2, 3], &[1, 2, 3, 4, 5], &[1, 2, 3]);
        check(&[1, 2, 3, 4, 5], &[1, 2, 3], &[1, 2, 3, 4, 5]);
    }

    #[test]
    fn who_is_new_votes_once_it_has_the_log() {
        let check = |wanted, now, ready: &[u64], voting| {
            let next = next(&ids(wanted), &ids(now), |id| ready.contains(&id.0));
            assert_eq!(next.voters, ids(voting), "{wanted:?} {now:?} {ready:?}");
            let wanted = ids(wanted);
            assert_eq!(next.learners, wanted.difference(&next.voters).copied().collect());
        };
        check(&[1, 2, 3], &[1], &[2], &[1]);
        check(&[1, 2, 3], &[1], &[2, 3], &[1, 2, 3]);
        // All at once, and nobody leaves before.
        check(&[4, 5, 6], &[1, 2, 3], &[4, 5], &[1, 2, 3]);
        check(&[4, 5, 6], &[1, 2, 3], &[4, 5, 6], &[4, 5, 6]);
        check(&[2, 3, 4], &[1], &[3], &[1]);
        // As many as can, if they are more.
        check(&[1, 2, 3, 4, 5], &[1], &[2, 5], &[1, 2, 5]);
        check(&[1, 2, 3, 4, 5], &[1, 2, 5], &[3], &[1, 2, 5]);
        check(&[1, 2, 3, 4, 5], &[1, 2, 5], &[3, 4], &[1, 2, 3, 4, 5]);
        // Fewer only if that is wanted.
        check(&[1, 2, 3, 6, 7], &[1, 2, 3, 4, 5], &[6], &[1, 2, 3, 4, 5]);
        check(&[1, 2, 3], &[1, 2, 3, 4, 5], &[], &[1, 2, 3]);
        check(&[2, 3, 4], &[1], &[], &[1]);
    }

    #[test]
    fn of_an_even_number_of_founders_the_last_listens() {
        let check = |replicas: &[u64], voting: &[u64], learning: &[u64]| {
            let replicas: Vec<NodeId> = replicas.iter().copied().map(NodeId).collect();
            let members = founding(&replicas);
            assert_eq!((members.voters, members.learners), (ids(voting), ids(learning)));
        };
        check(&[2], &[2], &[]);
        check(&[2, 1], &[2], &[1]);
        check(&[3, 2, 1], &[1, 2, 3], &[]);
        check(&[4, 3, 2, 1], &[2, 3, 4], &[1]);
    }
}
