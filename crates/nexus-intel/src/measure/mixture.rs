//! How far a mean may lie from the truth after each value, for ever.

use nexus_base::math::{ln, pow, sqrt};

/// The boundary of the mixture sequential t-test: effects, in deviations, are
/// drawn from a normal distribution around zero whose variance is `spread`.
///
/// # Source
/// Wang and Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian
/// means with unknown variance", 2023 (the Gaussian mixture over effects, with
/// Lai's right Haar mixture over deviations); solved for the mean here. The
/// choice of `spread` for a wanted count: Waudby-Smith et al., "Time-uniform
/// central limit theory and asymptotic confidence sequences", 2024, appendix.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Mixture {
    alpha: f64,
    spread: f64,
}

/// Why a sequence cannot be set up like this.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum SequenceError {
    /// Not a probability of error that says anything.
    #[error("alpha is {0}; it must lie above 0 and below 1")]
    Alpha(f64),
    /// The count where the interval is to be narrowest.
    #[error("a sequence must be tuned for two values or more")]
    TunedForTooFew,
}

impl Mixture {
    /// Errs with probability `alpha`; narrowest, for its count, at `tuned_for` values.
    pub(super) fn new(alpha: f64, tuned_for: u64) -> Result<Mixture, SequenceError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(SequenceError::Alpha(alpha));
        }
        if tuned_for < 2 {
            return Err(SequenceError::TunedForTooFew);
        }
        let evidence = -2.0 * ln(alpha);
        Ok(Mixture { alpha, spread: (evidence + ln(evidence + 1.0)) / tuned_for as f64 })
    }

    /// A mean of `count` values is as far from the truth as can be when the square
    /// of that distance is this multiple of the values' sum of squares about
    /// their mean; `None` while there are too few to exclude anything.
    pub(super) fn distance(&self, count: u64) -> Option<f64> {
        let count = count as f64;
        let widened = 1.0 + count * self.spread;
        let limit = pow(sqrt(widened) / self.alpha, 2.0 / count);
        (count >= 2.0 && limit < widened).then(|| (limit - 1.0) / (count * (1.0 - limit / widened)))
    }
}
