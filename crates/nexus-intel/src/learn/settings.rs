//! What a predictor is told at its beginning.

use super::{Forgetting, MAGNITUDE_MAX, ModelKind};

/// Bytes of the longest unit. Source: a guess; "microseconds" is 12.
pub const UNIT_BYTES_MAX: usize = 32;

/// What a [`Predictor`](super::Predictor) is told at its beginning, and a model
/// file must agree with.
///
/// ```
/// use nexus_intel::learn::{ModelKind, Settings};
///
/// let settings = Settings { unit: "s".into(), ..Settings::new(ModelKind::Tree) };
/// assert_eq!(settings.outcomes_min, 100);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Which model learns.
    pub model: ModelKind,
    /// How fast it forgets.
    pub forgetting: Forgetting,
    /// Outcomes learned and judged below which the model is not asked.
    /// 100 unless said otherwise. Source: a guess; ten for each weight there may be.
    pub outcomes_min: u64,
    /// What is predicted before the first outcome, in the unit of outcomes; 0
    /// unless said otherwise.
    pub first_guess: f64,
    /// The unit of outcomes, for explanations; empty unless said otherwise.
    pub unit: String,
}

impl Settings {
    /// A model of this kind, and everything else as usual.
    pub fn new(model: ModelKind) -> Settings {
        Settings {
            model,
            forgetting: Forgetting::DEFAULT,
            outcomes_min: 100,
            first_guess: 0.0,
            unit: String::new(),
        }
    }

    /// Whether they can be followed.
    ///
    /// # Errors
    /// [`SettingsError`] if the first guess is not finite or too large, or the unit
    /// is too long or has control characters.
    pub fn check(&self) -> Result<(), SettingsError> {
        if !(-MAGNITUDE_MAX..=MAGNITUDE_MAX).contains(&self.first_guess) {
            return Err(SettingsError::FirstGuess(self.first_guess));
        }
        if self.unit.len() > UNIT_BYTES_MAX || self.unit.chars().any(char::is_control) {
            return Err(SettingsError::Unit);
        }
        Ok(())
    }
}

/// Why settings cannot be followed.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The first guess is not a number that could be an outcome.
    #[error("the first guess is {0}, it has to be a finite number of at most {MAGNITUDE_MAX:e}")]
    FirstGuess(f64),
    /// The unit is too long or could not be shown.
    #[error("the unit is longer than {UNIT_BYTES_MAX} bytes or has control characters")]
    Unit,
}
