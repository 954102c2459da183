//! A set of slots.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ring::{SLOT_COUNT, Slot};

/// A set of slots, kept as ranges: what a shard owns is mostly one of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u16, u16)>", into = "Vec<(u16, u16)>")]
pub struct SlotSet {
    /// First and last of each range; in order, with a gap between any two.
    ranges: Vec<(u16, u16)>,
}

impl SlotSet {
    /// No slot.
    pub const fn new() -> SlotSet {
        SlotSet { ranges: Vec::new() }
    }

    /// Every slot.
    pub fn all() -> SlotSet {
        SlotSet { ranges: vec![(0, SLOT_COUNT - 1)] }
    }

    /// The slots from `first` to `last`, both in it; none if `last` comes before.
    pub fn range(first: Slot, last: Slot) -> SlotSet {
        let range = (first.number(), last.number());
        SlotSet { ranges: if first <= last { vec![range] } else { Vec::new() } }
    }

    /// Whether `slot` is in it.
    pub fn contains(&self, slot: Slot) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= slot.number());
        after > 0 && slot.number() <= self.ranges[after - 1].1
    }

    /// Slots in it.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|&(first, last)| usize::from(last - first) + 1).sum()
    }

    /// Whether there is none in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The slots in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> {
        let numbers = self.ranges.iter().flat_map(|&(first, last)| first..=last);
        numbers.map(|number| Slot::new(number).expect("only slots come in"))
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &SlotSet) -> SlotSet {
        self.combine(other, |here, there| here || there)
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &SlotSet) -> SlotSet {
        self.combine(other, |here, there| here && there)
    }

    /// What is in this one alone.
    #[must_use]
    pub fn minus(&self, other: &SlotSet) -> SlotSet {
        self.combine(other, |here, there| here && !there)
    }

    /// Whether they have none in common.
    pub fn is_disjoint(&self, other: &SlotSet) -> bool {
        self.intersection(other).is_empty()
    }

    /// Whether all of it is in `other`.
    pub fn is_subset(&self, other: &SlotSet) -> bool {
        self.minus(other).is_empty()
    }

    /// The upper half of it; of an odd number the smaller part, of one slot nothing.
    #[must_use]
    pub fn upper_half(&self) -> SlotSet {
        self.iter().skip(self.len().div_ceil(2)).collect()
    }

    /// Walks both at once, from edge to edge, and keeps what `keep` says.
    fn combine(&self, other: &SlotSet, keep: impl Fn(bool, bool) -> bool) -> SlotSet {
        let edges = |set: &SlotSet, which: usize| {
            let both = |(first, last): (u16, u16)| [(first, which), (last + 1, which)];
            set.ranges.iter().copied().flat_map(both).collect::<Vec<_>>()
        };
        let mut edges = [edges(self, 0), edges(other, 1)].concat();
        edges.sort_unstable();
        let (mut inside, mut begun, mut ranges) = ([false; 2], None, Vec::new());
        for (place, &(at, which)) in edges.iter().enumerate() {
            inside[which] = !inside[which];
            if edges.get(place + 1).is_some_and(|&(next, _)| next == at) {
                continue;
            }
            match (begun, keep(inside[0], inside[1])) {
                (None, true) => begun = Some(at),
                (Some(first), false) => {
                    ranges.push((first, at - 1));
                    begun = None;
                }
                _ => {}
            }
        }
        SlotSet { ranges }
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> SlotSet {
        let mut numbers: Vec<u16> = slots.into_iter().map(Slot::number).collect();
        numbers.sort_unstable();
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if number <= *last + 1 => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        SlotSet { ranges }
    }
}

impl TryFrom<Vec<(u16, u16)>> for SlotSet {
    type Error = BadSlotSet;

    fn try_from(ranges: Vec<(u16, u16)>) -> Result<SlotSet, BadSlotSet> {
        let gaps = ranges.windows(2).all(|pair| pair[0].1.saturating_add(1) < pair[1].0);
        let sound = |&(first, last): &(u16, u16)| first <= last && last < SLOT_COUNT;
        if gaps && ranges.iter().all(sound) { Ok(SlotSet { ranges }) } else { Err(BadSlotSet) }
    }
}

impl From<SlotSet> for Vec<(u16, u16)> {
    fn from(set: SlotSet) -> Vec<(u16, u16)> {
        set.ranges
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = self.ranges.iter().map(|&(first, last)| first..=last);
        f.debug_set().entries(ranges).finish()
    }
}

/// Ranges that are no set of slots: out of order, touching, or beyond the last slot.
/// Nothing was changed; whoever sent them is broken or malicious.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("these ranges are no set of slots: out of order, touching, or beyond the last slot")]
pub struct BadSlotSet;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(numbers: &BTreeSet<u16>) -> SlotSet {
        numbers.iter().map(|&number| Slot::new(number).expect("below the last")).collect()
    }

    fn numbers() -> impl Strategy<Value = BTreeSet<u16>> {
        let low = proptest::collection::btree_set(0u16..20, 0..16);
        let high = proptest::collection::btree_set(SLOT_COUNT - 3..SLOT_COUNT, 0..3);
        (low, high).prop_map(|(low, high)| &low | &high)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn sets_of_slots_are_sets(a in numbers(), b in numbers()) {
            let (x, y) = (set(&a), set(&b));
            prop_assert_eq!(x.union(&y), set(&(&a | &b)));
            prop_assert_eq!(x.intersection(&y), set(&(&a & &b)));
            prop_assert_eq!(x.minus(&y), set(&(&a - &b)));
            prop_assert_eq!(x.is_subset(&y), a.is_subset(&b));
            prop_assert_eq!(x.is_disjoint(&y), a.is_disjoint(&b));
            prop_assert_eq!(x.len(), a.len());
            prop_assert!(Slot::all().all(|slot| x.contains(slot) == a.contains(&slot.number())));
            prop_assert_eq!(x.upper_half().len(), a.len() / 2);
            prop_assert!(x.upper_half().is_subset(&x));
            let bytes = postcard::to_allocvec(&x).expect("it has a form");
            prop_assert_eq!(postcard::from_bytes::<SlotSet>(&bytes), Ok(x));
        }
    }

    #[test]
    fn ranges_that_are_no_set_are_refused() {
        for ranges in [
            vec![(5, 4)],
            vec![(0, SLOT_COUNT)],
            vec![(3, 4), (0, 1)],
            vec![(0, 1), (2, 3)],
            vec![(0, u16::MAX), (1, 1)],
        ] {
            assert_eq!(SlotSet::try_from(ranges), Err(BadSlotSet));
        }
        assert_eq!(SlotSet::all().upper_half().iter().next(), Slot::new(SLOT_COUNT / 2));
    }
}
