//! The covariance of the weights, in factors that cannot lose their meaning.
//!
//! A covariance that is updated by subtraction ends up, by rounding, with
//! negative variances, and the weights fly off. Kept as U·D·Uᵀ, with U unit upper
//! triangular and D diagonal, it is symmetric by construction, and D is only ever
//! multiplied by positive numbers.
//!
//! Forgetting lets variances grow for as long as nothing new is seen in some
//! direction ("wind-up"), until one noisy outcome decides over a weight. Here no
//! column of U·D·Uᵀ grows once it holds as much of some weight's variance as all
//! weights began with; the other columns go on forgetting. Learning lessens
//! variances, but may move them from one column to another, and where values of
//! all magnitudes up to 10¹⁸ alternate for long, rounding breaks even this form:
//! when the sum of all columns is beyond its bound, nothing is known any more.

use super::super::ModelFileError;
use super::super::bytes::{Reader, Writer};
use super::{Row, WEIGHTS_MAX};

/// Entries of U above its diagonal.
const ABOVE_MAX: usize = WEIGHTS_MAX * (WEIGHTS_MAX - 1) / 2;

/// Variance of each weight before the first outcome and the most a column may
/// hold of it later, in units of the squared error of an outcome.
/// Source: measured; far less pulls the weights towards zero, and this much
/// differs from ordinary least squares by less than 10⁻⁶ on the shipped trace.
const VARIANCE_MAX: f64 = 1e6;

/// The most that all columns together may hold of a weight's variance. Source: as
/// if each of them held the most that it may.
const SUM_MAX: f64 = VARIANCE_MAX * WEIGHTS_MAX as f64;

/// U·D·Uᵀ, positive definite whatever is learned.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Factor {
    len: usize,
    /// U above its diagonal of ones, column by column.
    above: [f64; ABOVE_MAX],
    /// D.
    diagonal: Row,
}

/// Where column `column` of U begins; it has `column` entries.
const fn start(column: usize) -> usize {
    column * column.saturating_sub(1) / 2
}

impl Factor {
    /// For `len` weights of which nothing is known.
    pub(super) fn new(len: usize) -> Factor {
        Factor { len, above: [0.0; ABOVE_MAX], diagonal: [VARIANCE_MAX; WEIGHTS_MAX] }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn column(&self, column: usize) -> &[f64] {
        &self.above[start(column)..start(column) + column]
    }

    /// The variance of each weight.
    fn variances(&self) -> Row {
        let mut variances = self.diagonal;
        for column in 1..self.len {
            for (variance, u) in variances.iter_mut().zip(self.column(column)) {
                *variance += self.diagonal[column] * (u * u);
            }
        }
        variances
    }

    /// The most that column `column` adds to any weight's variance.
    fn share(&self, column: usize) -> f64 {
        let largest = self.column(column).iter().fold(1.0, |most, u| (u * u).max(most));
        self.diagonal[column] * largest
    }

    /// All that was learned counts `factor` of what it did.
    pub(super) fn forget(&mut self, factor: f64) {
        for column in 0..self.len {
            if self.share(column) <= VARIANCE_MAX * factor {
                self.diagonal[column] /= factor;
            }
        }
    }

    /// Takes in that an outcome with these regressors was seen, and says by how
    /// much of its error each weight is to change.
    pub(super) fn learn(&mut self, row: &Row) -> Row {
        let mut gain = [0.0; WEIGHTS_MAX];
        // The variance of the error, by what is known of the first weights.
        let mut spread = 1.0;
        for column in 0..self.len {
            let above = &mut self.above[start(column)..start(column) + column];
            let mut seen = row[column];
            for (u, value) in above.iter().zip(row) {
                seen += u * value;
            }
            let share = self.diagonal[column] * seen;
            let wider = spread + seen * share;
            self.diagonal[column] *= spread / wider;
            let step = -seen / spread;
            for (u, gain) in above.iter_mut().zip(&mut gain) {
                let before = *u;
                *u += step * *gain;
                *gain += share * before;
            }
            gain[column] = share;
            spread = wider;
        }
        if !self.is_sound() {
            *self = Factor::new(self.len);
        }
        gain.map(|gain| gain / spread)
    }

    /// Whether it is still a covariance, of variances within their bound.
    fn is_sound(&self) -> bool {
        let positive = self.diagonal[..self.len].iter().all(|own| *own >= f64::MIN_POSITIVE);
        let bounded = |variance: &f64| *variance <= SUM_MAX;
        positive && self.variances()[..self.len].iter().all(bounded)
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.f64s(&self.above[..start(self.len)]);
        to.f64s(&self.diagonal[..self.len]);
    }

    pub(super) fn read(from: &mut Reader<'_>, len: usize) -> Result<Factor, ModelFileError> {
        let mut factor = Factor::new(len);
        for u in &mut factor.above[..start(len)] {
            *u = from.f64_within("a factor", f64::MIN, f64::MAX)?;
        }
        for variance in &mut factor.diagonal[..len] {
            *variance = from.f64_within("a variance", 0.0, f64::MAX)?;
        }
        if factor.is_sound() { Ok(factor) } else { Err(ModelFileError::Invalid("a variance")) }
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::{Rng, math};

    use super::*;

    /// Some rows for `len` weights, of magnitudes from a millionth to 10¹⁷.
    fn rows(rng: &mut Rng, len: usize) -> Vec<Row> {
        let mut rows = vec![[0.0; WEIGHTS_MAX]; 2 + rng.below(6) as usize];
        for row in &mut rows {
            row[0] = 1.0;
            for value in &mut row[1..len] {
                let sign = rng.below(3) as f64 - 1.0;
                *value = sign * math::pow(10.0, rng.below(24) as f64 - 6.0);
            }
        }
        rows
    }

    #[test]
    fn variances_stay_bounded_whatever_is_seen_for_however_long() {
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let len = 2 + rng.below(WEIGHTS_MAX as u64 - 1) as usize;
            let rows = rows(&mut rng, len);
            let mut factor = Factor::new(len);
            for stretch in 0..100 {
                let row = rows[rng.below(rows.len() as u64) as usize];
                for _ in 0..=rng.below(300) {
                    factor.forget(0.91);
                    factor.learn(&row);
                }
                assert!(factor.is_sound(), "{seed}, stretch {stretch}: {factor:?}");
            }
        }
    }
}
