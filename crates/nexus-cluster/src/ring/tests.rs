use nexus_base::{Rng, Summary};
use proptest::prelude::*;

use super::*;

/// Draws ids for members: the keys of the hash are fixed, so chance comes in by them.
fn draw(count: usize, rng: &mut Rng) -> Vec<NodeId> {
    (0..count).map(|_| NodeId(rng.next_u64())).collect()
}

fn ring_of(count: usize, seed: u64) -> Ring {
    Ring::of(draw(count, &mut Rng::new(seed))).expect("there is room")
}

/// The owner of each slot, by the next point alone.
fn unbounded(ring: &Ring) -> Vec<NodeId> {
    Slot::all().map(|slot| ring.owners(slot.position(), 1)[0]).collect()
}

fn bounded(ring: &Ring, slack: Ratio) -> Vec<NodeId> {
    let positions: Vec<u64> = Slot::all().map(Slot::position).collect();
    ring.place(positions.into_iter(), 1, slack).into_iter().map(|owners| owners[0]).collect()
}

/// Slots of the member with the most of them.
fn peak(owners: &[NodeId]) -> usize {
    let mut loads = BTreeMap::<NodeId, usize>::new();
    owners.iter().for_each(|&owner| *loads.entry(owner).or_default() += 1);
    loads.into_values().max().unwrap_or(0)
}

/// The share of slots that have another owner after one more member has joined.
fn moved(ring: &Ring, seed: u64, owners: impl Fn(&Ring) -> Vec<NodeId>) -> f64 {
    let mut grown = ring.clone();
    grown.join(NodeId(Rng::new(seed).fork("new").next_u64())).expect("there is room");
    let pairs = owners(ring).into_iter().zip(owners(&grown));
    pairs.filter(|(before, after)| before != after).count() as f64 / f64::from(SLOT_COUNT)
}

const SIZES: [(usize, f64); 3] = [(10, 1.15), (50, 1.24), (100, 1.27)];

/// Slots of the heaviest member over slots of the mean one, mean over 40 rings.
#[test]
#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn the_heaviest_member_has_a_quarter_more_than_the_mean() {
    for (count, expected) in SIZES {
        let mean = f64::from(SLOT_COUNT) / count as f64;
        let ratios = (0..40).map(|seed| peak(&unbounded(&ring_of(count, seed))) as f64 / mean);
        let ratio = ratios.collect::<Summary>().mean();
        println!("ring of {count}: peak/mean {ratio:.3}, expected {expected}");
        assert!((ratio / expected - 1.0).abs() < 0.1, "{count} members: {ratio}");
    }
}

#[test]
fn with_a_bound_nobody_has_more() {
    for slack in [SLACK, Ratio::new(1, 20), Ratio::ZERO] {
        for (count, _) in SIZES {
            for seed in 0..5 {
                let most = peak(&bounded(&ring_of(count, seed), slack));
                let bound = capacity(usize::from(SLOT_COUNT), count, slack);
                assert!(most <= bound, "{count} members, slack {slack:?}: {most} > {bound}");
            }
        }
    }
}

/// The share of slots that change their owner, mean over 200 joins.
#[test]
#[allow(clippy::disallowed_macros, reason = "figures are for people")]
fn a_member_that_joins_takes_its_share_and_no_more() {
    for (count, _) in SIZES {
        let expected = 1.0 / (count as f64 + 1.0);
        let share = |owners: &dyn Fn(&Ring) -> Vec<NodeId>, joins: u64| {
            let one = |seed| moved(&ring_of(count, seed), seed, owners);
            (0..joins).map(one).collect::<Summary>().mean() / expected
        };
        let plain = share(&unbounded, 200);
        let within = share(&|ring| bounded(ring, SLACK), 50);
        println!("join to {count}: moved {plain:.3} of 1/(n+1), with the bound {within:.3}");
        assert!((plain - 1.0).abs() < 0.1, "{count} members: {plain}");
        assert!((within - 1.0).abs() < 0.1, "{count} members, bounded: {within}");
    }
}

#[test]
fn a_join_moves_to_the_new_member_only() {
    let ring = ring_of(20, 1);
    let mut grown = ring.clone();
    grown.join(NodeId(7)).expect("there is room");
    for (before, after) in unbounded(&ring).into_iter().zip(unbounded(&grown)) {
        assert!(before == after || after == NodeId(7), "{before} -> {after}");
    }
    assert!(grown.leave(NodeId(7)) && !grown.leave(NodeId(7)));
    assert_eq!(grown, ring, "as if it had never been there");
}

/// Fixed for ever: another value means that all nodes of another release disagree.
#[test]
fn positions_stay_as_they_are() {
    let ring = Ring::of((1..=5).map(NodeId)).expect("there is room");
    let owners = |slot: u16| ring.owners(Slot::new(slot).expect("a slot").position(), 3);
    assert_eq!(owners(0), [3, 2, 4].map(NodeId));
    assert_eq!(owners(9_999), [1, 4, 5].map(NodeId));
    assert_eq!(position_of(1), 4_734_115_996_345_393_635);
}

#[test]
fn a_full_ring_says_so() {
    let mut ring = Ring::of((0..MEMBERS_MAX as u64).map(NodeId)).expect("as many as may be");
    let member = NodeId(u64::MAX);
    assert_eq!(ring.join(member), Err(RingError::Full { member }));
    assert_eq!(ring.join(NodeId(0)), Ok(()), "it is in already");
    assert!(ring.leave(NodeId(0)));
    assert_eq!(ring.join(member), Ok(()));
}

#[test]
fn a_ring_of_nobody_owns_nothing() {
    assert!(Ring::new().owners(5, 3).is_empty());
    assert_eq!(Ring::new().place([1, 2].into_iter(), 3, SLACK), [[], []]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn owners_are_different_and_follow_from_the_members_alone(
        mut ids in proptest::collection::vec(any::<u64>(), 1..40),
        position in any::<u64>(),
        count in 0usize..6,
    ) {
        let ring = Ring::of(ids.iter().copied().map(NodeId)).expect("there is room");
        let mut other = Ring::new();
        ids.reverse();
        for &id in &ids {
            other.join(NodeId(id)).expect("there is room");
        }
        prop_assert_eq!(&ring, &other);
        let owners = ring.owners(position, count);
        let different: BTreeSet<_> = owners.iter().collect();
        prop_assert_eq!(different.len(), owners.len());
        prop_assert_eq!(owners.len(), count.min(ring.members().len()));
    }

    #[test]
    fn copies_are_on_different_members_within_the_bound(
        members in 1usize..40,
        things in 1u64..400,
        seed in any::<u64>(),
    ) {
        let ring = ring_of(members, seed);
        let positions: Vec<u64> = (0..things).map(position_of).collect();
        let placed = ring.place(positions.into_iter(), 3, SLACK);
        let copies = 3.min(members);
        for owners in &placed {
            prop_assert_eq!(owners.iter().collect::<BTreeSet<_>>().len(), copies);
        }
        let bound = capacity(things as usize * copies, members, SLACK);
        prop_assert!(peak(&placed.concat()) <= bound);
    }
}
