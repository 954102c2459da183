//! Tuning in small experiments: one knob at a time is turned by one step, back
//! and forth, and stays turned only where that was measured to pay.
//!
//! What a node does changes from minute to minute by far more than any knob
//! does. So a step is not judged by before and after: readings under the old
//! value and under the new one are taken in pairs, in an order drawn anew for
//! each pair, and only the differences inside pairs count. A trend, or a load
//! that swings, then helps as often as it hurts.
//!
//! A step is kept if at least 22 of 24 pairs show more than the least
//! worthwhile gain, either in messages handled a second or in messages handled
//! for a second of CPU time, and the other of the two was not shown to be
//! worse. Where nothing is gained that has a chance of 1 in 56,000 at most for
//! each of the two, whatever the distribution. What was tried in vain is left
//! alone for a while that doubles each time, so that a node on which nothing
//! pays is soon left in peace.
//!
//! Absent on purpose: clocks, `/proc`, threads, and the knobs themselves; see
//! `tuning.rs`.
//!
//! # Source
//! The interval is that of the median without assumptions: Le Boudec,
//! "Performance Evaluation of Computer and Communication Systems", 2010,
//! theorem 2.1. Pairs in random order: as in `bench/README.md`.

mod knob;
mod trial;

use std::collections::VecDeque;
use std::time::Duration;

use nexus_base::{Rng, Time};

pub use knob::Knob;
pub use trial::{Gain, Outcome, TrialRecord};

use knob::KnobState;
use trial::{Step, Trial};

/// Pairs of readings in one trial: with readings 5 s apart, 4 minutes.
pub const PAIRS: usize = 24;

/// Pairs left out at either end of a gain's interval: the third smallest is its
/// lower bound, which holds but for one time in 56,000 (301 in 2²⁴).
pub const PAIRS_OUTSIDE: usize = 2;

/// The least worthwhile gain: smaller ones are not worth a node that differs
/// from its neighbours. A guess.
pub const GAIN_MIN: f64 = 0.02;

/// Trials that are remembered for people.
pub const HISTORY_MAX: usize = 64;

/// Messages handled between two readings below which these say nothing. A
/// guess: a reading of fewer depends on what the few were.
const HANDLED_MIN: u64 = 10_000;

/// Readings in a row that must say something before a trial begins. A guess.
const STEADY_READINGS: u32 = 3;

/// Pairs that may be lost in one trial, because the node was idle or its load
/// more than doubled inside the pair; then the trial is given up.
const LOST_PAIRS_MAX: u32 = 10;

/// Load inside a pair may change by this factor; more is another load.
const LOAD_RATIO_MAX: f64 = 2.0;

/// A trial is given up when memory has grown by this factor since it began:
/// what runs then is something else.
const MEMORY_RATIO_MAX: f64 = 1.25;

/// A step that did not pay is left alone for this long at first, and twice as
/// long each further time, up to [`REST_MAX`]. Guesses.
const REST_MIN: Duration = Duration::from_secs(600);

/// The longest rest of a step.
const REST_MAX: Duration = Duration::from_secs(86_400);

/// After a step was kept the way back rests at least so long: no knob swings.
const REST_BACK: Duration = Duration::from_secs(3_600);

/// What was seen since the reading before.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NodeReading {
    /// How long that was.
    pub span: Duration,
    /// Messages handled.
    pub handled: u64,
    /// CPU time of the process.
    pub cpu: Duration,
    /// Bytes of the process that are in memory; zero if unknown.
    pub resident_bytes: u64,
    /// Agents run by the busiest worker, divided by the mean of all: 1 is even.
    pub imbalance: f64,
}

impl NodeReading {
    /// Messages a second.
    fn rate(&self) -> f64 {
        self.handled as f64 / self.span.as_secs_f64().max(1e-9)
    }

    /// Messages for a second of CPU time.
    fn thrift(&self) -> f64 {
        self.handled as f64 / self.cpu.as_secs_f64().max(1e-9)
    }

    fn says_something(&self) -> bool {
        self.handled >= HANDLED_MIN && !self.cpu.is_zero() && !self.span.is_zero()
    }
}

/// What the tuner wants done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TunerEffect {
    /// Turn a knob to this value.
    Set(Knob, u64),
}

/// Decides which knob to turn, and whether that paid.
#[derive(Debug)]
pub struct Tuner {
    knobs: Vec<KnobState>,
    trial: Option<Trial>,
    steady: u32,
    next_id: u64,
    history: VecDeque<TrialRecord>,
    effects: VecDeque<TunerEffect>,
    rng: Rng,
}

impl Tuner {
    /// A tuner whose knobs stand where they stand without one. `rng` draws the
    /// order of readings.
    pub fn new(rng: Rng) -> Tuner {
        Tuner {
            knobs: Knob::ALL.iter().map(|knob| KnobState::new(*knob)).collect(),
            trial: None,
            steady: 0,
            next_id: 1,
            history: VecDeque::new(),
            effects: VecDeque::new(),
            rng,
        }
    }

    /// Takes in what was seen since the last call, under the values that were
    /// set by then.
    pub fn handle_reading(&mut self, now: Time, reading: NodeReading) {
        match self.trial.take() {
            Some(trial) => self.go_on(now, trial, reading),
            None => self.look_for_trial(now, reading),
        }
    }

    /// The oldest thing the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<TunerEffect> {
        self.effects.pop_front()
    }

    /// Where a knob stands when no trial has turned it.
    pub fn value(&self, knob: Knob) -> u64 {
        self.state(knob).value()
    }

    /// The latest trials, oldest first.
    pub fn history(&self) -> impl Iterator<Item = &TrialRecord> {
        self.history.iter()
    }

    /// Whether a trial is under way.
    pub fn is_trying(&self) -> bool {
        self.trial.is_some()
    }

    fn state(&self, knob: Knob) -> &KnobState {
        self.knobs.iter().find(|state| state.knob() == knob).expect("every knob has a state")
    }

    fn state_mut(&mut self, knob: Knob) -> &mut KnobState {
        self.knobs.iter_mut().find(|state| state.knob() == knob).expect("every knob has a state")
    }

    fn look_for_trial(&mut self, now: Time, reading: NodeReading) {
        self.steady = if reading.says_something() { self.steady + 1 } else { 0 };
        if self.steady < STEADY_READINGS {
            return;
        }
        let Some((knob, to)) = self.choose(now, reading.imbalance) else { return };
        let rng = self.rng.fork_index("trial", self.next_id);
        let step = (knob, self.value(knob), to);
        let trial = Trial::new(self.next_id, step, now, reading, rng);
        self.next_id += 1;
        self.effects.push_back(TunerEffect::Set(knob, trial.value()));
        self.trial = Some(trial);
    }

    /// The step to try next: of those that do not rest, one that suits how the
    /// work is spread, or else the one that has rested longest.
    fn choose(&self, now: Time, imbalance: f64) -> Option<(Knob, u64)> {
        let awake = self.knobs.iter().flat_map(|state| state.steps(now));
        awake
            .min_by_key(|step| (!step.suits(imbalance), step.rested_until))
            .map(|step| (step.knob, step.to))
    }

    fn go_on(&mut self, now: Time, mut trial: Trial, reading: NodeReading) {
        match trial.handle_reading(reading) {
            Step::Measure => {
                self.effects.push_back(TunerEffect::Set(trial.knob(), trial.value()));
                self.trial = Some(trial);
            }
            Step::End(outcome) => self.end(now, &trial, outcome),
        }
    }

    fn end(&mut self, now: Time, trial: &Trial, outcome: Outcome) {
        let record = trial.record(now, outcome);
        let state = self.state_mut(record.knob);
        match outcome {
            Outcome::Kept => state.keep(now, record.to),
            Outcome::RolledBack => state.rest(now, record.to),
            Outcome::GivenUp => state.pause(now, record.to),
        }
        let value = state.value();
        self.effects.push_back(TunerEffect::Set(record.knob, value));
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(record);
        self.steady = 0;
    }
}

#[cfg(test)]
mod tests;
