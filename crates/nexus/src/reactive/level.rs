//! The levels of intelligence, as answers name them.

use serde::{Deserialize, Serialize};

/// How cleverly an agent serves, lowest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Level {
    /// By its rules alone. The only one there is in this release.
    Reactive,
    /// With models that learn from past requests.
    Proactive,
    /// With rules that adapt to the machine.
    Adaptive,
    /// With a swarm of others.
    Emergent,
}

/// Which level served, and why if it is not the one the agent was set to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LevelUsed {
    /// What the agent is set to.
    pub asked: Level,
    /// What served; never higher.
    pub used: Level,
    /// Why the two differ, if they do.
    pub reason: Option<String>,
}

impl LevelUsed {
    /// Set to the reactive level, and served by it.
    pub const REACTIVE: LevelUsed =
        LevelUsed { asked: Level::Reactive, used: Level::Reactive, reason: None };
}
