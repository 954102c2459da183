//! Where the map itself is kept.

use std::collections::BTreeSet;

use super::REPLICAS;
use crate::NodeId;

/// Nodes that keep the map of shards, at most. Source: the design; five survive the loss of
/// two, and more make every change of the map slower.
pub const CONTROL_MAX: usize = 5;

/// On which nodes the map is to be kept, which is on `now`: on those of them who have not
/// `left` and were not `silent` for long, and for the rest on those who `answer`, lower numbers
/// first. At most [`CONTROL_MAX`], in order.
///
/// Nobody who is well has to make room: each change of members is a pause for all who change
/// the map. Nor does silence, which is an opinion, make a group of fewer than [`REPLICAS`]: so
/// many keep their places until others take them. None if nobody is left; the map stays where
/// it is then.
pub fn control(
    now: &[NodeId],
    left: &BTreeSet<NodeId>,
    silent: &BTreeSet<NodeId>,
    answer: &BTreeSet<NodeId>,
) -> Option<Vec<NodeId>> {
    let is_there = |node: &&NodeId| !left.contains(node);
    let stay = now.iter().filter(is_there).filter(|node| !silent.contains(node));
    let come = answer.iter().filter(is_there).filter(|node| !now.contains(node));
    let mut kept: Vec<NodeId> = stay.chain(come).copied().take(CONTROL_MAX).collect();
    let missing = REPLICAS.saturating_sub(kept.len());
    let lost = now.iter().filter(is_there).filter(|node| silent.contains(node));
    kept.extend(lost.copied().take(missing));
    kept.sort_unstable();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(numbers: &[u64]) -> Vec<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    fn check(now: &[u64], (left, silent): (&[u64], &[u64]), answer: &[u64], kept: &[u64]) {
        let [left, silent, answering] =
            [left, silent, answer].map(|numbers| nodes(numbers).into_iter().collect());
        let found = control(&nodes(now), &left, &silent, &answering).unwrap_or_default();
        assert_eq!(found, nodes(kept), "{now:?} {left:?} {silent:?} {answering:?}");
    }

    const WELL: (&[u64], &[u64]) = (&[], &[]);

    #[test]
    fn who_is_well_stays_and_others_come() {
        check(&[1], WELL, &[1], &[1]);
        check(&[1], WELL, &[1, 2, 3, 4], &[1, 2, 3, 4]);
        check(&[4], WELL, &[1, 2, 3, 4, 5, 6, 7], &[1, 2, 3, 4, 5]);
        check(&[7], WELL, &[1, 2, 3, 4, 5, 6, 7], &[1, 2, 3, 4, 7]);
        // Who is silent for a little while stays.
        check(&[1, 2, 3], WELL, &[3, 4], &[1, 2, 3, 4]);
    }

    #[test]
    fn the_lost_are_replaced() {
        check(&[1, 2, 3], (&[], &[1]), &[2, 3, 4], &[2, 3, 4]);
        check(&[5, 6, 7, 8, 9], (&[], &[5]), &[1, 2, 5, 6, 7, 8, 9], &[1, 6, 7, 8, 9]);
        check(&[1, 2, 3, 4, 5], (&[], &[4, 5]), &[1, 2, 3], &[1, 2, 3]);
        // Of three one keeps its place until another comes, unless it has left.
        check(&[1, 2, 3], (&[], &[2, 3]), &[1], &[1, 2, 3]);
        check(&[1, 2, 3], (&[3], &[]), &[1, 2, 3], &[1, 2]);
        check(&[1, 2, 3, 4, 5], (&[], &[3, 4, 5]), &[1, 2], &[1, 2, 3]);
        check(&[1], (&[1], &[]), &[1], &[]);
    }
}
