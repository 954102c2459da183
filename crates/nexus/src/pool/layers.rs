//! The layers of a pool that learns: predicted work, learned speeds, and a trial
//! that says whether they pay.
//!
//! All of it is `nexus-intel`'s; here is how a pool asks for it.

use std::time::Duration;

use nexus_base::{Level, Rng, Time};
use nexus_intel::adaptive::LearnedSpeeds;
use nexus_intel::layers::{PoolLayers, TrialSpec};
use nexus_intel::measure::{Objective, SwitchbackSpec};
use nexus_intel::proactive::{LearnedWork, ScheduledSpec};
use nexus_intel::safety::{LadderError, LadderSpec};

use super::{PoolSpawnError, PoolSpec};

/// The strategy that serves the adaptive routing level.
pub(super) type Layers = PoolLayers<LearnedWork, LearnedSpeeds>;

/// The shortest block of a trial. Source: what a pool of 31 members with work of
/// 50 ms needs in simulation; blocks become longer by themselves where calls take longer.
const BLOCK_MIN: Duration = Duration::from_secs(2);

/// The trial that a pool has unless it names another: mean seconds from call to
/// end, in blocks of at least two seconds.
pub(super) const TRIAL: TrialSpec = {
    let usual = TrialSpec::new(Objective::MeanSeconds);
    TrialSpec { switchback: SwitchbackSpec { block_min: BLOCK_MIN, ..usual.switchback }, ..usual }
};

/// The layers that are enabled unless a pool says otherwise.
pub(super) const LAYERS: LayerSet =
    LayerSet { bits: 1 << Level::Proactive as u8 | 1 << Level::Adaptive as u8 };

/// Some levels of the ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LayerSet {
    /// One bit for each level, by its position in [`Level::ALL`].
    bits: u8,
}

impl LayerSet {
    pub(super) fn has(self, level: Level) -> bool {
        self.bits & 1 << level as u8 != 0
    }
}

impl FromIterator<Level> for LayerSet {
    fn from_iter<I: IntoIterator<Item = Level>>(levels: I) -> LayerSet {
        let bits = levels.into_iter().fold(0, |bits, level| bits | 1 << level as u8);
        LayerSet { bits }
    }
}

/// The layers that `spec` asks for. What they draw comes from `rng`.
///
/// # Errors
/// [`PoolSpawnError::Layers`] or [`PoolSpawnError::Trial`].
pub(super) fn layers(now: Time, spec: &PoolSpec, rng: &Rng) -> Result<Layers, PoolSpawnError> {
    let enabled = Level::ALL.into_iter().filter(|&level| spec.layers.has(level)).collect();
    let ladder = LadderSpec { asked: Level::Adaptive, enabled, ..LadderSpec::default() };
    let scheduled = ScheduledSpec::new("layers");
    let (work, speeds) = (LearnedWork::new(), LearnedSpeeds::new());
    let layers = PoolLayers::new(now, ladder, scheduled, work, speeds, rng.fork("layers"))?;
    Ok(layers.with_trial(now, spec.trial, rng.fork("trial"))?)
}

/// Why the layers of a pool were not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// It has none: they come with the adaptive routing level, which is enabled
    /// when the pool is made. Trying again will not help.
    #[error(
        "the pool has no layers, since it was made without the adaptive routing level; nothing \
         changed"
    )]
    NoLayers,
    /// The ladder does not do that. Trying again will not help.
    #[error(transparent)]
    Ladder(#[from] LadderError),
}
