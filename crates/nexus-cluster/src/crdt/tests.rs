//! The laws, for each type, over random histories of three replicas.

use std::fmt::Debug;

use nexus_base::Rng;

use super::*;
use crate::NodeId;

/// One random change by one replica; the delta.
type Change<T> = fn(&mut T, NodeId, &mut Rng) -> T;

fn merged<T: Crdt>(one: &T, other: &T) -> T {
    let mut both = one.clone();
    both.merge(other).expect("far from any bound");
    both
}

/// Runs random histories and holds the laws against what comes out.
fn check<T: Crdt + Debug>(change: Change<T>) {
    for seed in 0..150 {
        let mut rng = Rng::new(seed);
        let mut states = [T::default(), T::default(), T::default()];
        let mut deltas = Vec::new();
        for _ in 0..rng.below(24) {
            let index = rng.below(3) as usize;
            if rng.below(4) == 0 {
                let other = states[rng.below(3) as usize].clone();
                states[index] = merged(&states[index], &other);
            } else {
                let before = states[index].clone();
                let delta = change(&mut states[index], NodeId(index as u64 + 1), &mut rng);
                assert_eq!(merged(&before, &delta), states[index], "a delta is the change");
                deltas.push(delta);
            }
        }
        laws(&states);
        let [a, b, c] = &states;
        let all = merged(&merged(a, b), c);
        rng.shuffle(&mut deltas);
        let twice = deltas.iter().chain(deltas.iter().rev());
        let joined = twice.fold(T::default(), |sum, delta| merged(&sum, delta));
        assert_eq!(joined, all, "deltas in any order, twice, are as good as states: {seed}");
        encoding(&all, &mut rng);
    }
}

fn laws<T: Crdt + Debug>([a, b, c]: &[T; 3]) {
    assert_eq!(merged(a, b), merged(b, a), "commutative");
    assert_eq!(merged(&merged(a, b), c), merged(a, &merged(b, c)), "associative");
    assert_eq!(merged(a, a), *a, "idempotent");
    assert_eq!(merged(a, &T::default()), *a, "the empty value changes nothing");
}

fn encoding<T: Crdt + Debug>(value: &T, rng: &mut Rng) {
    let bytes = value.encode();
    assert_eq!(T::decode(&bytes).as_ref(), Ok(value));
    assert!(value.is_sound());
    for cut in 0..bytes.len() {
        assert_eq!(T::decode(&bytes[..cut]), Err(CrdtError::Encoding), "{cut} bytes");
    }
    if !bytes.is_empty() {
        let mut damaged = bytes.clone();
        damaged[rng.below(bytes.len() as u64) as usize] = rng.next_u64() as u8;
        let decoded = T::decode(&damaged);
        assert!(decoded.is_err() || decoded.is_ok_and(|value| value.is_sound()));
    }
}

const FITS: &str = "far from any bound";

fn change_set(set: &mut AddWinsSet<u8>, replica: NodeId, rng: &mut Rng) -> AddWinsSet<u8> {
    let element = rng.below(4) as u8;
    let is_add = rng.below(3) > 0;
    if is_add { set.add(replica, element).expect(FITS) } else { set.remove(&element).expect(FITS) }
}

#[test]
fn counters_keep_the_laws() {
    check::<GrowCounter>(|it, replica, rng| it.add(replica, rng.below(9)).expect(FITS));
    check::<Counter>(|it, replica, rng| it.add(replica, rng.below(9) as i64 - 4).expect(FITS));
}

#[test]
fn registers_keep_the_laws() {
    check::<LastWriter<u8>>(|it, replica, rng| {
        it.set(replica, rng.below(9), rng.below(9) as u8).expect(FITS)
    });
    check::<MultiValue<u8>>(|it, replica, rng| it.set(replica, rng.below(9) as u8).expect(FITS));
}

#[test]
fn sets_keep_the_laws() {
    check::<AddWinsSet<u8>>(change_set);
}

#[test]
fn maps_keep_the_laws() {
    check::<CrdtMap<u8, Counter>>(|it, replica, rng| {
        let key = rng.below(3) as u8;
        if rng.below(4) == 0 {
            return it.remove(&key).expect(FITS);
        }
        it.update(replica, key, |count| count.add(replica, 1)).expect(FITS)
    });
    check::<CrdtMap<u8, AddWinsSet<u8>>>(|it, replica, rng| {
        let key = rng.below(3) as u8;
        it.update(replica, key, |set| Ok(change_set(set, replica, rng))).expect(FITS)
    });
}

#[test]
fn adding_wins_and_a_seen_addition_is_removed() {
    let (mut one, mut two) = (AddWinsSet::default(), AddWinsSet::default());
    let first = one.add(NodeId(1), 7u8).expect(FITS);
    two.merge(&first).expect(FITS);
    let removal = two.remove(&7).expect(FITS);
    let again = one.add(NodeId(1), 7u8).expect(FITS);
    two.merge(&again).expect(FITS);
    one.merge(&removal).expect(FITS);
    assert!(one.contains(&7) && two.contains(&7), "the removal knew of the first only");
    let removal = two.remove(&7).expect(FITS);
    one.merge(&removal).expect(FITS);
    assert!(one.is_empty() && two.is_empty());
}

#[test]
fn writes_that_knew_of_each_other_leave_one_value() {
    let (mut one, mut two) = (MultiValue::default(), MultiValue::default());
    let left = one.set(NodeId(1), 1u8).expect(FITS);
    let right = two.set(NodeId(2), 2).expect(FITS);
    one.merge(&right).expect(FITS);
    two.merge(&left).expect(FITS);
    assert_eq!(one.values().collect::<Vec<_>>(), [&1, &2]);
    two.set(NodeId(2), 3).expect(FITS);
    one.merge(&two).expect(FITS);
    assert_eq!(one.values().collect::<Vec<_>>(), [&3]);
}

#[test]
fn a_bound_refuses_and_changes_nothing() {
    let mut counter = GrowCounter::default();
    for replica in 0..REPLICAS_MAX as u64 {
        counter.add(NodeId(replica), 1).expect("up to the bound");
    }
    let before = counter.clone();
    let full = Err(CrdtError::Full { what: "replicas", max: REPLICAS_MAX });
    assert_eq!((counter.add(NodeId(5_000), 1), counter == before), (full, true));
    assert_eq!(counter.add(NodeId(1), u64::MAX), Err(CrdtError::Overflow));
    let mut late = LastWriter::default();
    late.set(NodeId(1), u64::MAX, 1u8).expect(FITS);
    assert_eq!(late.set(NodeId(1), 0, 2), Err(CrdtError::Overflow));
}

#[test]
fn a_write_after_what_was_seen_wins_whatever_the_clock_says() {
    let (mut fast, mut slow) = (LastWriter::default(), LastWriter::default());
    let early = fast.set(NodeId(2), 1_000, "fast".to_owned()).expect(FITS);
    slow.merge(&early).expect(FITS);
    let later = slow.set(NodeId(1), 5, "slow".to_owned()).expect(FITS);
    fast.merge(&later).expect(FITS);
    assert_eq!(fast.value(), Some(&"slow".to_owned()));
}
