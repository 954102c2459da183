//! Which level served, as answers tell it.

use nexus_base::Level;
use serde::{Deserialize, Serialize};

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

    /// What serves an agent that is set to `asked`, of a kind without layers: the
    /// reactive level.
    pub fn of(asked: Level) -> LevelUsed {
        let reason = (asked != Level::Reactive)
            .then(|| format!("agents of this kind have no layers, {asked} or other"));
        LevelUsed { asked, used: Level::Reactive, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_not_there_falls_and_says_so() {
        assert_eq!(LevelUsed::of(Level::Reactive), LevelUsed::REACTIVE);
        let fell = LevelUsed::of(Level::Adaptive);
        assert_eq!((fell.asked, fell.used), (Level::Adaptive, Level::Reactive));
        assert_eq!(
            fell.reason.as_deref(),
            Some("agents of this kind have no layers, adaptive or other")
        );
    }
}
