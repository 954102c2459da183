//! How a ladder is set up.

use nexus_base::Level;
use serde::{Deserialize, Serialize};

use crate::safety::{RungError, RungSpec};

/// Which layers there are, which are enabled, and which level is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LadderSpec {
    /// The highest level to use.
    pub asked: Level,
    /// Layers that may be used: none, unless somebody says so.
    pub enabled: Vec<Level>,
    /// Layers this build has. One that is asked for and not built is passed over,
    /// with a reason.
    pub built: Vec<Level>,
    /// How patient they are.
    pub rung: RungSpec,
}

/// Why something cannot be done with a ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LadderError {
    /// It is what others stand on.
    #[error("the reactive level is always there: it cannot be enabled, disabled or measured")]
    Reactive,
    /// The rungs contradict themselves.
    #[error(transparent)]
    Rung(#[from] RungError),
}

impl Default for LadderSpec {
    /// All that is built, nothing of it enabled.
    fn default() -> LadderSpec {
        let built = [
            (Level::Proactive, cfg!(feature = "proactive")),
            (Level::Adaptive, cfg!(feature = "adaptive")),
        ];
        LadderSpec {
            asked: Level::Reactive,
            enabled: Vec::new(),
            built: built.iter().filter(|(_, is)| *is).map(|(level, _)| *level).collect(),
            rung: RungSpec::default(),
        }
    }
}

impl LadderSpec {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// [`LadderError`] says what contradicts what.
    pub fn check(&self) -> Result<(), LadderError> {
        if self.enabled.contains(&Level::Reactive) || self.built.contains(&Level::Reactive) {
            return Err(LadderError::Reactive);
        }
        Ok(self.rung.check()?)
    }
}
