//! What a switchback is doing, for those who wonder why it says nothing.

use std::fmt;
use std::time::Duration;

/// What a switchback is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The layer is off; how long requests take is being learned.
    Settling {
        /// Requests that ended so far.
        outcomes: u64,
        /// How many are needed.
        needed: u64,
    },
    /// The layer is off: requests take so long that blocks would have to be longer
    /// than is allowed.
    TooSlow {
        /// How long a block would have to be.
        needed: Duration,
        /// How long it may be.
        block_max: Duration,
    },
    /// The layer is on in one block of each pair.
    Measuring {
        /// Length of a block.
        block: Duration,
    },
    /// The gain is sure and the layer is on.
    Holding {
        /// Further blocks before it is measured again.
        blocks_left: u32,
    },
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Settling { outcomes, needed } => {
                write!(f, "learning how long requests take: {outcomes} of {needed}")
            }
            Phase::TooSlow { needed, block_max } => write!(
                f,
                "requests take too long to measure: blocks of {needed:?} are needed \
                 and {block_max:?} are allowed"
            ),
            Phase::Measuring { block } => write!(f, "measuring in blocks of {block:?}"),
            Phase::Holding { blocks_left } => {
                write!(f, "the gain is sure; measured again after {blocks_left} blocks")
            }
        }
    }
}
