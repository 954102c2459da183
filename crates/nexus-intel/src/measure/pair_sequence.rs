//! The ratio of two means from pairs, with an interval that may be looked at always.

use nexus_base::math::sqrt;

use super::Gain;
use super::mixture::{Mixture, SequenceError};

/// What is known of one block of a pair.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BlockFigure {
    /// What the block cost, by the objective.
    pub figure: f64,
    /// Requests that arrived.
    pub count: u64,
    /// Their mean size, in any unit that a layer cannot change; zero if unknown.
    pub size_mean: f64,
}

/// With, without, and what explains differences between blocks: arrivals, sizes.
const COLUMNS: usize = 4;
const WITH: usize = 0;
const WITHOUT: usize = 1;
const EXPLAINING: [usize; 2] = [2, 3];

/// A confidence sequence for mean cost with a layer by mean cost without, from
/// pairs of blocks next to each other in time.
///
/// A ratio θ is excluded when the mean of `with - θ × without` over the pairs is
/// too far from zero for values of that spread. Each pair counts as much as it has
/// requests, so that the ratio is that of all requests.
///
/// Most of the spread is not the layer's: one block of a pair had more arrivals, or
/// larger requests. What the pairs so far say about that is taken out, by
/// regression through the origin on the differences in both.
///
/// If the layer changes nothing and chance decides which block of a pair has it,
/// what remains is symmetric whatever the load does (the regression is the same
/// when a pair is turned round), so that 1 is excluded no more often than `alpha`
/// says. Other ratios rest on means of many blocks being about normal.
///
/// # Source
/// Fieller, "Some Problems in Interval Estimation", 1954, with the boundary of
/// [`super::ConfidenceSequence`] in place of Student's; the regression: Deng, Xu,
/// Kohavi and Walker, "Improving the Sensitivity of Online Controlled Experiments
/// by Utilizing Pre-Experiment Data", 2013.
#[derive(Clone, Debug)]
pub struct PairSequence {
    mixture: Mixture,
    count: u64,
    moments: Moments,
}

/// Sums over the pairs, and sums of products.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    sums: [f64; COLUMNS],
    products: [[f64; COLUMNS]; COLUMNS],
}

impl Moments {
    fn add(&mut self, row: [f64; COLUMNS]) {
        for (column, value) in row.into_iter().enumerate() {
            self.sums[column] += value;
            for (other, with) in row.into_iter().enumerate() {
                self.products[column][other] += value * with;
            }
        }
    }

    /// Takes out of every column what `by` explains of it, itself included.
    fn explain(&mut self, by: usize) {
        let explaining = self.products[by];
        let explained_sum = self.sums[by];
        if explaining[by] <= 0.0 {
            return;
        }
        for (column, product) in explaining.into_iter().enumerate() {
            let slope = product / explaining[by];
            self.sums[column] -= slope * explained_sum;
            for (other, with) in explaining.into_iter().enumerate() {
                self.products[column][other] -= slope * with;
            }
        }
    }
}

impl PairSequence {
    /// One that errs with probability `alpha` and is sharpest near `tuned_for` pairs.
    ///
    /// # Errors
    /// [`SequenceError`] if `alpha` is no probability of error or `tuned_for` below two.
    pub fn new(alpha: f64, tuned_for: u64) -> Result<PairSequence, SequenceError> {
        let mixture = Mixture::new(alpha, tuned_for)?;
        Ok(PairSequence { mixture, count: 0, moments: Moments::default() })
    }

    /// Takes in one pair. One with anything that is not finite is left out.
    pub fn record(&mut self, with: BlockFigure, without: BlockFigure) {
        let weight = (with.count + without.count) as f64;
        let row = [
            with.figure,
            without.figure,
            with.count as f64 - without.count as f64,
            with.size_mean - without.size_mean,
        ];
        let row = row.map(|value| weight * value);
        if row.iter().all(|value| value.is_finite()) {
            self.count += 1;
            self.moments.add(row);
        }
    }

    /// Pairs taken in.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The ratio, its interval and what could be detected. `blocks` counts both
    /// blocks of each pair.
    pub fn gain(&self) -> Gain {
        let blocks = 2 * self.count;
        let mut left = self.moments;
        EXPLAINING.into_iter().for_each(|column| left.explain(column));
        if left.sums[WITHOUT] <= 0.0 {
            return Gain { blocks, ..Gain::default() };
        }
        let interval = self.interval(&left);
        Gain {
            ratio: Some(left.sums[WITH].max(0.0) / left.sums[WITHOUT]),
            interval,
            blocks,
            detectable: interval.map(|[low, high]| (high - low) / 2.0),
        }
    }

    /// Where the quadratic in the ratio, distance less what is allowed, is below
    /// zero; `None` if that has no end, as while the cost without is not yet told
    /// from nothing.
    fn interval(&self, left: &Moments) -> Option<[f64; 2]> {
        // What was spent on explaining is not there for judging.
        let allowed = self.mixture.distance(self.count.checked_sub(EXPLAINING.len() as u64)?)?;
        let count = self.count as f64;
        let form = |one: usize, other: usize| {
            let means = left.sums[one] / count * (left.sums[other] / count);
            means - allowed * (left.products[one][other] - count * means)
        };
        let (square, half, rest) = (form(WITHOUT, WITHOUT), form(WITH, WITHOUT), form(WITH, WITH));
        if square <= 0.0 {
            return None;
        }
        // Never below zero but for rounding: the ratio itself is always inside.
        let root = sqrt((half * half - square * rest).max(0.0));
        Some([((half - root) / square).max(0.0), ((half + root) / square).max(0.0)])
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Rng;
    use nexus_base::math::exp;

    use super::*;

    const RUNS: u64 = 1_000;
    const PAIRS: u64 = 300;
    const NOTHING: BlockFigure = BlockFigure { figure: 0.0, count: 3, size_mean: 1.0 };

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
                let (with, without) = (truth * block(), block());
                sequence.record(figure(with, &mut rng), figure(without, &mut rng));
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

    /// Arrivals and sizes that explain nothing.
    fn figure(figure: f64, rng: &mut Rng) -> BlockFigure {
        BlockFigure { figure, count: 100 + rng.below(50), size_mean: rng.unit() }
    }

    #[test]
    fn a_pair_counts_as_much_as_it_has_requests() {
        let mut sequence = PairSequence::new(0.05, 50).expect("a fair setting");
        let block = |figure, count| BlockFigure { figure, count, size_mean: 1.0 };
        for _ in 0..50 {
            sequence.record(block(1.0, 100), block(1.0, 100));
            sequence.record(block(0.5, 300), block(1.0, 300));
        }
        // One request in four gains nothing, the others half.
        let ratio = sequence.gain().ratio.expect("a hundred pairs");
        assert!((ratio - 0.625).abs() < 1e-9, "{ratio}");
    }

    #[test]
    fn pairs_that_cost_nothing_have_no_ratio() {
        let mut sequence = PairSequence::new(0.05, 10).expect("a fair setting");
        for _ in 0..100 {
            sequence.record(NOTHING, NOTHING);
        }
        assert_eq!(sequence.gain(), Gain { blocks: 200, ..Gain::default() });
        sequence.record(BlockFigure { figure: f64::NAN, ..NOTHING }, NOTHING);
        assert_eq!(sequence.count(), 100);
    }
}
