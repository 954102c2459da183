//! The levels of coordination, and how users write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::nearest;

/// How cleverly agents are coordinated, lowest first. Each falls to the next lower
/// one where it cannot do its work, and says so.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum CoordinationLevel {
    /// In turn: each agent has its share from the beginning.
    #[default]
    Basic,
    /// By load: whoever is done with one takes the next.
    Optimized,
    /// By predicted work: the longest first, to whoever is predicted free first.
    Intelligent,
    /// By predicted work and learned speeds, planned anew where an agent is slower
    /// than predicted.
    Adaptive,
    /// By the agents among themselves. Not built in this release: it falls.
    Emergent,
}

impl CoordinationLevel {
    /// Every level, lowest first.
    pub const ALL: [CoordinationLevel; 5] = [
        CoordinationLevel::Basic,
        CoordinationLevel::Optimized,
        CoordinationLevel::Intelligent,
        CoordinationLevel::Adaptive,
        CoordinationLevel::Emergent,
    ];

    /// The level as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            CoordinationLevel::Basic => "basic",
            CoordinationLevel::Optimized => "optimized",
            CoordinationLevel::Intelligent => "intelligent",
            CoordinationLevel::Adaptive => "adaptive",
            CoordinationLevel::Emergent => "emergent",
        }
    }

    /// The next lower level; none below basic.
    pub const fn below(self) -> Option<CoordinationLevel> {
        match self {
            CoordinationLevel::Basic => None,
            CoordinationLevel::Optimized => Some(CoordinationLevel::Basic),
            CoordinationLevel::Intelligent => Some(CoordinationLevel::Optimized),
            CoordinationLevel::Adaptive => Some(CoordinationLevel::Intelligent),
            CoordinationLevel::Emergent => Some(CoordinationLevel::Adaptive),
        }
    }
}

impl fmt::Display for CoordinationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CoordinationLevel {
    type Err = ParseCoordinationLevelError;

    fn from_str(text: &str) -> Result<CoordinationLevel, ParseCoordinationLevelError> {
        let named = CoordinationLevel::ALL.into_iter().find(|level| level.as_str() == text);
        named.ok_or_else(|| ParseCoordinationLevelError {
            suggestion: nearest(text, CoordinationLevel::ALL.map(CoordinationLevel::as_str)),
        })
    }
}

/// No level of coordination has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseCoordinationLevelError {
    suggestion: Option<&'static str>,
}

impl fmt::Display for ParseCoordinationLevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a level of coordination")?;
        if let Some(suggestion) = self.suggestion {
            write!(f, ", did you mean `{suggestion}`?")?;
        }
        let names = CoordinationLevel::ALL.map(CoordinationLevel::as_str);
        write!(f, " (there are {})", names.join(", "))
    }
}

impl std::error::Error for ParseCoordinationLevelError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_each_level_is_above_the_next_lower_one() {
        assert!(CoordinationLevel::ALL.is_sorted());
        for (index, level) in CoordinationLevel::ALL.into_iter().enumerate() {
            assert_eq!(level.to_string().parse(), Ok(level));
            let below = index.checked_sub(1).map(|below| CoordinationLevel::ALL[below]);
            assert_eq!(level.below(), below);
        }
        let error = "inteligent".parse::<CoordinationLevel>().expect_err("no such level");
        assert!(error.to_string().contains("did you mean `intelligent`?"), "{error}");
    }
}
