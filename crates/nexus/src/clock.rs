//! The one place where a node reads the time.

use std::time::Instant;

use nexus_base::Time;

/// Time since the node started, from the machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
    pub(crate) fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    #[inline]
    pub(crate) fn now(self) -> Time {
        // A node that runs 584 years may stop its clock.
        Time::from_nanos(self.start.elapsed().as_nanos() as u64)
    }
}
