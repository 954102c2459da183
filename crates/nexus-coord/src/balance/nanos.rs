//! Lengths of time as floats, for estimates: straight from nanoseconds, because
//! a detour over `Duration` costs two divisions in every score.

use std::time::Duration;

use nexus_base::Time;

/// Nanoseconds from `then` to `now`; zero if that is backwards.
#[inline]
pub(super) fn nanos_since(now: Time, then: Time) -> f64 {
    now.as_nanos().saturating_sub(then.as_nanos()) as f64
}

/// `duration` in nanoseconds; beyond 584 years it counts as that.
#[inline]
pub(super) fn nanos(duration: Duration) -> f64 {
    duration.as_nanos().min(u128::from(u64::MAX)) as u64 as f64
}
