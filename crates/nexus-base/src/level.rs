//! The levels of intelligence.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How cleverly an agent serves, lowest first.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// By its rules alone.
    #[default]
    Reactive,
    /// With models that learn from past requests.
    Proactive,
    /// With rules that adapt to the machine.
    Adaptive,
    /// With a swarm of others.
    Emergent,
}

impl Level {
    /// All of them, lowest first.
    pub const ALL: [Level; 4] =
        [Level::Reactive, Level::Proactive, Level::Adaptive, Level::Emergent];

    /// The name, as in requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Reactive => "reactive",
            Level::Proactive => "proactive",
            Level::Adaptive => "adaptive",
            Level::Emergent => "emergent",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Not the name of a level.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no level {0:?}; levels are reactive, proactive, adaptive and emergent")]
pub struct UnknownLevel(pub String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Level, UnknownLevel> {
        let named = Level::ALL.into_iter().find(|level| level.as_str() == text);
        named.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_read_back_and_they_are_in_order() {
        for level in Level::ALL {
            assert_eq!(level.as_str().parse(), Ok(level));
        }
        assert!(Level::ALL.is_sorted());
        assert!("genius".parse::<Level>().is_err());
    }
}
