//! What a pool is judged by: one declared figure.

use std::time::Duration;

use nexus_base::{DURATION_MAX, Histogram};
use serde::{Deserialize, Serialize};

/// The one figure a pool's layers are judged by. Less is better in each.
///
/// Declared before anything is measured: whoever looks at several figures and then
/// picks one finds gains that are not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Mean cost, in seconds.
    MeanSeconds,
    /// The cost that 99 % of requests do not exceed, in seconds.
    P99Seconds,
    /// The share of requests that cost more than this.
    MissedShare(Duration),
}

/// The costs of some requests, reduced to what any objective needs. Costs above an
/// hour, [`DURATION_MAX`], count as an hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    costs: Histogram,
    missed: u64,
    sizes: u128,
}

impl Tally {
    pub(super) fn record(&mut self, objective: Objective, cost: Duration, size: u64) {
        self.costs.record(cost);
        self.sizes += u128::from(size);
        if let Objective::MissedShare(deadline) = objective {
            self.missed += u64::from(cost > deadline);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.costs.count()
    }

    /// Zero of no requests.
    pub(super) fn size_mean(&self) -> f64 {
        self.sizes as f64 / self.count().max(1) as f64
    }

    /// The figure; `None` of no requests.
    pub(super) fn figure(&self, objective: Objective) -> Option<f64> {
        (self.count() > 0).then(|| match objective {
            Objective::MeanSeconds => self.costs.mean().as_secs_f64(),
            Objective::P99Seconds => self.costs.p99().as_secs_f64(),
            Objective::MissedShare(_) => self.missed as f64 / self.count() as f64,
        })
    }
}

/// The figure of requests that cost so much; `None` of none.
#[cfg(feature = "proactive")]
pub(crate) fn figure(objective: Objective, costs: impl Iterator<Item = Duration>) -> Option<f64> {
    let mut tally = Tally::default();
    costs.for_each(|cost| tally.record(objective, cost, 0));
    tally.figure(objective)
}

impl Objective {
    /// Whether any request can miss: a deadline of nothing or beyond an hour cannot
    /// be told apart from others.
    pub(super) fn is_sound(self) -> bool {
        match self {
            Objective::MissedShare(deadline) => !deadline.is_zero() && deadline < DURATION_MAX,
            Objective::MeanSeconds | Objective::P99Seconds => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(objective: Objective, expected: f64) {
        let mut tally = Tally::default();
        assert_eq!(tally.figure(objective), None);
        (1..=100).for_each(|second| tally.record(objective, Duration::from_secs(second), 0));
        let found = tally.figure(objective).expect("a hundred requests");
        assert!((found - expected).abs() < 1e-3 * expected, "{found} for {expected}");
    }

    #[test]
    fn each_objective_has_its_figure() {
        check(Objective::MeanSeconds, 50.5);
        check(Objective::P99Seconds, 99.0);
        check(Objective::MissedShare(Duration::from_secs(90)), 0.10);
    }

    #[test]
    fn a_request_that_was_never_served_counts_as_an_hour_and_as_missed() {
        let objective = Objective::MissedShare(Duration::from_secs(30));
        let mut tally = Tally::default();
        tally.record(objective, Duration::MAX, 0);
        assert_eq!(tally.figure(objective), Some(1.0));
        assert_eq!(tally.figure(Objective::MeanSeconds), Some(3_600.0));
    }
}
