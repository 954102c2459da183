//! Circuit breaker: stop calling what keeps failing, and find out cheaply when
//! it works again.
//!
//! Closed, every call is admitted and failures *in a row* are counted: one
//! success clears them. A ratio over a window was weighed and left out: it needs
//! a minimum of calls before it means anything, so it is slowest where breakers
//! matter most, at rarely used targets that are plainly dead. Open, every call is
//! refused until a stated time. Then, half open, a few probes are admitted: if
//! all succeed the breaker closes, if one fails it opens again, for twice as
//! long if so configured.
//!
//! Absent on purpose: clocks, timers. An open breaker becomes half open when it
//! is next asked after its time, so nobody has to wake it.

use std::time::Duration;

use nexus_base::Time;

/// When a breaker opens, and how it closes again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BreakerConfig {
    /// Failures in a row at which it opens. At least one.
    pub failures_max: u32,
    /// How long it then refuses.
    pub open_for: Duration,
    /// Calls admitted while half open, all of which must succeed. At least one.
    pub probes: u32,
    /// Whether a failed probe doubles the time it refuses, up to
    /// [`BreakerConfig::open_for_max`]; closing resets it.
    pub doubling: bool,
    /// The longest doubling may reach.
    pub open_for_max: Duration,
    /// A probe not recorded for so long counts as failed. This is how a permit
    /// that was dropped, because its caller was, cannot hold a half-open
    /// breaker for ever.
    pub probe_timeout: Duration,
}

impl Default for BreakerConfig {
    /// Opens at five failures for one second, doubling up to a minute; one probe.
    /// All guesses, except that a probe may take as long as a slow ask: 30 s.
    fn default() -> BreakerConfig {
        BreakerConfig {
            failures_max: 5,
            open_for: Duration::from_secs(1),
            probes: 1,
            doubling: true,
            open_for_max: Duration::from_secs(60),
            probe_timeout: Duration::from_secs(30),
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The target answered, if only to say no.
    Success,
    /// It did not answer, or answered that it is in trouble.
    Failure,
}

/// What a breaker does with calls at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    /// Admits all.
    Closed,
    /// Refuses all.
    Open,
    /// Admits probes.
    HalfOpen,
}

/// Leave to make one call; hand it back with [`Breaker::record`].
#[derive(PartialEq, Eq, Debug)]
#[must_use = "an admitted call is recorded, or times out as a failed probe"]
pub struct Permit {
    /// The period (closed, open or half open) it was given in.
    period: u64,
}

/// The breaker refused the call; nothing was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("circuit breaker is open until {retry_at}")]
pub struct BreakerOpen {
    /// When it may admit again. Asking before is in vain, asking then need not help.
    pub retry_at: Time,
}

/// How often a breaker went from one state to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BreakerCounts {
    /// Closed to open.
    pub opened: u64,
    /// Open to half open.
    pub half_opened: u64,
    /// Half open back to open.
    pub reopened: u64,
    /// Half open to closed.
    pub closed: u64,
}

/// The breaker in front of one target.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    /// Counts changes of phase, so that an outcome is held against the period
    /// it was admitted in: a slow failure from before must not reopen.
    period: u64,
    /// How long the breaker refuses when it opens next.
    open_for: Duration,
    counts: BreakerCounts,
}

#[derive(Debug)]
enum Phase {
    Closed { failures: u32 },
    Open { until: Time },
    HalfOpen { admitted: u32, succeeded: u32, last_admitted: Time },
}

impl Breaker {
    /// A closed breaker.
    ///
    /// # Panics
    /// If `failures_max` or `probes` is zero.
    pub fn new(config: BreakerConfig) -> Breaker {
        assert!(config.failures_max > 0, "a breaker opens at one failure or more");
        assert!(config.probes > 0, "a breaker closes after one probe or more");
        Breaker {
            config,
            phase: Phase::Closed { failures: 0 },
            period: 0,
            open_for: config.open_for,
            counts: BreakerCounts::default(),
        }
    }

    /// Asks to make one call.
    ///
    /// # Errors
    /// [`BreakerOpen`] while open, and while half open with all probes out.
    pub fn admit(&mut self, now: Time) -> Result<Permit, BreakerOpen> {
        self.handle_timeout(now);
        match &mut self.phase {
            Phase::Closed { .. } => {}
            Phase::Open { until } => return Err(BreakerOpen { retry_at: *until }),
            Phase::HalfOpen { admitted, last_admitted, .. } => {
                if *admitted == self.config.probes {
                    let retry_at = last_admitted.after(self.config.probe_timeout);
                    return Err(BreakerOpen { retry_at });
                }
                *admitted += 1;
                *last_admitted = now;
            }
        }
        Ok(Permit { period: self.period })
    }

    /// Tells how an admitted call ended. If the breaker changed its state in the
    /// meantime the outcome is news of the past and changes nothing.
    pub fn record(&mut self, now: Time, permit: Permit, outcome: Outcome) {
        self.handle_timeout(now);
        if permit.period != self.period {
            return;
        }
        match outcome {
            Outcome::Success => self.record_success(),
            Outcome::Failure => self.record_failure(now),
        }
    }

    /// What the breaker does with calls at `now`.
    pub fn state(&mut self, now: Time) -> BreakerState {
        self.handle_timeout(now);
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// How often it changed its state so far.
    pub fn counts(&self) -> BreakerCounts {
        self.counts
    }

    /// Half opens when the time has come; opens again when probes timed out.
    /// The other methods begin with this, so calling it is never necessary.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.next_timeout().is_none_or(|at| now < at) {
            return;
        }
        if let Phase::HalfOpen { .. } = self.phase {
            return self.reopen(now);
        }
        self.counts.half_opened += 1;
        self.enter(Phase::HalfOpen { admitted: 0, succeeded: 0, last_admitted: now });
    }

    /// When time alone changes the state next.
    pub fn next_timeout(&self) -> Option<Time> {
        match self.phase {
            Phase::Open { until } => Some(until),
            Phase::HalfOpen { admitted, succeeded, last_admitted } if admitted > succeeded => {
                Some(last_admitted.after(self.config.probe_timeout))
            }
            Phase::Closed { .. } | Phase::HalfOpen { .. } => None,
        }
    }

    fn record_success(&mut self) {
        match &mut self.phase {
            Phase::Closed { failures } => *failures = 0,
            Phase::HalfOpen { succeeded, .. } => {
                *succeeded += 1;
                if *succeeded == self.config.probes {
                    self.close();
                }
            }
            Phase::Open { .. } => unreachable!("no permit is given while open"),
        }
    }

    fn record_failure(&mut self, now: Time) {
        match &mut self.phase {
            Phase::Closed { failures } => {
                *failures += 1;
                if *failures == self.config.failures_max {
                    self.counts.opened += 1;
                    self.open(now);
                }
            }
            Phase::HalfOpen { .. } => self.reopen(now),
            Phase::Open { .. } => unreachable!("no permit is given while open"),
        }
    }

    fn close(&mut self) {
        self.counts.closed += 1;
        self.open_for = self.config.open_for;
        self.enter(Phase::Closed { failures: 0 });
    }

    fn reopen(&mut self, now: Time) {
        self.counts.reopened += 1;
        if self.config.doubling {
            let longest = self.config.open_for_max.max(self.config.open_for);
            self.open_for = self.open_for.saturating_mul(2).min(longest);
        }
        self.open(now);
    }

    fn open(&mut self, now: Time) {
        self.enter(Phase::Open { until: now.after(self.open_for) });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.period += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use nexus_base::Time;
    use proptest::prelude::*;

    use super::{Breaker, BreakerConfig, BreakerCounts, BreakerOpen, Outcome, Permit};

    const CONFIG: BreakerConfig = BreakerConfig {
        failures_max: 2,
        open_for: Duration::from_secs(10),
        probes: 2,
        doubling: true,
        open_for_max: Duration::from_secs(30),
        probe_timeout: Duration::from_secs(5),
    };

    /// Each line of `script` is a time in seconds and a verb: `call` asks for a
    /// permit, `ok` and `fail` record the oldest permit out, `drop` loses it.
    /// Each line of `expected` tells what came of one line of the script.
    fn check(config: BreakerConfig, script: &str, expected: &str) {
        let mut breaker = Breaker::new(config);
        let mut permits = VecDeque::new();
        let mut output = Vec::new();
        for line in script.lines() {
            let (time, verb) = line.trim().split_once(' ').expect("a time and a verb");
            let now = seconds(time.trim_end_matches('s').parse().expect("a time"));
            let refused = step(&mut breaker, &mut permits, now, verb.trim());
            let state = format!("{:?}", breaker.state(now)).to_lowercase();
            output.push(format!("{time} {state}{refused}"));
        }
        let expected: Vec<&str> = expected.lines().map(str::trim).collect();
        assert_eq!(output, expected);
    }

    fn step(
        breaker: &mut Breaker,
        permits: &mut VecDeque<Permit>,
        now: Time,
        verb: &str,
    ) -> String {
        let mut oldest = || permits.pop_front().expect("a permit is out");
        match verb {
            "ok" => breaker.record(now, oldest(), Outcome::Success),
            "fail" => breaker.record(now, oldest(), Outcome::Failure),
            "drop" => drop(oldest()),
            "look" => {}
            "call" => match breaker.admit(now) {
                Ok(permit) => permits.push_back(permit),
                Err(BreakerOpen { retry_at }) => {
                    return format!(" refused until {}s", retry_at.as_secs_f64());
                }
            },
            other => panic!("no verb is called {other}"),
        }
        String::new()
    }

    fn seconds(seconds: u64) -> Time {
        Time::ZERO.after(Duration::from_secs(seconds))
    }

    #[test]
    fn it_opens_at_failures_in_a_row() {
        check(
            CONFIG,
            "0s call
             0s fail
             1s call
             1s ok
             2s call
             2s fail
             3s call
             3s fail
             4s call",
            "0s closed
             0s closed
             1s closed
             1s closed
             2s closed
             2s closed
             3s closed
             3s open
             4s open refused until 13s",
        );
    }

    /// Two calls that fail at once, so that the breaker is open from 0 s to 10 s.
    const OPEN: &str = "0s call\n0s call\n0s fail\n0s fail\n";
    const OPENED: &str = "0s closed\n0s closed\n0s closed\n0s open\n";

    fn check_open(config: BreakerConfig, script: &str, expected: &str) {
        check(config, &format!("{OPEN}{script}"), &format!("{OPENED}{expected}"));
    }

    #[test]
    fn it_closes_once_all_probes_succeeded() {
        check_open(
            CONFIG,
            "9s call
             10s call
             10s call
             11s call
             12s ok
             13s ok
             14s call",
            "9s open refused until 10s
             10s halfopen
             10s halfopen
             11s halfopen refused until 15s
             12s halfopen
             13s closed
             14s closed",
        );
    }

    #[test]
    fn one_failed_probe_opens_it_for_twice_as_long_up_to_the_cap() {
        check_open(
            CONFIG,
            "10s call
             10s fail
             29s call
             30s call
             30s fail
             60s call",
            "10s halfopen
             10s open
             29s open refused until 30s
             30s halfopen
             30s open
             60s halfopen",
        );
    }

    #[test]
    fn without_doubling_it_opens_for_the_same_time() {
        check_open(
            BreakerConfig { doubling: false, ..CONFIG },
            "10s call
             10s fail
             20s look",
            "10s halfopen
             10s open
             20s halfopen",
        );
    }

    #[test]
    fn closing_resets_the_doubling() {
        check(
            BreakerConfig { probes: 1, failures_max: 1, ..CONFIG },
            "0s call
             0s fail
             10s call
             10s fail
             30s call
             30s ok
             31s call
             31s fail
             41s look",
            "0s closed
             0s open
             10s halfopen
             10s open
             30s halfopen
             30s closed
             31s closed
             31s open
             41s halfopen",
        );
    }

    #[test]
    fn a_dropped_probe_counts_as_failed_after_its_time() {
        check_open(
            CONFIG,
            "10s call
             10s drop
             11s call
             15s look
             16s look
             36s look",
            "10s halfopen
             10s halfopen
             11s halfopen
             15s halfopen
             16s open
             36s halfopen",
        );
    }

    #[test]
    fn an_outcome_from_an_earlier_period_changes_nothing() {
        check(
            CONFIG,
            "0s call
             0s call
             0s call
             0s fail
             0s fail
             10s call
             11s fail
             12s ok
             13s call
             13s ok",
            "0s closed
             0s closed
             0s closed
             0s closed
             0s open
             10s halfopen
             11s halfopen
             12s halfopen
             13s halfopen
             13s closed",
        );
    }

    #[derive(Clone, Debug)]
    enum Step {
        Call,
        Record { index: prop::sample::Index, success: bool },
        Drop,
        Wait { seconds: u64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Call),
            3 => (any::<prop::sample::Index>(), any::<bool>())
                .prop_map(|(index, success)| Step::Record { index, success }),
            1 => Just(Step::Drop),
            1 => (0..20u64).prop_map(|seconds| Step::Wait { seconds }),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// Transitions follow one another round the circle of states.
    fn assert_consistent(counts: BreakerCounts) {
        let BreakerCounts { opened, half_opened, reopened, closed } = counts;
        assert!(closed <= opened && opened <= closed + 1, "{counts:?}");
        let left_half_open = reopened + closed;
        assert!(left_half_open <= half_opened && half_opened <= left_half_open + 1, "{counts:?}");
        assert!(half_opened <= opened + reopened, "{counts:?}");
    }

    proptest! {
        #[test]
        fn whatever_happens_it_admits_again_within_its_bounds(steps in steps()) {
            let mut breaker = Breaker::new(CONFIG);
            let mut now = Time::ZERO;
            let mut permits = Vec::new();
            for step in steps {
                match step {
                    Step::Call => permits.extend(breaker.admit(now).ok()),
                    Step::Record { index, success } if !permits.is_empty() => {
                        let permit = permits.swap_remove(index.index(permits.len()));
                        let outcome = if success { Outcome::Success } else { Outcome::Failure };
                        breaker.record(now, permit, outcome);
                    }
                    Step::Record { .. } => {}
                    Step::Drop => drop(permits.pop()),
                    Step::Wait { seconds } => now = now.after(Duration::from_secs(seconds)),
                }
                assert_consistent(breaker.counts());
            }
            // The probes out time out first; then it is open once more.
            breaker.handle_timeout(now.after(CONFIG.probe_timeout));
            let later = now.after(CONFIG.probe_timeout).after(CONFIG.open_for_max);
            prop_assert!(breaker.admit(later).is_ok());
        }
    }
}
