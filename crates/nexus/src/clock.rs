//! The one place where a node reads the time.

use std::time::Instant;

use nexus_base::Time;

/// Time since the node started, from the machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// The start on the clock of which the coarse one shows the last tick.
    start_ns: u64,
}

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
    pub(crate) fn start() -> Clock {
        Clock { start: Instant::now(), start_ns: coarse::exact_ns() }
    }

    #[inline]
    pub(crate) fn now(self) -> Time {
        // A node that runs 584 years may stop its clock.
        Time::from_nanos(self.start.elapsed().as_nanos() as u64)
    }

    /// The time, or `seen` if the kernel's clock has not ticked since: then at
    /// most one tick has passed, 1 to 10 ms.
    ///
    /// Measured 2026-11 on a virtual EPYC: looking whether it has ticked takes
    /// 4 ns, reading the exact time 27.
    #[inline]
    pub(crate) fn now_since(self, seen: Time) -> Time {
        let ticked = coarse::ticked_ns().map(|at| at.saturating_sub(self.start_ns));
        match ticked {
            Some(ticked) if ticked <= seen.as_nanos() => seen,
            _ => self.now(),
        }
    }
}

/// The clock that stands still between two ticks of the kernel.
#[cfg(target_os = "linux")]
mod coarse {
    use rustix::time::{ClockId, clock_gettime};

    fn read_ns(clock: ClockId) -> u64 {
        let at = clock_gettime(clock);
        at.tv_sec as u64 * 1_000_000_000 + at.tv_nsec as u64
    }

    pub(super) fn exact_ns() -> u64 {
        read_ns(ClockId::Monotonic)
    }

    pub(super) fn ticked_ns() -> Option<u64> {
        Some(read_ns(ClockId::MonotonicCoarse))
    }
}

/// Elsewhere the exact clock is always read.
#[cfg(not(target_os = "linux"))]
mod coarse {
    pub(super) fn exact_ns() -> u64 {
        0
    }

    pub(super) fn ticked_ns() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_seen_long_ago_is_not_kept() {
        let clock = Clock::start();
        let start = clock.now();
        // Passes some ticks of any kernel.
        while clock.now().since(start) < std::time::Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        assert!(clock.now_since(start) > start);
        let now = clock.now();
        assert!(clock.now_since(now) >= now);
    }
}
