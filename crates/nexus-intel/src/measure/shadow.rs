//! Gains by replay beside the real pool, and whether to believe them.
//!
//! A simulator that is handed the arrivals of a block can say what it would have cost
//! with the layer and without, both, and thousands of times faster than waiting. But
//! it says what its maker thought. So it is believed only while it predicts blocks
//! that were really served.
//!
//! Absent on purpose: the simulator. The caller makes it.

use nexus_base::stats::median;
use nexus_base::{BoundedQueue, Summary};

use super::{Arm, FigureError, Gain, PairedReplay};

/// Blocks looked back upon. Source: a guess; fewer forget soon enough when a pool
/// changes, more say more.
const BLOCKS_MAX: usize = 200;
/// Served blocks of each arm before it can be believed. Source: a guess.
const BLOCKS_MIN: u64 = 10;
/// How far, as a share, the mean prediction of an arm may be off. Source: a guess.
const BIAS_MAX: f64 = 0.05;
/// How far, as a share, half of the predictions may be off. Source: a guess.
const ERROR_MEDIAN_MAX: f64 = 0.20;

/// One block, served and simulated: figures of the pool's objective, in its unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ShadowBlock {
    /// How it was served.
    pub arm: Arm,
    /// What it really cost.
    pub measured: f64,
    /// What the simulator says it costs without the layer.
    pub predicted_off: f64,
    /// What the simulator says it costs with it.
    pub predicted_on: f64,
}

impl ShadowBlock {
    /// The prediction that can be checked.
    fn predicted(&self) -> f64 {
        match self.arm {
            Arm::Off => self.predicted_off,
            Arm::On => self.predicted_on,
        }
    }

    fn error(&self) -> f64 {
        (self.predicted() - self.measured).abs() / self.measured
    }
}

/// What a simulator predicted and what came.
///
/// It is believed while, over the last 200 blocks, there are ten of each arm, the
/// predictions of each arm are together within 5 % of what was measured, and half
/// of all are within 20 %. Both arms, because a simulator that is right about the
/// pool as it is may still know nothing about the layer.
///
/// ```
/// use nexus_intel::measure::{Arm, Shadow, ShadowBlock};
///
/// let mut shadow = Shadow::new();
/// for step in 0..40 {
///     let busy = 1.0 + f64::from(step % 5);
///     let (arm, factor) = if step % 2 == 0 { (Arm::On, 0.9) } else { (Arm::Off, 1.0) };
///     let (predicted_off, predicted_on) = (busy, 0.9 * busy);
///     shadow.record(ShadowBlock { arm, measured: factor * busy, predicted_off, predicted_on })?;
/// }
/// assert!(shadow.is_believed());
/// let gain = shadow.gain().expect("it is believed");
/// assert!((gain.ratio.expect("forty blocks") - 0.9).abs() < 1e-9);
/// # Ok::<(), nexus_intel::measure::FigureError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shadow {
    blocks: BoundedQueue<ShadowBlock>,
}

impl Default for Shadow {
    fn default() -> Shadow {
        Shadow::new()
    }
}

impl Shadow {
    /// Without blocks; not believed.
    pub fn new() -> Shadow {
        Shadow { blocks: BoundedQueue::new(BLOCKS_MAX) }
    }

    /// Takes in one block; the oldest of 200 is forgotten.
    ///
    /// # Errors
    /// [`FigureError::NotAnAmount`] if a figure is negative or not finite. Nothing has
    /// changed.
    pub fn record(&mut self, block: ShadowBlock) -> Result<(), FigureError> {
        for figure in [block.measured, block.predicted_off, block.predicted_on] {
            if !figure.is_finite() || figure < 0.0 {
                return Err(FigureError::NotAnAmount(figure));
            }
        }
        self.blocks.push_evicting(block);
        Ok(())
    }

    /// Whether it predicts what is served.
    pub fn is_believed(&self) -> bool {
        let unbiased = [Arm::Off, Arm::On].into_iter().all(|arm| {
            let bias = self.bias(arm);
            bias.is_some_and(|bias| bias.abs() <= BIAS_MAX)
        });
        unbiased && self.error_median().is_some_and(|error| error <= ERROR_MEDIAN_MAX)
    }

    /// How far the predictions of an arm's blocks are together off, as a share: 0.1 is
    /// 10 % too high. `None` of fewer than ten blocks.
    pub fn bias(&self, arm: Arm) -> Option<f64> {
        let of = || self.blocks.iter().filter(move |block| block.arm == arm);
        let measured: Summary = of().map(|block| block.measured).collect();
        let predicted: Summary = of().map(ShadowBlock::predicted).collect();
        let known = measured.count() >= BLOCKS_MIN && measured.mean() > 0.0;
        known.then(|| predicted.mean() / measured.mean() - 1.0)
    }

    /// How far half of the predictions are off at most, as a share; `None` of no
    /// blocks. Those in which nothing was missed, or cost, are left out.
    pub fn error_median(&self) -> Option<f64> {
        let costly = self.blocks.iter().filter(|block| block.measured > 0.0);
        let errors: Vec<f64> = costly.map(ShadowBlock::error).collect();
        (!errors.is_empty()).then(|| median(&errors))
    }

    /// The gain by simulation alone, with a 95 % interval; `None` while the simulator
    /// is not believed.
    pub fn gain(&self) -> Option<Gain> {
        if !self.is_believed() {
            return None;
        }
        let mut replay = PairedReplay::new();
        for block in &self.blocks {
            replay.record(block.predicted_off, block.predicted_on).expect("they were checked");
        }
        Some(replay.gain())
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Rng;

    use super::*;

    /// Blocks of a layer that makes costs `truly` times as high, as a simulator
    /// predicts them that is off by up to `error` and thinks it is `thought`.
    fn shadow(truly: f64, thought: f64, error: f64, blocks: u32) -> Shadow {
        let mut rng = Rng::new(9);
        let mut shadow = Shadow::new();
        for block in 0..blocks {
            let busy = 1.0 + 3.0 * rng.unit();
            let seen = busy * (1.0 - error + 2.0 * error * rng.unit());
            let arm = if block % 2 == 0 { Arm::On } else { Arm::Off };
            let measured = busy * if arm == Arm::On { truly } else { 1.0 };
            let block =
                ShadowBlock { arm, measured, predicted_off: seen, predicted_on: seen * thought };
            shadow.record(block).expect("these are amounts");
        }
        shadow
    }

    #[test]
    fn it_is_believed_while_it_predicts_both_arms() {
        assert!(shadow(0.8, 0.8, 0.1, 100).is_believed());
        assert!(!shadow(0.8, 0.8, 0.1, 18).is_believed(), "nine of each arm are too few");
        assert!(!shadow(1.0, 0.8, 0.1, 100).is_believed(), "it knows nothing about the layer");
        assert!(!shadow(0.8, 0.8, 0.6, 100).is_believed(), "it is right in the mean alone");
        assert!(!Shadow::new().is_believed());
    }

    #[test]
    fn its_gain_counts_while_it_is_believed() {
        let gain = shadow(0.8, 0.8, 0.1, 100).gain().expect("it is believed");
        let [low, high] = gain.interval.expect("a hundred blocks");
        assert!((low - 0.8).abs() < 1e-9 && (high - 0.8).abs() < 1e-9, "{gain}");
        assert_eq!(shadow(1.0, 0.8, 0.1, 100).gain(), None);
    }

    #[test]
    fn it_stops_being_believed_when_the_pool_changes_and_may_be_again() {
        let mut shadow = shadow(0.8, 0.8, 0.1, 200);
        let block =
            |arm, measured| ShadowBlock { arm, measured, predicted_off: 1.0, predicted_on: 0.8 };
        for _ in 0..40 {
            shadow.record(block(Arm::On, 2.4)).expect("amounts");
            shadow.record(block(Arm::Off, 3.0)).expect("amounts");
        }
        assert!(!shadow.is_believed());
        for _ in 0..100 {
            shadow.record(block(Arm::On, 0.8)).expect("amounts");
            shadow.record(block(Arm::Off, 1.0)).expect("amounts");
        }
        assert!(shadow.is_believed());
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        let mut shadow = Shadow::new();
        let block =
            ShadowBlock { arm: Arm::On, measured: f64::NAN, predicted_off: 1.0, predicted_on: 1.0 };
        assert!(shadow.record(block).is_err());
        assert_eq!(shadow.error_median(), None);
    }
}
