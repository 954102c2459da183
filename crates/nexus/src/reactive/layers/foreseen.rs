//! The proactive layer of a kind: how long requests will take, and what follows.

use std::time::Duration;

use nexus_agent::{Changed, ErrorCode};
use nexus_base::Time;
use nexus_coord::{Reactive, Variant};
use nexus_intel::learn::{Explanation, ModelFileError, Origin};
use nexus_intel::proactive::{Fault, Foreseen, Foresight, Task};
use serde::Serialize;
use serde_json::json;

use super::written::Written;
use crate::reactive::{RequestError, Retry};

/// The longest that a wait is made because of a prediction, as a multiple of the usual
/// one. A guess: the same as the bound of timeouts that adaptation raises.
const WAIT_FACTOR_MAX: u32 = 3;

/// One in so many of those that would be refused is let in all the same: only what runs
/// can show that it does not take that long any more. A guess.
const LET_IN_EVERY: u64 = 20;

/// The longest that a query may take which nobody has asked yet: whoever comes meanwhile
/// waits for it. A guess.
const BRIEF: Duration = Duration::from_millis(50);

/// Models are of no use to other builds.
const ORIGIN: Origin<'static> = Origin { build: env!("CARGO_PKG_VERSION"), cluster: 0 };

/// What has been learned, and what was done about it.
#[derive(Debug, Default)]
pub(super) struct Prophet {
    foresight: Foresight,
    counts: AdmissionCounts,
    /// Those that would have been late since the last of them was let in.
    late: u64,
}

/// What was decided by predictions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct AdmissionCounts {
    /// Requests that were let in.
    pub admitted: u64,
    /// Requests refused, because they would surely have been late.
    pub refused: u64,
    /// Requests for which a quick variant ran, because the usual one would have been late.
    pub hastened: u64,
}

/// What a request is predicted to take, until it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) variant: Variant,
    foreseen: Foreseen,
    at: Time,
}

/// A request that is not even begun.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct TooLate {
    /// What it takes, in seconds: as expected, and at the least.
    predicted_s: f64,
    least_s: f64,
    /// What is left of its time.
    left_s: f64,
}

impl Prophet {
    /// What the variant that is wanted will take, or the quick one if that is wanted
    /// now. While the layer is not in use nothing follows, and it learns all the same.
    pub(super) fn expect(&self, request: &Written<'_>, wanted: Variant, at: Time) -> Expected {
        let foreseen = self.foresight.foresee(&task(request, wanted, at));
        Expected { variant: wanted, foreseen, at }
    }

    /// Lets a request in, in another variant if need be.
    ///
    /// # Errors
    /// [`TooLate`] if it would surely be late in each variant there is, but for one in
    /// twenty.
    pub(super) fn admit(
        &mut self,
        rules: &Reactive,
        request: &Written<'_>,
        expected: Expected,
        deadline: Time,
    ) -> Result<Expected, TooLate> {
        let left = deadline.since(expected.at);
        if !expected.foreseen.is_surely_late(left) {
            self.counts.admitted += 1;
            return Ok(expected);
        }
        let has_quick = rules.has_variant(request, Variant::Quick);
        if has_quick && expected.variant != Variant::Quick {
            let quick = self.expect(request, Variant::Quick, expected.at);
            if !quick.foreseen.is_surely_late(left) {
                self.counts.admitted += 1;
                self.counts.hastened += 1;
                return Ok(quick);
            }
        }
        self.late += 1;
        if self.late == LET_IN_EVERY {
            self.late = 0;
            self.counts.admitted += 1;
            return Ok(expected);
        }
        self.counts.refused += 1;
        Err(TooLate {
            predicted_s: expected.foreseen.seconds(),
            least_s: expected.foreseen.least_seconds(),
            left_s: left.as_secs_f64(),
        })
    }

    /// It took so long. What is wrong with the model, if anything is from now on.
    pub(super) fn learn(
        &mut self,
        request: &Written<'_>,
        expected: &Expected,
        took: Duration,
    ) -> Option<Fault> {
        let task = task(request, expected.variant, expected.at);
        self.foresight.handle_outcome(&task, &expected.foreseen, took);
        self.foresight.take_fault()
    }

    /// How long to wait for a request where that is `usual`: longer for one that is
    /// predicted to take longer, up to a bound.
    pub(super) fn wait(&self, request: &Written<'_>, usual: Duration, at: Time) -> Duration {
        let expected = self.expect(request, Variant::Usual, at);
        let at_most = expected.foreseen.at_most().unwrap_or(usual);
        at_most.clamp(usual, usual.saturating_mul(WAIT_FACTOR_MAX))
    }

    /// Whether this takes so little, as far as is known, that it may run unasked.
    pub(super) fn is_brief(&self, request: &Written<'_>, variant: Variant, at: Time) -> bool {
        let foreseen = self.expect(request, variant, at).foreseen;
        foreseen.at_most().is_none_or(|at_most| at_most <= BRIEF)
    }

    /// Whether predictions are acted upon.
    pub(super) fn is_ready(&self) -> bool {
        self.foresight.is_trusted()
    }

    pub(super) fn explain(&self) -> Explanation {
        self.foresight.explain()
    }

    pub(super) fn counts(&self) -> AdmissionCounts {
        self.counts
    }

    pub(super) fn save(&self) -> Vec<u8> {
        self.foresight.save(&ORIGIN)
    }

    pub(super) fn load(&mut self, bytes: &[u8]) -> Result<(), ModelFileError> {
        self.foresight.load(bytes, &ORIGIN)
    }
}

impl From<TooLate> for RequestError {
    fn from(late: TooLate) -> RequestError {
        let TooLate { predicted_s, least_s, left_s } = late;
        let message = format!(
            "it would surely be late: it is predicted to take {least_s:.3} s at the least, and \
             {left_s:.3} s are left; it was not begun"
        );
        let detail = [("predicted_s", predicted_s), ("least_s", least_s), ("left_s", left_s)];
        let detail = detail.map(|(name, seconds)| (name.to_owned(), json!(seconds)));
        RequestError {
            code: ErrorCode::Deadline,
            message,
            changed: Changed::No,
            retry: Retry::Later,
            detail: detail.into_iter().collect(),
        }
    }
}

fn task<'r>(request: &'r Written<'_>, variant: Variant, at: Time) -> Task<'r> {
    let args_bytes = request.arguments().len();
    Task { name: &request.name, variant, args_bytes, declared: request.features, at }
}
