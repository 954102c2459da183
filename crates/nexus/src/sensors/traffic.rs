//! What became of messages since the last look.

use std::sync::Arc;

use nexus_agent::{Counts, ErrorCode, System};
use nexus_base::Time;

use super::share;

/// Errors that the node is to blame for, and not who asked.
const FAILURES: [ErrorCode; 4] =
    [ErrorCode::MailboxFull, ErrorCode::Deadline, ErrorCode::Crashed, ErrorCode::Stopped];

/// What was counted when it was last looked at.
pub(super) struct Traffic {
    system: Arc<System>,
    totals: Totals,
    at: Time,
}

impl std::fmt::Debug for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Traffic { totals, at, .. } = self;
        f.debug_struct("Traffic").field("totals", totals).field("at", at).finish_non_exhaustive()
    }
}

/// Counts since the node started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Totals {
    handled: u64,
    /// Messages that nobody will handle: dropped, or refused.
    unhandled: u64,
    failures: u64,
}

/// What the counts come to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Rates {
    /// Messages handled in a second.
    pub(super) throughput: f64,
    /// The share of errors.
    pub(super) error_rate: f64,
}

impl Traffic {
    pub(super) fn new(system: Arc<System>, now: Time) -> Traffic {
        let totals = Totals::read(&system);
        Traffic { system, totals, at: now }
    }

    /// `None` if no time has passed since the last look.
    pub(super) fn read(&mut self, now: Time) -> Option<Rates> {
        let totals = Totals::read(&self.system);
        let rates = totals.since(&self.totals, now.since(self.at).as_secs_f64());
        (self.totals, self.at) = (totals, now);
        rates
    }
}

impl Totals {
    fn read(system: &System) -> Totals {
        let counts = system.counts();
        let sum = |count: fn(&Counts) -> u64| counts.values().map(count).sum();
        let errors = system.error_counts().into_iter();
        let failures = errors.filter(|(code, _)| FAILURES.contains(code));
        Totals {
            handled: sum(|counts| counts.handled),
            unhandled: sum(|counts| counts.dropped + counts.refused),
            failures: failures.map(|(_, count)| count).sum(),
        }
    }

    fn since(&self, before: &Totals, seconds: f64) -> Option<Rates> {
        let handled = self.handled.saturating_sub(before.handled);
        let ended = handled + self.unhandled.saturating_sub(before.unhandled);
        let failures = self.failures.saturating_sub(before.failures);
        let error_rate = share(failures as f64, ended.max(failures) as f64).unwrap_or(0.0);
        (seconds > 0.0).then(|| Rates { throughput: handled as f64 / seconds, error_rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_what_was_since() {
        let before = Totals { handled: 100, unhandled: 10, failures: 5 };
        let check = |handled: u64, unhandled: u64, failures: u64, throughput, error_rate| {
            let after = Totals {
                handled: 100 + handled,
                unhandled: 10 + unhandled,
                failures: 5 + failures,
            };
            let rates = Rates { throughput, error_rate };
            assert_eq!(after.since(&before, 2.0), Some(rates), "{after:?}");
        };
        check(0, 0, 0, 0.0, 0.0);
        check(10, 0, 0, 5.0, 0.0);
        check(10, 0, 5, 5.0, 0.5);
        check(5, 15, 15, 2.5, 0.75);
        // An error may be told before, or after, the message counts.
        check(0, 0, 3, 0.0, 1.0);
        assert_eq!(before.since(&before, 0.0), None);
    }
}
