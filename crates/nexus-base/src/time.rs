//! Time as every decision sees it: a number handed in, never a clock read.

use std::fmt;
use std::time::Duration;

/// Nanoseconds since the node (or the simulated world) started.
///
/// Wraps after 584 years; arithmetic saturates rather than wrapping.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Time(u64);

impl Time {
    /// The moment the node started.
    pub const ZERO: Time = Time(0);
    /// Later than anything that happens: "no deadline".
    pub const MAX: Time = Time(u64::MAX);

    /// The moment `nanos` nanoseconds after the start.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the start.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the start, for people and for statistics.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The moment `later` after this one; [`Time::MAX`] if that is beyond the end.
    #[inline]
    pub const fn after(self, later: Duration) -> Time {
        let nanos = later.as_nanos();
        if nanos > (u64::MAX - self.0) as u128 { Time::MAX } else { Time(self.0 + nanos as u64) }
    }

    /// How long after `earlier` this is; zero if it is not.
    #[inline]
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Time::ZERO.since(Time::from_nanos(5)), Duration::ZERO);
        assert_eq!(Time::from_nanos(5).after(Duration::MAX), Time::MAX);
        assert_eq!(Time::from_nanos(5).after(Duration::from_nanos(7)).as_nanos(), 12);
    }
}
