//! What can be turned while a node runs, in which steps, and which of them rest.

use std::fmt;
use std::time::Duration;

use nexus_base::Time;

use super::{REST_BACK, REST_MAX, REST_MIN};
use crate::threads::BACKLOG;
use crate::worker::SLICE;

/// Work is spread unevenly from this ratio of the busiest worker to the mean
/// on, and evenly up to [`EVEN`]. Guesses.
const UNEVEN: f64 = 1.5;
const EVEN: f64 = 1.1;

/// What a tuner may turn. Each is safe to change at any time, and none changes
/// what a node promises.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Knob {
    /// Ready agents in one worker's queue above which another takes half of them.
    HelpBacklog,
    /// Microseconds a worker runs agents between two looks at its sockets.
    SliceMicros,
}

/// Values a slice takes. Longer ones would let sockets wait for longer than most
/// asks take.
const SLICES_US: [u64; 4] = [50, SLICE.as_micros() as u64, 200, 400];

impl Knob {
    /// Every knob there is.
    pub const ALL: &'static [Knob] = &[Knob::HelpBacklog, Knob::SliceMicros];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Knob::HelpBacklog => "help backlog",
            Knob::SliceMicros => "slice µs",
        }
    }

    /// The values it takes, from small to large. The untuned one is among them.
    pub(super) const fn values(self) -> &'static [u64] {
        match self {
            Knob::HelpBacklog => &[16, 32, BACKLOG as u64, 128, 256],
            Knob::SliceMicros => &SLICES_US,
        }
    }

    const fn untuned(self) -> u64 {
        match self {
            Knob::HelpBacklog => BACKLOG as u64,
            Knob::SliceMicros => SLICE.as_micros() as u64,
        }
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step that could be tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) knob: Knob,
    pub(super) to: u64,
    /// When its last rest was over; zero if it never had one.
    pub(super) rested_until: Time,
    down: bool,
}

impl Candidate {
    /// Whether it is what one would try where work is spread like that: help
    /// sooner where one worker has most of it, later where all have the same.
    pub(super) fn suits(&self, imbalance: f64) -> bool {
        match self.knob {
            Knob::HelpBacklog => {
                (self.down && imbalance >= UNEVEN) || (!self.down && imbalance <= EVEN)
            }
            Knob::SliceMicros => false,
        }
    }
}

/// Where a knob stands, and what became of its steps.
#[derive(Debug)]
pub(super) struct KnobState {
    knob: Knob,
    /// The index of its value.
    at: usize,
    /// For each value: until when it is left alone, and for how long the next time.
    rests: Vec<(Time, Duration)>,
}

impl KnobState {
    pub(super) fn new(knob: Knob) -> KnobState {
        let at = index_of(knob, knob.untuned());
        KnobState { knob, at, rests: vec![(Time::ZERO, REST_MIN); knob.values().len()] }
    }

    pub(super) fn knob(&self) -> Knob {
        self.knob
    }

    pub(super) fn value(&self) -> u64 {
        self.knob.values()[self.at]
    }

    /// One step down and one up, as far as they exist and do not rest.
    pub(super) fn steps(&self, now: Time) -> impl Iterator<Item = Candidate> + '_ {
        let next = [self.at.checked_sub(1), Some(self.at + 1)];
        let there = next.into_iter().flatten().filter(|index| *index < self.rests.len());
        there.filter(move |index| self.rests[*index].0 <= now).map(|index| Candidate {
            knob: self.knob,
            to: self.knob.values()[index],
            rested_until: self.rests[index].0,
            down: index < self.at,
        })
    }

    /// Stays at `value`; where it was before rests.
    pub(super) fn keep(&mut self, now: Time, value: u64) {
        let before = self.value();
        self.at = index_of(self.knob, value);
        let rest = &mut self.rests[index_of(self.knob, before)];
        rest.1 = rest.1.max(REST_BACK);
        self.rest(now, before);
    }

    /// Leaves `value` alone, and for twice as long the next time.
    pub(super) fn rest(&mut self, now: Time, value: u64) {
        let (until, next) = &mut self.rests[index_of(self.knob, value)];
        *until = now.after(*next);
        *next = (*next * 2).min(REST_MAX);
    }

    /// Leaves `value` alone for a short while: nothing was learned about it.
    pub(super) fn pause(&mut self, now: Time, value: u64) {
        self.rests[index_of(self.knob, value)].0 = now.after(REST_MIN);
    }
}

fn index_of(knob: Knob, value: u64) -> usize {
    let index = knob.values().iter().position(|one| *one == value);
    index.expect("a knob stands at one of its values")
}
