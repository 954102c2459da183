//! Whether it pays to ask for something before anybody does.

use std::time::Duration;

use nexus_base::Time;

/// Prefetches between two looks at how many were of use. A guess.
const LOOK_AFTER: u64 = 64;

/// The share of them that must be of use. A guess: below, more than three queries are
/// run for each that somebody is spared.
pub const USED_SHARE_MIN: f64 = 0.25;

/// How long there are none after too few were of use. A guess, as the rest of a rule.
const REST: Duration = Duration::from_secs(600);

/// Counts prefetches, and has them rest while too few are of use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prefetching {
    ran: u64,
    used: u64,
    failed: u64,
    skipped: u64,
    rests: u64,
    /// Counts at the last look.
    looked_at: (u64, u64),
    rests_until: Option<Time>,
}

/// What was counted of prefetches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct PrefetchCounts {
    /// Queries run before anybody asked.
    pub ran: u64,
    /// Of these, answers that somebody was given.
    pub hits: u64,
    /// Of these, answers that nobody was given, those included that still may be.
    pub wasted: u64,
    /// Queries that failed; nobody is told.
    pub failed: u64,
    /// Prefetches left out because somebody was waiting.
    pub skipped: u64,
    /// How often too few were of use, and there was a rest.
    pub rests: u64,
    /// Whether there is one now.
    pub resting: bool,
}

impl Prefetching {
    /// Whether there are prefetches at `now`.
    pub fn is_on(&mut self, now: Time) -> bool {
        if self.rests_until.is_some_and(|until| until <= now) {
            self.rests_until = None;
            self.looked_at = (self.ran, self.used);
        }
        self.rests_until.is_none()
    }

    /// A query was run; whether its answer is kept.
    pub fn handle_ran(&mut self, now: Time, is_kept: bool) {
        self.ran += 1;
        self.failed += u64::from(!is_kept);
        let (ran, used) = (self.ran - self.looked_at.0, self.used - self.looked_at.1);
        if ran < LOOK_AFTER {
            return;
        }
        self.looked_at = (self.ran, self.used);
        if (used as f64) < USED_SHARE_MIN * ran as f64 {
            self.rests += 1;
            self.rests_until = Some(now.after(REST));
        }
    }

    /// Somebody was given an answer that was fetched before.
    pub fn handle_used(&mut self) {
        self.used += 1;
    }

    /// Somebody was waiting, so there was none.
    pub fn handle_skipped(&mut self) {
        self.skipped += 1;
    }

    /// What was counted.
    pub fn counts(&self) -> PrefetchCounts {
        PrefetchCounts {
            ran: self.ran,
            hits: self.used,
            wasted: self.ran - self.used,
            failed: self.failed,
            skipped: self.skipped,
            rests: self.rests,
            resting: self.rests_until.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Time {
        Time::from_nanos(second * 1_000_000_000)
    }

    /// So many prefetches of which every `every`th is of use.
    fn run(prefetching: &mut Prefetching, count: u64, every: u64) {
        for number in 0..count {
            prefetching.handle_ran(at(0), true);
            if number % every == 0 {
                prefetching.handle_used();
            }
        }
    }

    #[test]
    fn they_rest_while_fewer_than_the_share_are_of_use() {
        let check = |every, goes_on: bool| {
            let mut prefetching = Prefetching::default();
            run(&mut prefetching, 64, every);
            assert_eq!(prefetching.is_on(at(1)), goes_on, "one of {every}");
            assert!(prefetching.is_on(at(601)), "a rest ends");
            run(&mut prefetching, 63, 1_000);
            assert!(prefetching.is_on(at(602)), "what was before the rest counts no more");
            let counts = prefetching.counts();
            assert_eq!(counts.hits + counts.wasted, counts.ran);
            assert_eq!(counts.rests, u64::from(!goes_on));
        };
        check(2, true);
        check(4, true);
        check(5, false);
        check(64, false);
    }
}
