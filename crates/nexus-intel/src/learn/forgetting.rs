//! How fast what was learned fades.

/// What an outcome still counts after the next one has come: above 0.9, at most 1.
///
/// ```
/// use nexus_intel::learn::Forgetting;
///
/// let forgetting = Forgetting::new(0.999)?;
/// assert_eq!(forgetting.memory().round(), 1_000.0);
/// assert_eq!(Forgetting::NONE.memory(), f64::INFINITY);
/// assert!(Forgetting::new(1.1).is_err());
/// # Ok::<(), nexus_intel::learn::ForgettingError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Forgetting(f64);

impl Forgetting {
    /// Nothing fades: all outcomes count the same for good.
    pub const NONE: Forgetting = Forgetting(1.0);

    /// What is forgotten unless said otherwise: 0.993, a memory of 143 outcomes.
    ///
    /// Source: measured on the shipped trace, where 0.985 to 0.995 differ by less
    /// than 1 % in their error and 0.999 is 2 % worse. Slower than this, a model
    /// that was good and is fed reversed outcomes can be better than the mean for
    /// more than 500 of them, and is not doubted for as long.
    pub const DEFAULT: Forgetting = Forgetting(0.993);

    /// Each outcome counts `factor` of the one after it.
    ///
    /// # Errors
    /// [`ForgettingError`] unless `factor` is above 0.9 and at most 1: with less,
    /// fewer than ten outcomes would decide over all weights.
    pub fn new(factor: f64) -> Result<Forgetting, ForgettingError> {
        if factor > 0.9 && factor <= 1.0 {
            Ok(Forgetting(factor))
        } else {
            Err(ForgettingError { factor })
        }
    }

    /// The factor.
    pub const fn factor(self) -> f64 {
        self.0
    }

    /// How many outcomes are remembered, about: the sum of what all count.
    pub fn memory(self) -> f64 {
        1.0 / (1.0 - self.0)
    }
}

impl Default for Forgetting {
    fn default() -> Forgetting {
        Forgetting::DEFAULT
    }
}

/// A factor that does not forget, but multiplies, or forgets nearly all.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[error("forgetting is {factor}, it has to be above 0.9 and at most 1")]
pub struct ForgettingError {
    /// What was asked for.
    pub factor: f64,
}
