//! Gains offline: the same arrivals served twice, once with the layer.
//!
//! What one seed draws makes most of the spread between runs, and both runs of a
//! pair share it, so it cancels. Requests with and without the layer never meet.

use nexus_base::stats::mean_ci95;

use super::Gain;

/// Pairs taken in at most; later ones are refused. Far beyond any table of seeds.
/// Source: a guess.
pub const PAIRS_MAX: usize = 100_000;

/// Paired replays: for each seed the figure without and with the layer.
///
/// The ratio is of the means. Its 95 % interval is by the delta method with
/// Student's t: the residuals `layer - ratio × base` have mean zero, and theirs
/// is the spread that counts once what is common to a pair is taken out.
///
/// ```
/// use nexus_intel::measure::PairedReplay;
///
/// let mut replay = PairedReplay::new();
/// for (base, layer) in [(10.0, 9.1), (20.0, 18.0), (15.0, 13.4)] {
///     replay.record(base, layer)?;
/// }
/// let [low, high] = replay.gain().interval.expect("three pairs have a spread");
/// assert!(low < 0.9 && 0.9 < high && high < 1.0);
/// # Ok::<(), nexus_intel::measure::FigureError>(())
/// ```
///
/// # Source
/// Cochran, "Sampling Techniques", 1977, section 6.3 (variance of a ratio).
#[derive(Clone, Debug, Default)]
pub struct PairedReplay {
    base: Vec<f64>,
    layer: Vec<f64>,
}

/// Why a pair was not taken in. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum FigureError {
    /// Neither a number nor an amount.
    #[error("a figure is {0}; it must be finite and not below zero")]
    NotAnAmount(f64),
    /// As many as can be.
    #[error("there are already {PAIRS_MAX} pairs")]
    TooMany,
}

impl PairedReplay {
    /// Without pairs.
    pub fn new() -> PairedReplay {
        PairedReplay::default()
    }

    /// Takes in the figures of one seed, in any unit as long as it is the same.
    ///
    /// # Errors
    /// [`FigureError`] if either is negative or not finite, or there are too many.
    pub fn record(&mut self, base: f64, layer: f64) -> Result<(), FigureError> {
        for figure in [base, layer] {
            if !figure.is_finite() || figure < 0.0 {
                return Err(FigureError::NotAnAmount(figure));
            }
        }
        if self.base.len() == PAIRS_MAX {
            return Err(FigureError::TooMany);
        }
        self.base.push(base);
        self.layer.push(layer);
        Ok(())
    }

    /// The ratio of means with its 95 % interval; of one pair there is no interval,
    /// and no ratio while the base has cost nothing.
    pub fn gain(&self) -> Gain {
        let blocks = self.base.len() as u64;
        let base: f64 = self.base.iter().sum();
        if base <= 0.0 {
            return Gain { blocks, ..Gain::default() };
        }
        let ratio = self.layer.iter().sum::<f64>() / base;
        let half_width = self.half_width(ratio, base / blocks as f64);
        Gain {
            ratio: Some(ratio),
            interval: half_width.map(|half| [(ratio - half).max(0.0), ratio + half]),
            blocks,
            detectable: half_width,
        }
    }

    fn half_width(&self, ratio: f64, base_mean: f64) -> Option<f64> {
        if self.base.len() < 2 {
            return None;
        }
        let pairs = self.base.iter().zip(&self.layer);
        let residuals: Vec<f64> = pairs.map(|(base, layer)| layer - ratio * base).collect();
        Some(mean_ci95(&residuals).1 / base_mean)
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Rng;
    use nexus_base::math::exp;

    use super::*;

    fn gain_of(pairs: &[(f64, f64)]) -> Gain {
        let mut replay = PairedReplay::new();
        for &(base, layer) in pairs {
            replay.record(base, layer).expect("these are amounts");
        }
        replay.gain()
    }

    #[test]
    fn of_one_pair_there_is_no_interval_and_of_none_no_ratio() {
        let one = gain_of(&[(2.0, 1.0)]);
        assert_eq!((one.ratio, one.interval, one.blocks), (Some(0.5), None, 1));
        assert_eq!(gain_of(&[]), Gain::default());
        assert_eq!(gain_of(&[(0.0, 1.0), (0.0, 2.0)]).ratio, None);
    }

    #[test]
    fn what_is_common_to_a_pair_cancels() {
        let gain = gain_of(&[(1.0, 0.9), (100.0, 90.0), (10.0, 9.0)]);
        let [low, high] = gain.interval.expect("three pairs");
        assert!((low - 0.9).abs() < 1e-9 && (high - 0.9).abs() < 1e-9, "{low} to {high}");
    }

    #[test]
    fn what_is_no_amount_is_refused_and_changes_nothing() {
        let mut replay = PairedReplay::new();
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(replay.record(1.0, bad).is_err() && replay.record(bad, 1.0).is_err());
        }
        assert_eq!(replay.gain(), Gain::default());
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let mut rng = Rng::new(3);
        let mut held = 0;
        for _ in 0..2_000 {
            let pairs: Vec<(f64, f64)> = (0..16)
                .map(|_| {
                    let shared = exp(rng.unit());
                    (shared * (0.9 + 0.2 * rng.unit()), 0.8 * shared * (0.9 + 0.2 * rng.unit()))
                })
                .collect();
            let [low, high] = gain_of(&pairs).interval.expect("sixteen pairs");
            held += u32::from(low <= 0.8 && 0.8 <= high);
        }
        // 95 % of 2,000 is 1,900; three deviations are 29.
        assert!((1_871..=1_929).contains(&held), "{held}");
    }
}
