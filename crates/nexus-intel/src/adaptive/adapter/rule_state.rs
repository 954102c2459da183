//! Where a rule stands.

use nexus_base::Time;

use crate::adaptive::pace::Pace;
use crate::adaptive::rule::Rule;

/// Since when a rule is met or left, and how long it rests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RuleState {
    met_since: Option<Time>,
    left_since: Option<Time>,
    rests_until: Time,
    /// Adaptations of it that did harm, since one of them did good.
    strikes: u32,
}

impl RuleState {
    /// Since when its readings have been beyond the threshold to enter, without
    /// a break; or since its last step, if that is later.
    pub(super) fn met_since(&self) -> Option<Time> {
        self.met_since
    }

    /// The same of the threshold to leave.
    pub(super) fn left_since(&self) -> Option<Time> {
        self.left_since
    }

    pub(super) fn rests_until(&self) -> Time {
        self.rests_until
    }

    /// Takes in what the sensor shows; `None` if it shows nothing.
    pub(super) fn handle_reading(&mut self, now: Time, rule: &Rule, reading: Option<f64>) {
        let is_met = reading.is_some_and(|reading| rule.is_met_by(reading));
        let is_left = reading.is_some_and(|reading| rule.is_left_by(reading));
        self.met_since = is_met.then(|| self.met_since.unwrap_or(now));
        self.left_since = is_left.then(|| self.left_since.unwrap_or(now));
    }

    /// A step was taken: the next one waits for what this one brings.
    pub(super) fn note_step(&mut self, now: Time) {
        self.met_since = self.met_since.map(|_| now);
        self.left_since = self.left_since.map(|_| now);
    }

    /// One of its adaptations failed.
    pub(super) fn rest(&mut self, now: Time, pace: &Pace) {
        self.strikes = self.strikes.saturating_add(1);
        self.rests_until = now.after(pace.rest(self.strikes));
    }

    /// One of its adaptations did good.
    pub(super) fn forgive(&mut self) {
        self.strikes = 0;
    }
}
