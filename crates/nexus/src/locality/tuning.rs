//! The thread that feeds the tuner: reads what the node did, hands it over, and
//! turns the knobs.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_agent::{Event, System};
use nexus_base::{EventName, Rng, Time};

use super::tuner::{Knob, NodeReading, Outcome, TrialRecord, Tuner, TunerEffect};
use super::usage;
use crate::threads::Threads;

/// Readings closer together than this say too little: CPU time is charged in
/// steps of up to 10 ms. A guess.
pub const TUNE_EVERY_MIN: Duration = Duration::from_millis(500);

/// What a node's tuning has come to.
#[derive(Clone, PartialEq, Debug)]
pub struct TuningReport {
    /// Where each knob stands.
    pub values: Vec<(Knob, u64)>,
    /// Whether a trial is under way.
    pub is_trying: bool,
    /// The latest trials, oldest first.
    pub trials: Vec<TrialRecord>,
}

/// The tuner, and what its thread needs.
pub(crate) struct Tuning {
    every: Duration,
    tuner: Mutex<Tuner>,
}

impl Tuning {
    pub(crate) fn new(every: Duration, rng: Rng) -> Tuning {
        Tuning { every, tuner: Mutex::new(Tuner::new(rng)) }
    }

    fn lock(&self) -> MutexGuard<'_, Tuner> {
        self.tuner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self) -> TuningReport {
        let tuner = self.lock();
        TuningReport {
            values: Knob::ALL.iter().map(|knob| (*knob, tuner.value(*knob))).collect(),
            is_trying: tuner.is_trying(),
            trials: tuner.history().copied().collect(),
        }
    }

    /// Tunes until `stop` is dropped.
    pub(crate) fn run(&self, threads: &Arc<Threads>, system: &Arc<System>, stop: &Receiver<()>) {
        let mut before = Sample::take(threads, system);
        while stop.recv_timeout(self.every) == Err(RecvTimeoutError::Timeout) {
            let now = Sample::take(threads, system);
            let reading = now.since(&before);
            before = now;
            self.step(threads, before.at, reading);
        }
    }

    fn step(&self, threads: &Threads, now: Time, reading: NodeReading) {
        let mut tuner = self.lock();
        let trials_before = tuner.history().last().map(|trial| trial.id);
        tuner.handle_reading(now, reading);
        while let Some(TunerEffect::Set(knob, value)) = tuner.poll_effect() {
            threads.knobs().set(knob, value);
        }
        let ended = tuner.history().last().copied();
        drop(tuner);
        if let Some(trial) = ended.filter(|trial| Some(trial.id) != trials_before) {
            announce(threads, now, &trial);
        }
    }
}

/// Tells of a trial that is over: of one that changed the node as an event.
fn announce(threads: &Threads, at: Time, trial: &TrialRecord) {
    tracing::info!(target: "nexus", "{trial}");
    if trial.outcome == Outcome::Kept {
        let detail = trial.to_string();
        threads.events.push(Event { at, name: EventName::NodeTuned, agent: String::new(), detail });
    }
}

/// Counters at one moment.
struct Sample {
    at: Time,
    handled: u64,
    cpu: Duration,
    resident_bytes: u64,
    runs: Vec<u64>,
}

impl Sample {
    fn take(threads: &Threads, system: &System) -> Sample {
        Sample {
            at: threads.clock().now(),
            handled: system.counts().values().map(|counts| counts.handled).sum(),
            cpu: usage::cpu_time(),
            resident_bytes: usage::resident_bytes(Path::new("/proc")).unwrap_or(0),
            runs: threads.seats().iter().map(|seat| seat.runs.load(Ordering::Relaxed)).collect(),
        }
    }

    fn since(&self, before: &Sample) -> NodeReading {
        let runs = self.runs.iter().zip(&before.runs).map(|(now, then)| now.saturating_sub(*then));
        NodeReading {
            span: self.at.since(before.at),
            handled: self.handled.saturating_sub(before.handled),
            cpu: self.cpu.saturating_sub(before.cpu),
            resident_bytes: self.resident_bytes,
            imbalance: imbalance(runs),
        }
    }
}

/// The greatest of `runs` divided by their mean; 1 of nothing.
fn imbalance(runs: impl Iterator<Item = u64> + Clone) -> f64 {
    let (most, sum) = (runs.clone().max().unwrap_or(0), runs.clone().sum::<u64>());
    if sum == 0 { 1.0 } else { most as f64 * runs.count() as f64 / sum as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_the_busiest_against_the_mean() {
        let of = |runs: &[u64]| imbalance(runs.iter().copied());
        assert_eq!((of(&[]), of(&[0, 0]), of(&[5, 5])), (1.0, 1.0, 1.0));
        assert_eq!((of(&[10, 0]), of(&[6, 2, 1, 3])), (2.0, 2.0));
    }
}
