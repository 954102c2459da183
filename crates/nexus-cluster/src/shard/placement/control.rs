//! Where the map itself is kept.

use std::collections::BTreeSet;

use crate::NodeId;

/// Nodes that keep the map of shards, at most. Source: the design; five survive the loss of
/// two, and more make every change of the map slower.
pub const CONTROL_MAX: usize = 5;

/// On which nodes the map is to be kept, which is on `now`: on those of them who are not
/// `lost`, and for the rest on those who `answer`, lower numbers first. At most
/// [`CONTROL_MAX`], in order.
///
/// Nobody who is well has to make room: each change of members is a pause for all who change
/// the map. None if nobody is left; the map stays where it is then.
pub fn control(
    now: &[NodeId],
    lost: &BTreeSet<NodeId>,
    answer: &BTreeSet<NodeId>,
) -> Option<Vec<NodeId>> {
    let stay = now.iter().filter(|node| !lost.contains(node));
    let come = answer.iter().filter(|node| !now.contains(node) && !lost.contains(node));
    let mut kept: Vec<NodeId> = stay.chain(come).copied().take(CONTROL_MAX).collect();
    kept.sort_unstable();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_well_stays_and_the_lost_are_replaced() {
        let nodes = |numbers: &[u64]| numbers.iter().copied().map(NodeId).collect::<Vec<_>>();
        let set = |numbers: &[u64]| nodes(numbers).into_iter().collect::<BTreeSet<_>>();
        let check = |now, lost, answer, kept: &[u64]| {
            let found = control(&nodes(now), &set(lost), &set(answer));
            assert_eq!(found.unwrap_or_default(), nodes(kept), "{now:?} {lost:?} {answer:?}");
        };
        check(&[1], &[], &[1], &[1]);
        check(&[1], &[], &[1, 2, 3, 4], &[1, 2, 3, 4]);
        check(&[4], &[], &[1, 2, 3, 4, 5, 6, 7], &[1, 2, 3, 4, 5]);
        check(&[7], &[], &[1, 2, 3, 4, 5, 6, 7], &[1, 2, 3, 4, 7]);
        // Who is silent for a little while stays.
        check(&[1, 2, 3], &[], &[3, 4], &[1, 2, 3, 4]);
        check(&[1, 2, 3], &[1, 2], &[3, 4], &[3, 4]);
        check(&[5, 6, 7, 8, 9], &[5], &[1, 2, 5, 6, 7, 8, 9], &[1, 6, 7, 8, 9]);
        check(&[1], &[1], &[1], &[]);
    }
}
