//! The strategies by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::suggest::nearest;

/// Longest part of an unknown name that an error repeats.
const QUOTED_CHARS_MAX: usize = 40;

/// A strategy that comes with Nexus.
///
/// ```
/// use nexus_coord::balance::StrategyName;
///
/// assert_eq!("two-choices".parse(), Ok(StrategyName::TwoChoices));
/// let error = "two-choice".parse::<StrategyName>().unwrap_err();
/// assert!(error.to_string().contains("did you mean `two-choices`?"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum StrategyName {
    /// See [`Random`](super::Random).
    Random,
    /// See [`RoundRobin`](super::RoundRobin).
    RoundRobin,
    /// See [`TwoChoices`](super::TwoChoices).
    TwoChoices,
    /// See [`LeastConnections`](super::LeastConnections).
    LeastConnections,
    /// See [`WeightedResponseTime`](super::WeightedResponseTime).
    WeightedResponseTime,
    /// See [`ResourceAware`](super::ResourceAware).
    ResourceAware,
    /// See [`Prequal`](super::Prequal).
    Prequal,
    /// See [`CentralQueue`](super::CentralQueue).
    CentralQueue,
}

impl StrategyName {
    /// Every strategy, in the order tables list them.
    pub const ALL: [StrategyName; 8] = [
        StrategyName::Random,
        StrategyName::RoundRobin,
        StrategyName::TwoChoices,
        StrategyName::LeastConnections,
        StrategyName::WeightedResponseTime,
        StrategyName::ResourceAware,
        StrategyName::Prequal,
        StrategyName::CentralQueue,
    ];

    /// The name as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            StrategyName::Random => "random",
            StrategyName::RoundRobin => "round-robin",
            StrategyName::TwoChoices => "two-choices",
            StrategyName::LeastConnections => "least-connections",
            StrategyName::WeightedResponseTime => "weighted-response-time",
            StrategyName::ResourceAware => "resource-aware",
            StrategyName::Prequal => "prequal",
            StrategyName::CentralQueue => "central-queue",
        }
    }
}

impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<StrategyName> for &'static str {
    fn from(name: StrategyName) -> &'static str {
        name.as_str()
    }
}

impl FromStr for StrategyName {
    type Err = ParseStrategyNameError;

    fn from_str(text: &str) -> Result<StrategyName, ParseStrategyNameError> {
        StrategyName::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| ParseStrategyNameError::new(text))
    }
}

impl TryFrom<String> for StrategyName {
    type Error = ParseStrategyNameError;

    fn try_from(text: String) -> Result<StrategyName, ParseStrategyNameError> {
        text.parse()
    }
}

/// No strategy has this name. Lists those there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseStrategyNameError {
    text: String,
    suggestion: Option<&'static str>,
}

impl ParseStrategyNameError {
    fn new(text: &str) -> ParseStrategyNameError {
        ParseStrategyNameError {
            suggestion: nearest(text, StrategyName::ALL.map(StrategyName::as_str)),
            text: text.chars().take(QUOTED_CHARS_MAX).collect(),
        }
    }

    /// The name that was probably meant.
    pub fn suggestion(&self) -> Option<&'static str> {
        self.suggestion
    }
}

impl fmt::Display for ParseStrategyNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no strategy is called {:?}", self.text)?;
        if let Some(suggestion) = self.suggestion {
            write!(f, ", did you mean `{suggestion}`?")?;
        }
        let names = StrategyName::ALL.map(StrategyName::as_str).join(", ");
        write!(f, " (there are {names})")
    }
}

impl std::error::Error for ParseStrategyNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for name in StrategyName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
            let json = serde_json::to_string(&name).expect("a name is a string");
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<StrategyName>(&json).expect("reads back"), name);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_all_and_the_nearest() {
        let check = |text: &str, suggestion| {
            let error = text.parse::<StrategyName>().expect_err("no such name");
            assert_eq!(error.suggestion(), suggestion, "{text}");
            let said = error.to_string();
            assert!(StrategyName::ALL.iter().all(|name| said.contains(name.as_str())), "{said}");
        };
        check("least_connections", Some("least-connections"));
        check("Random", Some("random"));
        check("roundrobin", Some("round-robin"));
        check("centralqueue", Some("central-queue"));
        check("zebra", None);
        check("", None);
        check(&"x".repeat(10_000), None);
    }
}
