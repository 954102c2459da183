//! How a switchback is set up.

use std::time::Duration;

use nexus_base::DURATION_MAX;

use crate::measure::{Objective, SequenceError};

/// How one layer of one pool is measured.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchbackSpec {
    /// What counts.
    pub objective: Objective,
    /// The chance that any interval it ever shows is wrong.
    pub alpha: f64,
    /// The least gain worth having the layer, as a share: 0.02 is 2 %.
    pub least_worthwhile: f64,
    /// The shortest a block may be, however fast requests are.
    pub block_min: Duration,
    /// The longest; a pool that needs longer ones is not measured, and goes without
    /// the layer.
    pub block_max: Duration,
    /// Pairs of blocks after which intervals are to be narrowest.
    pub tuned_for_pairs: u32,
    /// Blocks for which a layer with a sure gain stays on between two pairs.
    pub hold_blocks: u32,
}

/// Why a switchback cannot be set up like this.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
pub enum SwitchbackError {
    /// Its error or its tuning.
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    /// Not a share that decides anything.
    #[error("the least worthwhile gain is {0}; it is a share above 0 and below 1, as 0.02")]
    LeastWorthwhile(f64),
    /// No length fits between.
    #[error("blocks of at least {min:?} and at most {max:?}: no length above nothing fits")]
    Lengths {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// A deadline that says nothing.
    #[error("the deadline of the objective must be above nothing and below an hour")]
    Deadline,
}

impl SwitchbackSpec {
    /// The usual: an error of 5 %, gains of 2 % and more, blocks of ten seconds to an
    /// hour, sharpest at 30 pairs, four blocks between pairs once a gain is sure.
    /// All of these are guesses but for the error, which is custom.
    pub const fn new(objective: Objective) -> SwitchbackSpec {
        SwitchbackSpec {
            objective,
            alpha: 0.05,
            least_worthwhile: 0.02,
            block_min: Duration::from_secs(10),
            block_max: DURATION_MAX,
            tuned_for_pairs: 30,
            hold_blocks: 4,
        }
    }

    pub(super) fn check(&self) -> Result<(), SwitchbackError> {
        if !(self.least_worthwhile > 0.0 && self.least_worthwhile < 1.0) {
            return Err(SwitchbackError::LeastWorthwhile(self.least_worthwhile));
        }
        if self.block_min.is_zero() || self.block_min > self.block_max {
            return Err(SwitchbackError::Lengths { min: self.block_min, max: self.block_max });
        }
        if !self.objective.is_sound() {
            return Err(SwitchbackError::Deadline);
        }
        Ok(())
    }
}
