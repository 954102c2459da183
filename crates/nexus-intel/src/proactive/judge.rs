//! Whether predictions are worth going by.

use super::Fault;
use super::outlook::sane;
use crate::learn::{Contest, Prediction, Reason, Source, Verdict};

/// Outcomes in a row that must be well after one that was no amount of work. A
/// guess: as many as a verdict on a model is made from.
const WELL_IN_A_ROW: u32 = 200;

/// Speeds that are doubted are learned anew; if that happens again within so many
/// outcomes, it was not that they had changed. A guess: five verdicts.
const ANEW_WITHIN: u64 = 1_000;

/// Speeds are doubted when predictions with them are off by so many times as much as
/// without. Where requests are all alike, what is not sure about a speed shows in each
/// prediction, and it is worth knowing all the same who is slow: on the pools tried
/// that passes 1.1 times now and then, and a stuck sensor is above 1.7.
const SPEEDS_DOUBT_ABOVE: f64 = 1.5;

/// ... and if that is so large a share of what requests take. Where work is all but
/// known, a few percent of error in speeds are many times what is left without them, and
/// cost nothing. A guess.
const SPEEDS_WORSE_MIN: f64 = 0.1;

/// Below this no work is expected of anything: a nanosecond.
const EXPECTED_MIN_S: f64 = 1e-9;

/// Keeps what is held of the model and of the speeds.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    work_fault: Option<Fault>,
    /// Predictions that still have to be amounts before one that was not is forgiven.
    to_forgive: u32,
    /// Predictions with the speeds of servers against those without.
    speeds: Contest,
    speeds_judged: u64,
    /// When speeds were learned anew last, by outcomes.
    anew_at: Option<u64>,
    no_speed: bool,
}

impl Judge {
    pub(crate) fn new() -> Judge {
        Judge {
            work_fault: None,
            to_forgive: 0,
            speeds: Contest::doubting_above(SPEEDS_DOUBT_ABOVE, SPEEDS_WORSE_MIN),
            speeds_judged: 0,
            anew_at: None,
            no_speed: false,
        }
    }

    pub(crate) fn work_fault(&self) -> Option<Fault> {
        if self.to_forgive > 0 { Some(Fault::NoAmount) } else { self.work_fault }
    }

    pub(crate) fn speeds_fault(&self) -> Option<Fault> {
        match self.speeds.verdict() {
            _ if self.no_speed => Some(Fault::NoSpeed),
            Verdict::Doubted(doubt) => Some(Fault::Speeds(doubt)),
            Verdict::Trusted => None,
        }
    }

    /// Seconds of work to go by.
    pub(crate) fn believed_s(&mut self, prediction: &Prediction) -> f64 {
        let is_amount = prediction.value.is_finite()
            && prediction.source != Source::Baseline(Reason::NotFinite);
        if !is_amount {
            self.to_forgive = WELL_IN_A_ROW;
        }
        let value =
            if prediction.value.is_finite() { prediction.value } else { prediction.baseline };
        // Also where the baseline is no number.
        f64::max(value, EXPECTED_MIN_S)
    }

    /// The model's verdict changed.
    pub(crate) fn handle_verdict(&mut self, verdict: Verdict) {
        self.work_fault = match verdict {
            Verdict::Trusted => None,
            Verdict::Doubted(doubt) => Some(Fault::Model(doubt)),
        };
    }

    /// What was expected to take `expected_s` on an ordinary server took
    /// `service_s` on one that was said to be so fast. Whether speeds are to be
    /// learned anew: many servers may have changed at once.
    pub(crate) fn handle_served(&mut self, expected_s: f64, speed: f64, service_s: f64) -> bool {
        self.to_forgive = self.to_forgive.saturating_sub(1);
        self.no_speed = !(speed > 0.0 && speed.is_finite());
        self.speeds_judged += 1;
        let with_s = expected_s / sane(speed);
        let verdict = self.speeds.judge(with_s, expected_s, service_s, self.speeds_judged);
        let is_doubted = matches!(verdict, Some(Verdict::Doubted(_)));
        let is_again = self.anew_at.is_some_and(|at| self.speeds_judged - at < ANEW_WITHIN);
        if !is_doubted || is_again {
            return false;
        }
        self.speeds = Contest::doubting_above(SPEEDS_DOUBT_ABOVE, SPEEDS_WORSE_MIN);
        self.anew_at = Some(self.speeds_judged);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outcomes until speeds are at fault, of requests that take a second or, in turn, a
    /// hundredth more, where a server is said to be so fast and is an ordinary one.
    fn at_fault_after(speed: f64) -> Option<u32> {
        let mut judge = Judge::new();
        (1..=2_000).find(|number| {
            judge.handle_served(1.0, speed, 1.0 + 0.01 * f64::from(number % 2));
            judge.speeds_fault().is_some()
        })
    }

    #[test]
    fn speeds_that_are_off_by_little_are_not_doubted_though_work_is_all_but_known() {
        for speed in [0.95, 1.0, 1.05] {
            assert_eq!(at_fault_after(speed), None, "{speed}");
        }
    }

    #[test]
    fn speeds_that_are_off_by_much_are_learned_anew_once_and_then_at_fault() {
        for speed in [0.5, 1.5] {
            assert_eq!(at_fault_after(speed), Some(400), "{speed}");
        }
    }
}
