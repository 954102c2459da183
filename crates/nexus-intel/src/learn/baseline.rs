//! What one would predict without features: the mean of what was seen, fading.

use super::bytes::{Reader, Writer};
use super::features::{MEAN_MAX, check_target};
use super::{ModelFileError, TargetError};

/// Truths the mean remembers. Source: measured on the shipped trace; about what
/// models remember by default, so that a change favours neither.
const MEMORY: f64 = 250.0;

/// The recorded baseline of a predictor: a forgetting mean, and how far off it was.
///
/// ```
/// use nexus_intel::learn::Baseline;
///
/// let mut baseline = Baseline::new(10.0);
/// assert_eq!(baseline.predict(), 10.0);
/// baseline.learn(4.0)?;
/// baseline.learn(6.0)?;
/// assert_eq!(baseline.predict(), 5.0);
/// # Ok::<(), nexus_intel::learn::TargetError>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Baseline {
    mean: f64,
    error: f64,
    count: u64,
}

impl Baseline {
    /// Says `first_guess` until the first truth, which replaces it.
    pub fn new(first_guess: f64) -> Baseline {
        Baseline { mean: first_guess, error: 0.0, count: 0 }
    }

    /// What is expected, whatever the features.
    pub fn predict(&self) -> f64 {
        self.mean
    }

    /// The mean of its absolute errors, as forgetting as itself; the first truth,
    /// which there was only a guess of, is left out.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// How many truths it has seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes in one truth.
    ///
    /// # Errors
    /// [`TargetError`] if it is not finite or too large; nothing changed.
    pub fn learn(&mut self, truth: f64) -> Result<(), TargetError> {
        let miss = check_target(truth)? - self.mean;
        self.count += 1;
        let count = (self.count as f64).min(MEMORY);
        if self.count > 1 {
            self.error += (miss.abs() - self.error) / (count - 1.0);
        }
        self.mean += miss / count;
        Ok(())
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.f64s(&[self.mean, self.error]);
        to.u64(self.count);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Baseline, ModelFileError> {
        Ok(Baseline {
            mean: from.f64_within("the baseline", -MEAN_MAX, MEAN_MAX)?,
            error: from.f64_within("the baseline's error", 0.0, 2.0 * MEAN_MAX)?,
            count: from.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_a_change_within_four_memories() {
        let mut baseline = Baseline::new(0.0);
        for truth in std::iter::repeat_n(5.0, 10_000).chain(std::iter::repeat_n(9.0, 1_000)) {
            baseline.learn(truth).expect("finite");
        }
        // A fiftieth of the change is left after four memories: exp(-4) = 0.018.
        assert!((9.0 - baseline.predict()) < 0.02 * 4.0, "{baseline:?}");
    }

    #[test]
    fn its_error_is_the_mean_of_its_misses() {
        let mut baseline = Baseline::new(1e9);
        for truth in [10.0, 14.0, 9.0] {
            baseline.learn(truth).expect("finite");
        }
        // Off by 4 from 10, then by 3 from 12.
        assert_eq!((baseline.predict(), baseline.error(), baseline.count()), (11.0, 3.5, 3));
    }

    #[test]
    fn a_truth_that_is_no_number_changes_nothing() {
        let mut baseline = Baseline::new(3.0);
        let before = baseline.clone();
        for truth in [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e19] {
            baseline.learn(truth).expect_err("refused");
        }
        assert_eq!(baseline, before);
    }
}
