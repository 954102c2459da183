//! Whether a pool is still the pool it was.

use nexus_base::Summary;
use nexus_base::math::{ln, sqrt};

/// Deviations by which a value must lie beyond what is expected before it counts
/// at all. Twice this, two deviations, is the shift found soonest. Smaller ones
/// are left to the pairing of blocks, which takes them out. Source: a guess.
const SLACK: f64 = 1.0;
/// Deviations in excess of the slack, summed, that are an alarm. Source: measured by
/// the tests of this module: no false alarm in 500,000 blocks. With five there was
/// one in 11,000 to 33,000, and some in every day of the shipped trace.
const ALARM: f64 = 8.0;
/// Deviations in excess, summed, from which values are no longer learned from.
/// Source: half the alarm, a guess that the tests bear out.
const SUSPECTED: f64 = ALARM / 2.0;
/// Values to learn what is usual before any can be unusual. Source: a guess.
const LEARNED_MIN: u64 = 8;
/// One value counts for no more deviations than this, so that a single outlier is
/// no change. Source: a guess.
const DEVIATIONS_MAX: f64 = 4.0;

/// A self-starting two-sided CUSUM over the figures of blocks without the layer.
///
/// Figures are positive and skewed, so their logarithms are watched; each is
/// compared with those before it alone. Nothing has to be known beforehand, and a
/// pool that gets slower to three times what it was, where blocks usually differ
/// by a third, is noticed after seven blocks, in the median.
///
/// A change of load is a change too, if it is that large and lasts that long.
///
/// # Source
/// Hawkins, "Self-Starting CUSUM Charts for Location and Scale", 1987; Student's t
/// made normal by Wallace, "Bounds on Normal Approximations to Student's and the
/// Chi-Square Distributions", 1959; run lengths by Siegmund, "Sequential
/// Analysis", 1985.
#[derive(Clone, Debug, Default)]
pub struct ChangeDetector {
    usual: Summary,
    above: f64,
    below: f64,
}

impl ChangeDetector {
    /// One that has seen nothing.
    pub fn new() -> ChangeDetector {
        ChangeDetector::default()
    }

    /// Takes in the figure of a block; `true` is an alarm, after which the detector
    /// has forgotten everything. Figures that are not above zero are left out.
    pub fn record(&mut self, figure: f64) -> bool {
        if !figure.is_finite() || figure <= 0.0 {
            return false;
        }
        let value = ln(figure);
        if self.usual.count() >= LEARNED_MIN && self.alarms(value) {
            *self = ChangeDetector::new();
            return true;
        }
        // What may be the change itself must not become what is usual.
        if self.above.max(self.below) < SUSPECTED {
            self.usual.record(value);
        }
        false
    }

    fn alarms(&mut self, value: f64) -> bool {
        let deviations = self.deviations(value).clamp(-DEVIATIONS_MAX, DEVIATIONS_MAX);
        self.above = (self.above + deviations - SLACK).max(0.0);
        self.below = (self.below - deviations - SLACK).max(0.0);
        self.above.max(self.below) > ALARM
    }

    /// How unusual a value is, as a normal deviate.
    fn deviations(&self, value: f64) -> f64 {
        let count = self.usual.count() as f64;
        let apart = value - self.usual.mean();
        let deviation = self.usual.deviation();
        if deviation <= 0.0 {
            return if apart == 0.0 { 0.0 } else { DEVIATIONS_MAX * apart.signum() };
        }
        let t = apart / deviation * sqrt(count / (count + 1.0));
        let freedom = count - 1.0;
        let scale = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0);
        scale * sqrt(freedom * ln(1.0 + t * t / freedom)) * t.signum()
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Rng;
    use nexus_base::math::exp;

    use super::*;

    const BLOCKS: u64 = 1_000;

    /// Runs of `BLOCKS` blocks with an alarm, of 500.
    fn alarmed(draw: impl Fn(&mut Rng) -> f64) -> usize {
        let alarmed = (0..500).filter(|&seed| {
            let mut rng = Rng::new(seed);
            let mut detector = ChangeDetector::new();
            (0..BLOCKS).any(|_| detector.record(draw(&mut rng)))
        });
        alarmed.count()
    }

    /// About normal: the sum of twelve, less six.
    fn normal(rng: &mut Rng) -> f64 {
        (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0
    }

    #[test]
    fn it_rarely_sees_a_change_where_there_is_none() {
        // Of 500 runs of 1,000 blocks each, a handful may.
        assert!(alarmed(|rng| exp(0.3 * normal(rng))) <= 5);
        // Means of ten exponential costs, which are skewed.
        assert!(alarmed(|rng| (0..10).map(|_| rng.exponential()).sum()) <= 5);
    }

    /// Blocks until the alarm after a change by `factor`, in 500 runs, least first.
    fn delays(factor: f64) -> Vec<u64> {
        let mut delays: Vec<u64> = (0..500)
            .map(|seed| {
                let mut rng = Rng::new(seed);
                let mut detector = ChangeDetector::new();
                let mut block = |factor: f64| {
                    let figure = factor * exp(0.33 * normal(&mut rng));
                    detector.record(figure)
                };
                (0..20).for_each(|_| _ = block(1.0));
                (1..BLOCKS).find(|_| block(factor)).unwrap_or(BLOCKS)
            })
            .collect();
        delays.sort_unstable();
        delays
    }

    #[test]
    fn a_change_to_three_times_or_a_third_is_seen_within_a_few_blocks() {
        for factor in [3.0, 1.0 / 3.0] {
            let delays = delays(factor);
            assert!(delays[250] <= 8 && delays[450] <= 15, "{} {}", delays[250], delays[450]);
        }
    }

    #[test]
    fn equal_figures_are_no_change_and_no_amounts_are_left_out() {
        let mut detector = ChangeDetector::new();
        for figure in [5.0, 0.0, f64::NAN, f64::INFINITY, -1.0] {
            assert!((0..50).all(|_| !detector.record(figure)), "{figure}");
        }
    }
}
