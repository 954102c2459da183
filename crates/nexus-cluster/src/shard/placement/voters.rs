//! Who votes in a group, of those who keep what it agrees on: a shard, or the map.
//!
//! All do, but never an even number: of two who vote both are needed, of four three, so the
//! last voter makes a group of one or three less available and not more. The second node
//! listens until there is a third, the fourth until there is a fifth.
//!
//! A group of three that has lost one node stays a group of three until another takes its
//! place: that a node is down is an opinion. It becomes one of one, and the second node
//! listens again, where the third has said that it leaves for good.

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

/// Who votes in a group now, and what is known of them.
#[derive(Clone, Copy, Debug)]
pub struct Voting<'a> {
    /// They do.
    pub voters: &'a BTreeSet<NodeId>,
    /// Who leads.
    pub leader: NodeId,
    /// Who of them has said that it leaves for good. Not who is silent, for however long.
    pub left: &'a BTreeSet<NodeId>,
}

/// Who shall vote in a group that is to be kept on `replicas`. If not all can, the leader does,
/// so that another need not be elected, and those who do now.
pub fn voters(replicas: &BTreeSet<NodeId>, now: &Voting<'_>) -> BTreeSet<NodeId> {
    let count = odd(replicas.len());
    // What is left of them after a loss: one less would not get on better, and the lost one is
    // of use again if it comes back.
    let is_lost = |node| !replicas.contains(node) && !now.left.contains(node);
    let one_more = now.voters.len() == replicas.len() + 1 && now.voters.is_superset(replicas);
    if count < replicas.len() && one_more && now.voters.iter().any(is_lost) {
        return now.voters.clone();
    }
    let mut first: Vec<NodeId> = replicas.iter().copied().collect();
    first.sort_by_key(|node| (*node != now.leader, !now.voters.contains(node)));
    first.into_iter().take(count).collect()
}

/// Who a group shall consist of next, on its way to be kept on `wanted`: voters and learners.
///
/// Whoever is new listens until it has the log. All change at once, and nobody leaves before:
/// the fewer changes, the fewer pauses. Only where more can vote than now do the others not
/// wait for the last one.
pub fn next(
    wanted: &BTreeSet<NodeId>,
    now: &Voting<'_>,
    has_log: impl Fn(NodeId) -> bool,
) -> Members {
    let is_ready = |id: &NodeId| now.voters.contains(id) || has_log(*id);
    let ready = wanted.iter().copied().filter(is_ready).collect();
    let mut voting = voters(&ready, now);
    if voting.len() <= now.voters.len() && !voters(wanted, now).is_subset(&ready) {
        voting.clone_from(now.voters);
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
        let check = |replicas, now: &[u64], voting| {
            check_voters(replicas, now, (now[0], &[]), voting);
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

    fn check_voters(replicas: &[u64], now: &[u64], of: (u64, &[u64]), voting: &[u64]) {
        let now = Voting { voters: &ids(now), leader: NodeId(of.0), left: &ids(of.1) };
        assert_eq!(voters(&ids(replicas), &now), ids(voting), "{replicas:?} {now:?}");
    }

    #[test]
    fn where_one_of_three_has_left_the_leader_alone_votes() {
        let check = |replicas, now, leader, left, voting| {
            check_voters(replicas, now, (leader, left), voting);
        };
        check(&[1, 2], &[1, 2, 3], 2, &[], &[1, 2, 3]);
        check(&[1, 2], &[1, 2, 3], 1, &[3], &[1]);
        check(&[1, 2], &[1, 2, 3], 2, &[3], &[2]);
        // It leads, and goes.
        check(&[1, 2], &[1, 2, 3], 3, &[3], &[1]);
        check(&[1, 2], &[1, 2], 2, &[], &[2]);
        check(&[3, 4], &[1, 2, 3], 2, &[], &[3]);
        check(&[1, 2, 3, 4], &[1, 2, 3, 4, 5], 4, &[5], &[1, 2, 4]);
        check(&[1, 2, 4], &[1, 2, 3], 2, &[3], &[1, 2, 4]);
    }

    #[test]
    fn who_is_new_votes_once_it_has_the_log() {
        let check = |wanted, now: &[u64], ready: &[u64], voting| {
            let (voters, leader) = (ids(now), NodeId(now[0]));
            let vote = Voting { voters: &voters, leader, left: &BTreeSet::new() };
            let next = next(&ids(wanted), &vote, |id| ready.contains(&id.0));
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
