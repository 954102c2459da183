//! One layer's place in the ladder: when it is tried, used, and left.
//!
//! Two things must not happen: that a layer goes on doing harm, and that it comes
//! and goes. So harm and faults are acted upon at once and everything else only
//! after a stay; and whoever was sent down waits, each time twice as long.
//!
//! Absent on purpose: what is measured, and how.

use std::time::Duration;

use nexus_base::Time;
use serde::{Deserialize, Serialize};

use super::{Reason, Standing};
use crate::measure::{Gain, Verdict};

/// How patient a rung is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungSpec {
    /// The shortest stay before anything but harm or a fault changes it again.
    pub dwell: Duration,
    /// How long a layer stays away the first time it is sent down.
    pub cool_down_min: Duration,
    /// The longest it stays away, however often it was sent down. After as long a
    /// stay in use, the next time is a first time again.
    pub cool_down_max: Duration,
}

/// Why a rung cannot be set up like this.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RungError {
    /// Without waiting it would come and go with every verdict.
    #[error("dwell and the least cool-down must be longer than nothing")]
    Nothing,
    /// The least is longer than the longest.
    #[error("the least cool-down, {min:?}, is longer than the longest, {max:?}")]
    CoolDowns {
        /// The least.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A layer would have to stay longer than it is ever kept away.
    #[error("dwell, {dwell:?}, is longer than the longest cool-down, {max:?}")]
    Dwell {
        /// The shortest stay.
        dwell: Duration,
        /// The longest cool-down.
        max: Duration,
    },
}

impl Default for RungSpec {
    /// A minute, five minutes, a day. Source: guesses.
    fn default() -> RungSpec {
        RungSpec {
            dwell: Duration::from_secs(60),
            cool_down_min: Duration::from_secs(300),
            cool_down_max: Duration::from_secs(86_400),
        }
    }
}

impl RungSpec {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// [`RungError`] says what contradicts what.
    pub fn check(&self) -> Result<(), RungError> {
        let RungSpec { dwell, cool_down_min: min, cool_down_max: max } = *self;
        if dwell.is_zero() || min.is_zero() {
            return Err(RungError::Nothing);
        }
        if min > max {
            return Err(RungError::CoolDowns { min, max });
        }
        if dwell > max {
            return Err(RungError::Dwell { dwell, max });
        }
        Ok(())
    }
}

/// One layer's state machine.
///
/// ```
/// use nexus_base::Time;
/// use nexus_intel::measure::{Gain, Verdict};
/// use nexus_intel::safety::{Reason, Rung, RungSpec, Standing};
///
/// let mut rung = Rung::new(RungSpec::default(), Reason::NotEnabled)?;
/// rung.enable(Time::ZERO);
/// assert_eq!(rung.standing(), &Standing::Trying);
/// rung.handle_fault(Time::ZERO, Reason::NotANumber);
/// assert_eq!(rung.standing().reason(), Some(&Reason::NotANumber));
/// rung.handle_timeout(rung.next_timeout().expect("it cools down"));
/// assert_eq!(rung.standing(), &Standing::Trying);
/// # Ok::<(), nexus_intel::safety::RungError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rung {
    spec: RungSpec,
    standing: Standing,
    since: Time,
    /// How long it stays away the next time.
    cool_down: Duration,
    /// What was measured last, to be acted upon when the stay is over.
    asked: Option<(Verdict, Gain)>,
}

impl Rung {
    /// A layer that is off.
    ///
    /// # Errors
    /// [`RungError`] if the spec contradicts itself.
    pub fn new(spec: RungSpec, reason: Reason) -> Result<Rung, RungError> {
        spec.check()?;
        Ok(Rung {
            spec,
            standing: Standing::Off { reason },
            since: Time::ZERO,
            cool_down: spec.cool_down_min,
            asked: None,
        })
    }

    /// Where it stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Since when.
    pub fn since(&self) -> Time {
        self.since
    }

    /// Somebody wants it: it is tried. One that cools down goes on doing so.
    pub fn enable(&mut self, now: Time) {
        if let Standing::Off { .. } = self.standing {
            self.stand(now, Standing::Trying);
        }
    }

    /// Somebody does not want it, for `reason`. It forgets why it was sent down
    /// before, but not how often.
    pub fn disable(&mut self, now: Time, reason: Reason) {
        match &mut self.standing {
            Standing::Off { reason: present } => *present = reason,
            _ => self.stand(now, Standing::Off { reason }),
        }
    }

    /// Something about the layer is broken: it is sent down at once.
    pub fn handle_fault(&mut self, now: Time, reason: Reason) {
        if self.standing.is_up() {
            self.send_down(now, reason);
        }
    }

    /// What measuring says by now. Unsure is a reason for nothing; harm is acted
    /// upon at once, the rest when the stay is over.
    pub fn handle_verdict(&mut self, now: Time, verdict: Verdict, gain: Gain) {
        if !self.standing.is_up() {
            return;
        }
        if verdict == Verdict::Harm {
            self.send_down(now, Reason::Harm { gain });
            return;
        }
        self.asked = Some((verdict, gain));
        self.handle_timeout(now);
    }

    /// Ends a cool-down or a stay that is over.
    pub fn handle_timeout(&mut self, now: Time) {
        match self.standing {
            Standing::CoolingDown { until, .. } if now >= until => {
                self.stand(now, Standing::Trying)
            }
            Standing::Trying | Standing::On if now >= self.since.after(self.spec.dwell) => {
                self.act(now);
            }
            _ => {}
        }
    }

    /// When to call [`Self::handle_timeout`] next; `None` while nothing is pending.
    pub fn next_timeout(&self) -> Option<Time> {
        match self.standing {
            Standing::CoolingDown { until, .. } => Some(until),
            _ if self.is_to_act() => Some(self.since.after(self.spec.dwell)),
            _ => None,
        }
    }

    /// Whether what was measured last will change anything.
    fn is_to_act(&self) -> bool {
        match (&self.standing, self.asked) {
            (Standing::Trying, Some((Verdict::Gain, _))) => true,
            (standing, Some((Verdict::NotWorth, _))) => standing.is_up(),
            _ => false,
        }
    }

    fn act(&mut self, now: Time) {
        match (&self.standing, self.asked) {
            (Standing::Trying, Some((Verdict::Gain, _))) => self.stand(now, Standing::On),
            (_, Some((Verdict::NotWorth, gain))) => self.send_down(now, Reason::NoGain { gain }),
            _ => {}
        }
    }

    fn send_down(&mut self, now: Time, reason: Reason) {
        let proven =
            self.standing == Standing::On && now.since(self.since) >= self.spec.cool_down_max;
        if proven {
            self.cool_down = self.spec.cool_down_min;
        }
        let until = now.after(self.cool_down);
        self.cool_down = (self.cool_down * 2).min(self.spec.cool_down_max);
        self.stand(now, Standing::CoolingDown { until, reason });
    }

    fn stand(&mut self, now: Time, standing: Standing) {
        self.standing = standing;
        self.since = now;
        self.asked = None;
    }
}

#[cfg(test)]
mod tests;
