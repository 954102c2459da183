//! The links between nodes, and between clients and nodes.
//!
//! A link is in order unless told otherwise, as a connection is; what it loses it loses
//! whole, as a connection that broke and was made anew does.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use nexus_base::{Rng, Time};

use super::family::{Family, FaultCounts};
use super::plan::Plan;

/// When copies of a frame arrive, and whether it is damaged.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Passage {
    /// Up to two copies.
    pub(crate) arrivals: [Option<Time>; 2],
    /// Whether bits are flipped on the way.
    pub(crate) corrupt: bool,
}

/// One cut between nodes: frames from the first to the second do not pass.
#[derive(Clone, Debug)]
struct Cut {
    number: u64,
    /// For each pair, whether frames are stopped.
    pairs: Vec<(u32, u32)>,
}

/// What is sent between two moments takes longer and longer.
#[derive(Clone, Copy, Debug)]
struct Swell {
    pair: usize,
    since: Time,
    until: Time,
    /// What a moment becomes.
    by: u64,
}

/// All links of the cluster.
pub(crate) struct Links {
    count: u32,
    /// How many cuts stop frames, from and to.
    stopped: Vec<u16>,
    /// When the last frame in order arrives, from and to.
    last: Vec<Time>,
    cuts: Vec<Cut>,
    cut_number: u64,
    swells: Vec<Swell>,
    rng: Rng,
}

impl Links {
    /// Links among `count` nodes.
    pub(crate) fn new(count: u32, rng: &Rng) -> Links {
        let pairs = (count * count) as usize;
        Links {
            count,
            stopped: vec![0; pairs],
            last: vec![Time::ZERO; pairs],
            cuts: Vec::new(),
            cut_number: 0,
            swells: Vec::new(),
            rng: rng.fork("links"),
        }
    }

    fn pair(&self, from: u32, to: u32) -> usize {
        (from * self.count + to) as usize
    }

    /// What becomes of a frame sent now from one node to another.
    #[inline]
    pub(crate) fn pass(
        &mut self,
        now: Time,
        (from, to): (u32, u32),
        plan: &Plan,
        counts: &mut FaultCounts,
    ) -> Passage {
        let pair = self.pair(from, to);
        if self.stopped[pair] > 0 {
            return Passage::default();
        }
        let swollen = self.swollen(now, pair);
        let rng = &mut self.rng;
        let mut strikes = |family: Family, chance, rng: &mut Rng| {
            let does = plan.families.has(family) && rng.chance(chance);
            if does {
                counts.count(family);
            }
            does
        };
        let dose = &plan.link;
        if strikes(Family::Loss, dose.loss, rng) {
            return Passage::default();
        }
        let mut takes = plan.latency + part_of(plan.latency, rng);
        if strikes(Family::Delay, dose.delay, rng) {
            takes += dose.delay_mean.mul_f64(rng.exponential().min(10.0));
        }
        let overtaken = strikes(Family::Reorder, dose.reorder, rng);
        let mut arrival = now.after(takes);
        if overtaken {
            arrival = arrival.after(part_of(plan.latency * 8, rng));
        } else {
            arrival = arrival.max(self.last[pair]).max(swollen);
            self.last[pair] = arrival;
        }
        let corrupt = strikes(Family::Corrupt, dose.corrupt, rng);
        let again = strikes(Family::Duplicate, dose.duplicate, rng)
            .then(|| arrival.after(part_of(plan.latency * 16, rng)));
        Passage { arrivals: [Some(arrival), again], corrupt }
    }

    /// Has whatever is sent in order from now on wait until `until`.
    pub(crate) fn stall(&mut self, (from, to): (u32, u32), until: Time) {
        let pair = self.pair(from, to);
        self.last[pair] = self.last[pair].max(until);
    }

    /// Has what is sent until `until` take longer and longer: a moment becomes `by` of them.
    /// What follows waits, until that has arrived.
    pub(crate) fn swell(&mut self, (from, to): (u32, u32), since: Time, until: Time, by: u64) {
        let pair = self.pair(from, to);
        self.swells.retain(|swell| swell.until > since);
        self.swells.push(Swell { pair, since, until, by });
    }

    /// The earliest that something sent now arrives.
    fn swollen(&self, now: Time, pair: usize) -> Time {
        let swells = self.swells.iter().filter(|swell| swell.pair == pair && now < swell.until);
        let arrival = |swell: &Swell| swell.since.after(now.since(swell.since) * swell.by as u32);
        swells.map(arrival).max().unwrap_or(Time::ZERO)
    }

    /// Cuts `pairs`; the number by which it is mended.
    pub(crate) fn cut(&mut self, pairs: Vec<(u32, u32)>) -> u64 {
        for &(from, to) in &pairs {
            let pair = self.pair(from, to);
            self.stopped[pair] += 1;
        }
        self.cut_number += 1;
        self.cuts.push(Cut { number: self.cut_number, pairs });
        self.cut_number
    }

    /// Undoes a cut, if it is not mended yet; the pairs that no other one keeps apart.
    pub(crate) fn mend(&mut self, number: u64) -> Vec<(u32, u32)> {
        let Some(place) = self.cuts.iter().position(|cut| cut.number == number) else {
            return Vec::new();
        };
        let mut pairs = self.cuts.swap_remove(place).pairs;
        pairs.retain(|&(from, to)| {
            let pair = self.pair(from, to);
            self.stopped[pair] -= 1;
            self.stopped[pair] == 0
        });
        pairs
    }

    /// Undoes all cuts.
    pub(crate) fn mend_all(&mut self) {
        self.cuts.clear();
        self.swells.clear();
        self.stopped.fill(0);
    }

    /// Flips one to four bits of `frame`.
    pub(crate) fn damage(&mut self, frame: &Bytes) -> Bytes {
        let mut bytes = BytesMut::from(&frame[..]);
        for _ in 0..=self.rng.below(4) {
            let bit = self.rng.below(bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        bytes.freeze()
    }
}

fn part_of(whole: Duration, rng: &mut Rng) -> Duration {
    // Links take microseconds to seconds: far from the end of a `u64`.
    Duration::from_nanos(rng.below(whole.as_nanos() as u64 + 1))
}

/// When copies of what passes between a client and a node arrive. Never in order: each is a
/// request of its own.
pub(crate) fn copies(
    plan: &Plan,
    rng: &mut Rng,
    counts: &mut FaultCounts,
) -> [Option<Duration>; 2] {
    let takes = plan.latency + Duration::from_nanos(rng.below(1_000_000));
    let mut strikes = |family, chance, rng: &mut Rng| {
        let does = plan.families.has(family) && rng.chance(chance);
        if does {
            counts.count(family);
        }
        does
    };
    if strikes(Family::Loss, plan.link.loss, rng) {
        return [None; 2];
    }
    let more = if strikes(Family::Delay, plan.link.delay, rng) {
        plan.link.delay_mean.mul_f64(rng.exponential().min(10.0))
    } else {
        Duration::ZERO
    };
    let again = strikes(Family::Duplicate, plan.link.duplicate, rng).then_some(takes * 3 + more);
    [Some(takes + more), again]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Families;

    fn world(families: Families) -> (Links, Plan, FaultCounts) {
        let rng = Rng::new(5);
        (Links::new(3, &rng), Plan::draw(families, &rng), FaultCounts::default())
    }

    #[test]
    fn without_faults_each_frame_arrives_once_and_in_order() {
        let (mut links, plan, mut counts) = world(Families::NONE);
        let mut last = Time::ZERO;
        for nanos in 0..1_000 {
            let passage = links.pass(Time::from_nanos(nanos), (0, 1), &plan, &mut counts);
            let [Some(arrival), None] = passage.arrivals else { panic!("{passage:?}") };
            assert!(arrival >= last && !passage.corrupt);
            last = arrival;
        }
        assert_eq!(counts, FaultCounts::default());
    }

    #[test]
    fn a_cut_stops_its_direction_until_it_is_mended() {
        let (mut links, plan, mut counts) = world(Families::NONE);
        let mut passes = |links: &mut Links, pair| {
            links.pass(Time::ZERO, pair, &plan, &mut counts).arrivals[0].is_some()
        };
        let (first, second) = (links.cut(vec![(0, 1)]), links.cut(vec![(0, 1), (1, 2)]));
        assert!(!passes(&mut links, (0, 1)) && passes(&mut links, (1, 0)));
        assert_eq!(links.mend(first), [], "the other one is there still");
        assert!(!passes(&mut links, (0, 1)));
        assert_eq!(links.mend(second), [(0, 1), (1, 2)]);
        assert_eq!(links.mend(second), []);
        assert!(passes(&mut links, (0, 1)) && passes(&mut links, (1, 2)));
    }

    #[test]
    fn what_is_said_on_a_link_that_swells_is_later_and_later_and_in_order() {
        let (mut links, plan, mut counts) = world(Families::NONE);
        let millis = |count: u64| Time::from_nanos(count * 1_000_000);
        links.swell((0, 1), millis(100), millis(300), 4);
        let mut arrives = |links: &mut Links, at| {
            links.pass(millis(at), (0, 1), &plan, &mut counts).arrivals[0].expect("none is lost")
        };
        let [first, middle, last, after] = [110, 200, 299, 400].map(|at| arrives(&mut links, at));
        assert_eq!((first, middle, last), (millis(140), millis(500), millis(896)));
        assert_eq!(after, last, "what follows waits");
        links.stall((0, 1), millis(2_000));
        assert_eq!(arrives(&mut links, 1_000), millis(2_000));
    }

    #[test]
    fn damage_changes_a_frame_and_not_its_length() {
        let (mut links, ..) = world(Families::NONE);
        let frame = Bytes::from_static(b"some words");
        let changed = (0..100).filter(|_| links.damage(&frame) != frame).count();
        // Two flips of one bit may undo each other.
        assert!(changed > 90);
        assert_eq!(links.damage(&frame).len(), frame.len());
    }
}
