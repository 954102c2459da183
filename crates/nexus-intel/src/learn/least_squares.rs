//! Recursive least squares: the best line through what was seen, outcome by outcome.

mod factor;

use super::bytes::{Reader, Writer};
use super::features::check_target;
use super::{FEATURES_MAX, Features, Forgetting, ModelFileError, TargetError};
use factor::Factor;

/// Weights there may be: one for each feature, and the intercept.
const WEIGHTS_MAX: usize = FEATURES_MAX + 1;

/// A weight beyond this was not learned, but came of rounding or a damaged file.
/// What can be learned from sane values stays below 10³⁵, see `MAGNITUDE_MAX`.
const WEIGHT_MAX: f64 = 1e100;

/// One number for each weight.
type Row = [f64; WEIGHTS_MAX];

/// Recursive least squares with exponential forgetting and an intercept.
///
/// After each outcome the weights are those that minimise the squares of all
/// errors so far, where an error counts less the older it is. An outcome costs
/// about n² multiplications for n features and allocates nothing.
///
/// Features need not be scaled, but one whose values are all far below 0.001 is
/// learned slowly: weights start at zero with a variance of 10⁶.
///
/// ```
/// use nexus_intel::learn::{FeatureSet, Forgetting, LeastSquares};
///
/// let set = FeatureSet::new(["size"])?;
/// let mut line = LeastSquares::new(set.len(), Forgetting::NONE);
/// for size in [1.0, 2.0, 3.0] {
///     line.learn(&set.values(&[size])?, 10.0 + 2.0 * size)?;
/// }
/// assert!((line.predict(&set.values(&[7.0])?) - 24.0).abs() < 1e-4);
/// assert!((line.weights()[0] - 2.0).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// Plackett, "Some theorems in least squares", Biometrika 37, 1950, for the
/// recursion; Ljung and Söderström, *Theory and Practice of Recursive
/// Identification*, 1983, for forgetting. What is carried along is not the
/// covariance but its factors, after Bierman, *Factorization Methods for Discrete
/// Sequential Estimation*, 1977: the plain recursion was tried first and blew up
/// on the shipped trace at a forgetting of 0.998.
#[derive(Clone, PartialEq, Debug)]
pub struct LeastSquares {
    /// The intercept, then one for each feature.
    weights: Row,
    factor: Factor,
    forgetting: Forgetting,
}

impl LeastSquares {
    /// Knows nothing yet about `feature_count` features, and predicts zero.
    ///
    /// # Panics
    /// If there are more than [`FEATURES_MAX`].
    pub fn new(feature_count: usize, forgetting: Forgetting) -> LeastSquares {
        assert!(feature_count <= FEATURES_MAX, "a set of features is no larger");
        let factor = Factor::new(feature_count + 1);
        LeastSquares { weights: [0.0; WEIGHTS_MAX], factor, forgetting }
    }

    /// What is expected for `features`. Always finite.
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    #[inline]
    pub fn predict(&self, features: &Features) -> f64 {
        let values = features.as_slice();
        assert_eq!(values.len() + 1, self.factor.len(), "features of another set");
        let mut sum = self.weights[0];
        for (value, weight) in values.iter().zip(&self.weights[1..]) {
            sum += value * weight;
        }
        sum
    }

    /// Takes in one outcome.
    ///
    /// # Errors
    /// [`TargetError`] if the target is not finite or too large; nothing changed.
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    pub fn learn(&mut self, features: &Features, target: f64) -> Result<(), TargetError> {
        self.learn_missing(features, target).map(drop)
    }

    /// As [`Self::learn`]; by how much the prediction before it missed.
    pub(super) fn learn_missing(
        &mut self,
        features: &Features,
        target: f64,
    ) -> Result<f64, TargetError> {
        let error = check_target(target)? - self.predict(features);
        let mut row = [0.0; WEIGHTS_MAX];
        row[0] = 1.0;
        row[1..self.factor.len()].copy_from_slice(features.as_slice());
        self.factor.forget(self.forgetting.factor());
        let gain = self.factor.learn(&row);
        for (weight, gain) in self.weights.iter_mut().zip(gain) {
            *weight += gain * error;
        }
        // False for what is no number, too. See the factor for how it can come to that.
        if !self.weights.iter().all(|weight| weight.abs() <= WEIGHT_MAX) {
            *self = LeastSquares::new(self.factor.len() - 1, self.forgetting);
        }
        Ok(error)
    }

    /// What is predicted where all features are zero.
    pub fn intercept(&self) -> f64 {
        self.weights[0]
    }

    /// What one more of each feature adds to the prediction, in order.
    pub fn weights(&self) -> &[f64] {
        &self.weights[1..self.factor.len()]
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.f64s(&self.weights[..self.factor.len()]);
        self.factor.write(to);
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
        forgetting: Forgetting,
    ) -> Result<LeastSquares, ModelFileError> {
        let mut weights = [0.0; WEIGHTS_MAX];
        for weight in &mut weights[..=feature_count] {
            *weight = from.f64_within("a weight", -WEIGHT_MAX, WEIGHT_MAX)?;
        }
        let factor = Factor::read(from, feature_count + 1)?;
        Ok(LeastSquares { weights, factor, forgetting })
    }
}

#[cfg(test)]
mod tests;
