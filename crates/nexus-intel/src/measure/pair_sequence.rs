//! The ratio of two means from pairs, with an interval that may be looked at always.

use nexus_base::math::sqrt;

use super::Gain;
use super::mixture::{Mixture, SequenceError};

/// A confidence sequence for mean cost with a layer by mean cost without, from
/// pairs of blocks next to each other in time.
///
/// A ratio θ is excluded when the mean of `with - θ × without` over the pairs is
/// too far from zero for values of that spread. If the layer changes nothing and
/// chance decides which block of a pair has it, those differences are symmetric
/// whatever the load does, so that 1 is excluded no more often than `alpha` says.
///
/// # Source
/// Fieller, "Some Problems in Interval Estimation", 1954, with the boundary of
/// [`super::ConfidenceSequence`] in place of Student's.
#[derive(Clone, Debug)]
pub struct PairSequence {
    mixture: Mixture,
    count: u64,
    with: f64,
    without: f64,
    /// Sums of squared distances from the means, and of the products of both.
    with_squares: f64,
    without_squares: f64,
    products: f64,
}

impl PairSequence {
    /// One that errs with probability `alpha` and is sharpest near `tuned_for` pairs.
    ///
    /// # Errors
    /// [`SequenceError`] if `alpha` is no probability of error or `tuned_for` below two.
    pub fn new(alpha: f64, tuned_for: u64) -> Result<PairSequence, SequenceError> {
        Ok(PairSequence {
            mixture: Mixture::new(alpha, tuned_for)?,
            count: 0,
            with: 0.0,
            without: 0.0,
            with_squares: 0.0,
            without_squares: 0.0,
            products: 0.0,
        })
    }

    /// Takes in one pair of figures, which counts as much as `weight` says against
    /// the others: the requests in both blocks, so that the ratio is that of all
    /// requests. A pair with anything that is not finite is left out.
    pub fn record(&mut self, with: f64, without: f64, weight: f64) {
        let (with, without) = (with * weight, without * weight);
        if !with.is_finite() || !without.is_finite() {
            return;
        }
        self.count += 1;
        let count = self.count as f64;
        let (with_apart, without_apart) = (with - self.with, without - self.without);
        self.with += with_apart / count;
        self.without += without_apart / count;
        self.with_squares += with_apart * (with - self.with);
        self.without_squares += without_apart * (without - self.without);
        self.products += with_apart * (without - self.without);
    }

    /// Pairs taken in.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The ratio, its interval and what could be detected. `blocks` counts both
    /// blocks of each pair.
    pub fn gain(&self) -> Gain {
        let blocks = 2 * self.count;
        if self.without <= 0.0 {
            return Gain { blocks, ..Gain::default() };
        }
        let interval = self.interval();
        Gain {
            ratio: Some(self.with / self.without),
            interval,
            blocks,
            detectable: interval.map(|[low, high]| (high - low) / 2.0),
        }
    }

    /// Where the quadratic in the ratio, distance less what is allowed, is below
    /// zero; `None` if that has no end, as while the cost without is not yet told
    /// from nothing.
    fn interval(&self) -> Option<[f64; 2]> {
        let allowed = self.mixture.distance(self.count)?;
        let square = self.without * self.without - allowed * self.without_squares;
        let half = self.with * self.without - allowed * self.products;
        let rest = self.with * self.with - allowed * self.with_squares;
        if square <= 0.0 {
            return None;
        }
        // Never below zero but for rounding: the ratio itself is always inside.
        let root = sqrt((half * half - square * rest).max(0.0));
        Some([((half - root) / square).max(0.0), (half + root) / square])
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Rng;
    use nexus_base::math::exp;

    use super::*;

    const RUNS: u64 = 1_000;
    const PAIRS: u64 = 300;

    /// Busy and quiet times differ by a factor of three; blocks of a pair differ with
    /// a tail so heavy that the fourth moment is infinite; the layer changes costs by
    /// the factor `truth`.
    fn runs_excluding(truth: f64, seed: u64) -> (u64, Gain) {
        let mut last = Gain::default();
        let excluding = (0..RUNS).filter(|&run| {
            let mut rng = Rng::new(seed).fork_index("run", run);
            let mut sequence = PairSequence::new(0.05, 50).expect("a fair setting");
            let mut excluded = false;
            for _ in 0..PAIRS {
                let load = 1.0 + 2.0 * rng.unit();
                let mut block = || load * exp(0.3 * rng.exponential());
                sequence.record(truth * block(), block(), load);
                let interval = sequence.gain().interval;
                excluded |= interval.is_some_and(|[low, high]| truth < low || high < truth);
            }
            last = sequence.gain();
            excluded
        });
        (excluding.count() as u64, last)
    }

    #[test]
    fn the_true_ratio_is_excluded_no_more_often_than_said_whatever_it_is() {
        for truth in [1.0, 0.8, 1.5] {
            let (excluding, gain) = runs_excluding(truth, 21);
            // 5 % of 1,000 is 50; three deviations are 21.
            assert!(excluding <= 71, "{truth}: {excluding} of {RUNS}");
            let [low, high] = gain.interval.expect("three hundred pairs are many");
            assert!(high - low < 0.4 * truth, "{truth}: {gain} says nothing");
        }
    }

    #[test]
    fn pairs_that_cost_nothing_have_no_ratio() {
        let mut sequence = PairSequence::new(0.05, 10).expect("a fair setting");
        for _ in 0..100 {
            sequence.record(0.0, 0.0, 3.0);
        }
        assert_eq!(sequence.gain(), Gain { blocks: 200, ..Gain::default() });
        sequence.record(f64::NAN, 1.0, 1.0);
        assert_eq!(sequence.count(), 100);
    }
}
