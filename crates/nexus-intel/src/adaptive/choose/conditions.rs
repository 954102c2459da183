//! The conditions of a pool, and what of them is seen.

/// What a dispatcher knows of its pool. Never what only servers could know.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conditions {
    /// Requests at servers by what all servers may run at once, 0 or more.
    pub load: f64,
    /// How many times as fast the fastest tenth of servers is as the slowest, by
    /// what was learned of them; 1 if nothing was.
    pub speed_spread: f64,
    /// The share of requests that have a deadline, 0 to 1.
    pub deadline_share: f64,
    /// How old what is known of servers is, by what a request takes; 0 if
    /// everything is known at once.
    pub view_age: f64,
    /// Whether predictions passed their gates.
    pub predictions_believed: bool,
}

impl Default for Conditions {
    /// An idle pool of equal servers of which everything is known.
    fn default() -> Conditions {
        Conditions {
            load: 0.0,
            speed_spread: 1.0,
            deadline_share: 0.0,
            view_age: 0.0,
            predictions_believed: false,
        }
    }
}

/// Conditions that cannot be. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[error("{figure} is {value}, must be from {least} to {greatest}")]
pub struct ConditionsError {
    /// Which figure.
    pub figure: &'static str,
    /// What it is.
    pub value: f64,
    /// What it is at least.
    pub least: f64,
    /// What it is at most.
    pub greatest: f64,
}

impl Conditions {
    /// Whether they can be.
    pub(super) fn check(&self) -> Result<(), ConditionsError> {
        let figures = [
            ("load", self.load, 0.0, f64::MAX),
            ("speed_spread", self.speed_spread, 1.0, f64::MAX),
            ("deadline_share", self.deadline_share, 0.0, 1.0),
            ("view_age", self.view_age, 0.0, f64::MAX),
        ];
        // What is not a number is in no range.
        let is_wrong = |&(_, value, least, greatest): &(&str, f64, f64, f64)| {
            !(least..=greatest).contains(&value)
        };
        match figures.into_iter().find(is_wrong) {
            Some((figure, value, least, greatest)) => {
                Err(ConditionsError { figure, value, least, greatest })
            }
            None => Ok(()),
        }
    }
}

/// Something about conditions that is the case or is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    StaleViews,
    Predictions,
    SpeedsDiffer,
    Deadlines,
    Load,
}

impl Seen {
    const ALL: [Seen; 5] =
        [Seen::StaleViews, Seen::Predictions, Seen::SpeedsDiffer, Seen::Deadlines, Seen::Load];

    /// The figure, from where on it is the case, and from where on no longer.
    /// Guesses, all of them.
    fn figure(self, conditions: &Conditions) -> (f64, f64, f64) {
        match self {
            Seen::StaleViews => (conditions.view_age, 1.0, 0.5),
            Seen::Predictions => (f64::from(u8::from(conditions.predictions_believed)), 1.0, 0.0),
            Seen::SpeedsDiffer => (conditions.speed_spread, 1.5, 1.25),
            Seen::Deadlines => (conditions.deadline_share, 0.10, 0.05),
            Seen::Load => (conditions.load, 0.6, 0.4),
        }
    }
}

/// What is the case, with hysteresis.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Switches {
    on: [bool; Seen::ALL.len()],
}

impl Switches {
    pub(super) fn is_on(&self, seen: Seen) -> bool {
        self.on[seen as usize]
    }

    pub(super) fn handle(&mut self, conditions: &Conditions) {
        for seen in Seen::ALL {
            let (figure, enter, leave) = seen.figure(conditions);
            let is_on = &mut self.on[seen as usize];
            *is_on = if *is_on { figure > leave } else { figure >= enter };
        }
    }
}
