//! Gains from single requests, where they share nothing.
//!
//! Each request is its own experiment, so an answer comes hundreds of times sooner
//! than from blocks of time. It is also the usual way to fool oneself: requests
//! that share servers, queues or a cache are not independent, and on the shipped
//! trace a control group of 5 % reports a gain of 35 % where the truth is 4 %.

use std::time::Duration;

use nexus_base::Rng;

use super::objective::Tally;
use super::pair_sequence::{BlockFigure, PairSequence};
use super::{Arm, Gain, Objective, SequenceError};

/// Requests of each arm that make one pair. Source: a guess; a mean of fifty is
/// about normal for costs as skewed as an exponential distribution.
const BATCH: u64 = 50;
/// Pairs after which intervals are to be narrowest. Source: a guess.
const TUNED_FOR_PAIRS: u64 = 50;

/// What requests share with each other, as declared by whoever knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// Nothing: each has all it needs, and how one is served is not felt by any other.
    Nothing,
    /// Servers, a queue, a connection, a cache, a budget: capacity of any kind.
    Capacity,
}

/// Why requests cannot be each other's control.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum PerRequestError {
    /// They share capacity.
    #[error(
        "requests that share capacity are not each other's control: what those with the layer \
         gain is taken from those without; measure the whole pool with a switchback instead"
    )]
    SharedCapacity,
    /// A deadline that says nothing.
    #[error("the deadline of the objective must be above nothing and below an hour")]
    Deadline,
    /// An error that is none.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
}

/// A coin for each request, for layers whose requests share nothing.
///
/// ```
/// use nexus_base::Rng;
/// use nexus_intel::measure::{Objective, PerRequest, PerRequestError, Shared};
///
/// let new = |shared| PerRequest::new(shared, Objective::MeanSeconds, 0.05, Rng::new(1));
/// assert_eq!(new(Shared::Capacity).err(), Some(PerRequestError::SharedCapacity));
/// assert!(new(Shared::Nothing).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct PerRequest {
    objective: Objective,
    rng: Rng,
    /// Batches being filled, without and with the layer.
    batches: [Tally; 2],
    sequence: PairSequence,
}

impl PerRequest {
    /// One that errs with probability `alpha`.
    ///
    /// # Errors
    /// [`PerRequestError::SharedCapacity`] if that is what requests share; the others
    /// for settings that say nothing.
    pub fn new(
        shared: Shared,
        objective: Objective,
        alpha: f64,
        rng: Rng,
    ) -> Result<PerRequest, PerRequestError> {
        if shared == Shared::Capacity {
            return Err(PerRequestError::SharedCapacity);
        }
        if !objective.is_sound() {
            return Err(PerRequestError::Deadline);
        }
        let sequence = PairSequence::new(alpha, TUNED_FOR_PAIRS)?;
        Ok(PerRequest { objective, rng, batches: Default::default(), sequence })
    }

    /// Whether the next request is served with the layer.
    pub fn draw(&mut self) -> Arm {
        if self.rng.below(2) == 0 { Arm::Off } else { Arm::On }
    }

    /// Takes in what a request cost that was served like this; [`Duration::MAX`] if it
    /// was refused, failed or was given up. `size` as of an [`super::Outcome`].
    pub fn handle_outcome(&mut self, arm: Arm, cost: Duration, size: u64) {
        self.batches[arm as usize].record(self.objective, cost, size);
        if self.batches.iter().all(|batch| batch.count() >= BATCH) {
            let [off, on] = std::mem::take(&mut self.batches).map(|batch| self.figure(&batch));
            self.sequence.record(on, off);
        }
    }

    /// What is measured so far; a block is a batch of requests here.
    pub fn gain(&self) -> Gain {
        self.sequence.gain()
    }

    fn figure(&self, batch: &Tally) -> BlockFigure {
        let figure = batch.figure(self.objective).expect("a batch is full");
        // Each pair counts the same: how many of a batch there are is the coin's.
        BlockFigure { figure, count: BATCH, size_mean: batch.size_mean() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Verdict;

    fn gain(factor: f64, seed: u64) -> Gain {
        let rng = Rng::new(seed);
        let objective = Objective::MeanSeconds;
        let mut control = PerRequest::new(Shared::Nothing, objective, 0.05, rng.fork("coin"))
            .expect("nothing is shared");
        let mut costs = rng.fork("costs");
        for _ in 0..20_000 {
            let arm = control.draw();
            let cost = costs.exponential() * if arm == Arm::On { factor } else { 1.0 };
            control.handle_outcome(arm, Duration::from_secs_f64(cost), 0);
        }
        control.gain()
    }

    #[test]
    fn where_nothing_is_shared_it_finds_gains_and_harm() {
        assert_eq!(gain(0.8, 1).verdict(0.02), Verdict::Gain);
        assert_eq!(gain(1.25, 2).verdict(0.02), Verdict::Harm);
        let [low, high] = gain(1.0, 3).interval.expect("hundreds of batches");
        assert!(low < 1.0 && 1.0 < high);
    }

    #[test]
    fn where_capacity_is_shared_it_refuses_and_says_what_to_do_instead() {
        let refused = PerRequest::new(Shared::Capacity, Objective::MeanSeconds, 0.05, Rng::new(1));
        let error = refused.expect_err("refused").to_string();
        assert!(error.contains("share capacity") && error.contains("switchback"), "{error}");
    }

    #[test]
    fn settings_that_say_nothing_are_refused() {
        let new = |objective, alpha| {
            PerRequest::new(Shared::Nothing, objective, alpha, Rng::new(1)).err()
        };
        let deadline = Objective::MissedShare(Duration::ZERO);
        assert_eq!(new(deadline, 0.05), Some(PerRequestError::Deadline));
        assert!(new(Objective::MeanSeconds, f64::NAN).is_some());
    }
}
