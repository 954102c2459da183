//! One experiment: an old value against a new one, in pairs of readings.

use std::fmt;

use nexus_base::{Rng, Time};

use super::{
    GAIN_MIN, Knob, LOAD_RATIO_MAX, LOST_PAIRS_MAX, MEMORY_RATIO_MAX, NodeReading, PAIRS,
    PAIRS_OUTSIDE,
};

/// A gain and how sure it is: 0.05 is five per cent more, negative is a loss.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Gain {
    /// The true one is above this, but for one time in 56,000.
    pub low: f64,
    /// The median of the pairs.
    pub median: f64,
    /// The true one is below this, likewise.
    pub high: f64,
}

impl Gain {
    /// Of all pairs of a whole trial; of fewer nothing is known.
    fn of(pairs: &[f64]) -> Gain {
        if pairs.len() < PAIRS {
            return Gain { low: f64::NEG_INFINITY, median: 0.0, high: f64::INFINITY };
        }
        let mut sorted = pairs.to_vec();
        sorted.sort_by(f64::total_cmp);
        Gain {
            low: sorted[PAIRS_OUTSIDE],
            median: nexus_base::stats::median(&sorted),
            high: sorted[sorted.len() - 1 - PAIRS_OUTSIDE],
        }
    }
}

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, median, high] = [self.low, self.median, self.high].map(|gain| gain * 100.0);
        write!(f, "{median:+.1} % ({low:+.1} to {high:+.1})")
    }
}

/// What became of a trial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The gain was shown: the new value stays.
    Kept,
    /// It was not: the old value is back.
    RolledBack,
    /// The load changed too much to tell: the old value is back.
    GivenUp,
}

/// A trial that is over.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TrialRecord {
    /// Counts trials from one.
    pub id: u64,
    /// What was turned.
    pub knob: Knob,
    /// The old value.
    pub from: u64,
    /// The new value.
    pub to: u64,
    /// When it began.
    pub began: Time,
    /// When it ended.
    pub ended: Time,
    /// Pairs of readings it came to.
    pub pairs: usize,
    /// In messages handled a second.
    pub rate: Gain,
    /// In messages handled for a second of CPU time.
    pub thrift: Gain,
    /// What became of it.
    pub outcome: Outcome,
}

impl fmt::Display for TrialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrialRecord { id, knob, from, to, pairs, rate, thrift, .. } = self;
        let outcome = match self.outcome {
            Outcome::Kept => "kept",
            Outcome::RolledBack => "rolled back",
            Outcome::GivenUp => "given up",
        };
        write!(
            f,
            "trial {id}: {knob} {from} to {to} {outcome} after {pairs} pairs: messages a second \
             {rate}, for a second of CPU {thrift}"
        )
    }
}

/// What comes next in a trial.
pub(super) enum Step {
    /// Another reading, under the trial's value.
    Measure,
    End(Outcome),
}

/// A trial under way.
#[derive(Debug)]
pub(super) struct Trial {
    id: u64,
    knob: Knob,
    from: u64,
    to: u64,
    began: Time,
    resident_bytes: u64,
    /// Whether the pair under way begins with the new value.
    begins_new: bool,
    /// The first reading of the pair that is half done.
    first: Option<NodeReading>,
    rates: Vec<f64>,
    thrifts: Vec<f64>,
    lost: u32,
    rng: Rng,
}

impl Trial {
    /// A step of a knob, from a value to another. `reading` is what the node was
    /// like before.
    pub(super) fn new(
        id: u64,
        (knob, from, to): (Knob, u64, u64),
        began: Time,
        reading: NodeReading,
        mut rng: Rng,
    ) -> Trial {
        Trial {
            id,
            knob,
            from,
            to,
            began,
            resident_bytes: reading.resident_bytes,
            begins_new: coin(&mut rng),
            first: None,
            rates: Vec::with_capacity(PAIRS),
            thrifts: Vec::with_capacity(PAIRS),
            lost: 0,
            rng,
        }
    }

    pub(super) fn knob(&self) -> Knob {
        self.knob
    }

    /// The value to measure under next.
    pub(super) fn value(&self) -> u64 {
        if self.begins_new != self.first.is_some() { self.to } else { self.from }
    }

    pub(super) fn handle_reading(&mut self, reading: NodeReading) -> Step {
        if reading.resident_bytes as f64 > self.resident_bytes as f64 * MEMORY_RATIO_MAX
            && self.resident_bytes > 0
        {
            return Step::End(Outcome::GivenUp);
        }
        if !reading.says_something() {
            return self.lose();
        }
        let Some(first) = self.first.take() else {
            self.first = Some(reading);
            return Step::Measure;
        };
        let (old, new) = if self.begins_new { (reading, first) } else { (first, reading) };
        self.begins_new = coin(&mut self.rng);
        let ratio = new.rate() / old.rate();
        if !(1.0 / LOAD_RATIO_MAX..=LOAD_RATIO_MAX).contains(&ratio) {
            return self.lose();
        }
        self.rates.push(gain(old.rate(), new.rate()));
        self.thrifts.push(gain(old.thrift(), new.thrift()));
        if self.rates.len() < PAIRS {
            return Step::Measure;
        }
        let (rate, thrift) = (Gain::of(&self.rates), Gain::of(&self.thrifts));
        let pays = |one: Gain, other: Gain| one.low > GAIN_MIN && other.high >= 0.0;
        let kept = pays(rate, thrift) || pays(thrift, rate);
        Step::End(if kept { Outcome::Kept } else { Outcome::RolledBack })
    }

    fn lose(&mut self) -> Step {
        self.first = None;
        self.lost += 1;
        if self.lost > LOST_PAIRS_MAX { Step::End(Outcome::GivenUp) } else { Step::Measure }
    }

    pub(super) fn record(&self, ended: Time, outcome: Outcome) -> TrialRecord {
        TrialRecord {
            id: self.id,
            knob: self.knob,
            from: self.from,
            to: self.to,
            began: self.began,
            ended,
            pairs: self.rates.len(),
            rate: Gain::of(&self.rates),
            thrift: Gain::of(&self.thrifts),
            outcome,
        }
    }
}

fn coin(rng: &mut Rng) -> bool {
    rng.below(2) == 1
}

/// By how much `new` is more than `old`, of their mean: the same size both ways.
fn gain(old: f64, new: f64) -> f64 {
    2.0 * (new - old) / (new + old)
}
