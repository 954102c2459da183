//! How tests on real threads wait for something: they look, and never sleep.

use std::time::{Duration, Instant};

/// How long anything may take that takes no time. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

#[allow(clippy::disallowed_methods, reason = "tests on real threads wait by the real clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Looks until `reached` says so.
#[track_caller]
pub fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    let until = now() + PATIENCE;
    while !reached() {
        assert!(now() < until, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_micros(100));
    }
}
