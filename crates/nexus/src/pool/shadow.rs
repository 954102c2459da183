//! What a simulator says of the layer that is measured.

use nexus_base::Level;
use nexus_intel::layers::Rehearsal;
use nexus_intel::measure::{Arm, Gain};
use nexus_intel::proactive::LearnedWork;
use serde::{Deserialize, Serialize};

/// What the last blocks of a trial come to when they are served again in a simulator,
/// with the layer and without.
///
/// It looks at both sides of every block, where a switchback sees one, so it says more
/// sooner; but it says what its maker thought. So it has a gain only while it is
/// believed: while it predicts the blocks that were really served. Blocks in which a
/// call was refused or failed are left out.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolShadow {
    /// The layer that is measured.
    pub layer: Level,
    /// Blocks that were served again, the last twenty of each side at most.
    pub blocks: usize,
    /// How far it is off where blocks were served without the layer, as a share: 0.1
    /// is 10 % too high. `None` of fewer than ten blocks.
    pub bias_off: Option<f64>,
    /// The same where they were served with it.
    pub bias_on: Option<f64>,
    /// How far it is off in half of all blocks at most.
    pub error_median: Option<f64>,
    /// What calls cost with the layer relative to without; `None` while it is not
    /// believed. The interval tells of the blocks, not of how far it is off.
    pub gain: Option<Gain>,
}

impl PoolShadow {
    pub(super) fn of(rehearsal: &Rehearsal<LearnedWork>) -> PoolShadow {
        let shadow = rehearsal.replay();
        PoolShadow {
            layer: rehearsal.layer(),
            blocks: rehearsal.blocks(),
            bias_off: shadow.bias(Arm::Off),
            bias_on: shadow.bias(Arm::On),
            error_median: shadow.error_median(),
            gain: shadow.gain(),
        }
    }
}
