//! Random groups: late, twice, out of order.

use std::cmp::Ordering;

use nexus_base::Rng;

use super::*;
use crate::NodeId;

type Letter = (NodeId, VectorClock, u32);

const NODES: u64 = 4;
const FITS: &str = "four nodes fit into a clock";

/// A run in which each node sends some letters, and each letter reaches each node late and
/// perhaps twice; what each node was shown, in order.
fn run(seed: u64, waiting_max: usize) -> (Vec<Letter>, Vec<Vec<u32>>) {
    let mut rng = Rng::new(seed);
    let mut buffers: Vec<CausalBuffer<u32>> =
        (0..NODES).map(|index| CausalBuffer::new(NodeId(index), waiting_max)).collect();
    let (mut letters, mut shown) = (Vec::new(), vec![Vec::new(); NODES as usize]);
    let mut under_way: Vec<(usize, Letter)> = Vec::new();
    while letters.len() < 40 || !under_way.is_empty() {
        if letters.len() < 40 && rng.below(3) == 0 {
            let from = rng.below(NODES) as usize;
            let clock = buffers[from].stamp().expect(FITS);
            let letter = (NodeId(from as u64), clock, letters.len() as u32);
            shown[from].push(letter.2);
            let others = (0..NODES as usize).filter(|to| *to != from);
            under_way.extend(others.map(|to| (to, letter.clone())));
            letters.push(letter);
        } else if !under_way.is_empty() {
            let at = rng.below(under_way.len() as u64) as usize;
            let (to, (from, clock, number)) = under_way[at].clone();
            let taken = buffers[to].handle_message(from, clock, number);
            let is_full = matches!(taken, Err(CausalError::Full { .. }));
            if !is_full && rng.below(4) > 0 {
                under_way.swap_remove(at);
            }
            shown[to].extend(std::iter::from_fn(|| buffers[to].poll_message()).map(|it| it.1));
            assert!(buffers[to].waiting_len() <= waiting_max);
        }
    }
    assert!(buffers.iter().all(|buffer| buffer.missing().is_empty()));
    (letters, shown)
}

#[test]
fn causes_come_before_what_they_caused_and_all_comes_once() {
    for seed in 0..100 {
        let (letters, shown) = run(seed, if seed % 2 == 0 { 3 } else { 100 });
        for order in shown {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..letters.len() as u32), "each once: seed {seed}");
            let clock = |number: &u32| &letters[*number as usize].1;
            for (at, later) in order.iter().enumerate() {
                let wrong = order[..at].iter().find(|earlier| clock(earlier) > clock(later));
                assert_eq!(wrong, None, "shown before its cause {later}: seed {seed}");
            }
        }
    }
}

#[test]
fn what_is_missing_is_named_and_can_be_given_up() {
    let mut sender = CausalBuffer::<u32>::new(NodeId(1), 8);
    let clocks: Vec<_> = (0..4).map(|_| sender.stamp().expect(FITS)).collect();
    let mut buffer = CausalBuffer::new(NodeId(2), 8);
    buffer.handle_message(NodeId(1), clocks[3].clone(), 3).expect("there is room");
    assert_eq!(buffer.missing(), [(NodeId(1), 1, 3)]);
    buffer.handle_message(NodeId(1), clocks[0].clone(), 0).expect("there is room");
    assert_eq!(buffer.poll_message(), Some((NodeId(1), 0)));
    assert_eq!((buffer.poll_message(), buffer.missing()), (None, vec![(NodeId(1), 2, 3)]));
    buffer.give_up(NodeId(1), 3).expect(FITS);
    assert_eq!((buffer.poll_message(), buffer.waiting_len()), (Some((NodeId(1), 3)), 0));
}

#[test]
fn senseless_messages_come_back() {
    let mut buffer = CausalBuffer::new(NodeId(1), 1);
    let clock = CausalBuffer::<u32>::new(NodeId(2), 1).stamp().expect(FITS);
    let of = |from| (NodeId(from), clock.clone());
    let (from, clock) = of(3);
    assert_eq!(buffer.handle_message(from, clock, 9), Err(CausalError::Malformed(9)));
    let (from, clock) = of(2);
    assert_eq!(buffer.handle_message(from, clock, 9), Ok(()));
    let (from, clock) = of(2);
    assert_eq!(buffer.handle_message(from, clock, 9), Err(CausalError::Known(9)));
}

#[test]
fn clocks_compare_merge_and_travel() {
    let clock = |counts: &[(u64, u64)]| {
        let mut clock = VectorClock::default();
        for (node, count) in counts {
            clock.raise(NodeId(*node), *count).expect(FITS);
        }
        clock
    };
    let (one, two) = (clock(&[(1, 2), (2, 1)]), clock(&[(1, 1), (2, 2)]));
    assert_eq!(one.partial_cmp(&two), None);
    let mut both = one.clone();
    both.merge(&two).expect(FITS);
    assert_eq!(both, clock(&[(1, 2), (2, 2)]));
    assert_eq!(one.partial_cmp(&both), Some(Ordering::Less));
    let bytes = postcard::to_allocvec(&both).expect("it encodes");
    assert_eq!(postcard::from_bytes::<VectorClock>(&bytes), Ok(both));
    assert!(postcard::from_bytes::<VectorClock>(&[1, 1, 0]).is_err(), "a count of zero");
    let full: Vec<_> = (0..1_024).map(|node| (node, 1)).collect();
    assert_eq!(clock(&full).tick(NodeId(5_000)), Err(ClockError::Full));
}
