//! How fast adaptations may follow each other.

use std::time::Duration;

/// The shortest dwell. Bounds what hostile settings and readings can do.
pub const DWELL_MIN: Duration = Duration::from_secs(1);

/// How fast adaptations may follow each other, and come back after they failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// Between any two steps that rules have done, forth or back.
    pub dwell: Duration,
    /// How long a rule rests, of which an adaptation did harm or was rolled back
    /// by somebody; twice as long each further time ...
    pub rest_min: Duration,
    /// ... up to this.
    pub rest_max: Duration,
}

impl Default for Pace {
    /// A step in 30 s; rests of ten minutes to a day. Guesses: a step takes about
    /// as long until sensors show what it did, and rests are those of the tuner
    /// of a node.
    fn default() -> Pace {
        Pace {
            dwell: Duration::from_secs(30),
            rest_min: Duration::from_secs(600),
            rest_max: Duration::from_secs(86_400),
        }
    }
}

/// A pace that is none. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PaceError {
    /// Steps would follow each other too fast.
    #[error("the dwell is {0:?}, must be {DWELL_MIN:?} at least")]
    Dwell(Duration),
    /// Rests are reversed, or shorter than the dwell.
    #[error(
        "rests go from {min:?} to {max:?}: the least must be no less than the dwell, and no more than the greatest"
    )]
    Rest {
        /// The first rest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
}

impl Pace {
    /// Whether it is one.
    ///
    /// # Errors
    /// [`PaceError`], saying what is wrong.
    pub fn check(&self) -> Result<(), PaceError> {
        if self.dwell < DWELL_MIN {
            return Err(PaceError::Dwell(self.dwell));
        }
        let (min, max) = (self.rest_min, self.rest_max);
        if min < self.dwell || min > max { Err(PaceError::Rest { min, max }) } else { Ok(()) }
    }

    /// How long the rest is after so many failures.
    pub(super) fn rest(&self, strikes: u32) -> Duration {
        // Beyond 31 doublings any rest is the longest.
        let doublings = strikes.saturating_sub(1).min(31);
        self.rest_min.saturating_mul(1 << doublings).min(self.rest_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_the_longest() {
        let minutes = |strikes| Pace::default().rest(strikes).as_secs() / 60;
        assert_eq!([1, 2, 3, 9, u32::MAX].map(minutes), [10, 20, 40, 1_440, 1_440]);
    }

    #[test]
    fn a_pace_that_contradicts_itself_is_refused() {
        let default = Pace::default();
        assert_eq!(default.check(), Ok(()));
        let check = |pace: Pace| assert!(pace.check().is_err(), "{pace:?}");
        check(Pace { dwell: Duration::ZERO, ..default });
        check(Pace { rest_min: Duration::from_secs(29), ..default });
        check(Pace { rest_max: Duration::from_secs(599), ..default });
    }
}
