//! Routing levels, and what happens when the one asked for is not enabled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::balance::StrategyName;
use crate::suggest::nearest;

/// How cleverly a request is to be routed over a pool, lowest first.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Routing {
    /// In turn, blind to load. Always enabled.
    #[default]
    Basic,
    /// By a balancing strategy; least connections unless the pool names another.
    Optimized,
    /// By models that learn from outcomes.
    Adaptive,
    /// By a swarm of agents.
    Swarm,
}

impl Routing {
    /// Every level, lowest first.
    pub const ALL: [Routing; 4] =
        [Routing::Basic, Routing::Optimized, Routing::Adaptive, Routing::Swarm];

    /// The level as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Routing::Basic => "basic",
            Routing::Optimized => "optimized",
            Routing::Adaptive => "adaptive",
            Routing::Swarm => "swarm",
        }
    }

    /// The strategy that serves this level unless a pool names another; `None`
    /// for levels that do not choose by one fixed strategy.
    pub const fn strategy(self) -> Option<StrategyName> {
        match self {
            Routing::Basic => Some(StrategyName::RoundRobin),
            Routing::Optimized => Some(StrategyName::LeastConnections),
            Routing::Adaptive | Routing::Swarm => None,
        }
    }
}

impl fmt::Display for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Routing {
    type Err = ParseRoutingError;

    fn from_str(text: &str) -> Result<Routing, ParseRoutingError> {
        Routing::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(|| {
            ParseRoutingError { suggestion: nearest(text, Routing::ALL.map(Routing::as_str)) }
        })
    }
}

/// No routing level has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseRoutingError {
    suggestion: Option<&'static str>,
}

impl fmt::Display for ParseRoutingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a routing level")?;
        if let Some(suggestion) = self.suggestion {
            write!(f, ", did you mean `{suggestion}`?")?;
        }
        write!(f, " (there are {})", Routing::ALL.map(Routing::as_str).join(", "))
    }
}

impl std::error::Error for ParseRoutingError {}

/// The levels a pool has enabled. Basic is always among them.
///
/// ```
/// use nexus_coord::{EnabledLevels, Routing, resolve};
///
/// let enabled: EnabledLevels = [Routing::Optimized].into_iter().collect();
/// let routed = resolve(Routing::Swarm, &enabled);
/// assert_eq!(routed.used, Routing::Optimized);
/// assert_eq!(
///     serde_json::to_string(&routed)?,
///     r#"{"asked":"swarm","used":"optimized","reason":"swarm is not enabled"}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct EnabledLevels {
    /// One bit for each level, by its position in [`Routing::ALL`].
    bits: u8,
}

impl EnabledLevels {
    /// Nothing but basic.
    pub const BASIC: EnabledLevels = EnabledLevels { bits: 0 };

    /// These and `level`.
    pub const fn with(self, level: Routing) -> EnabledLevels {
        EnabledLevels { bits: self.bits | 1 << level as u8 }
    }

    /// These without `level`; basic stays.
    pub const fn without(self, level: Routing) -> EnabledLevels {
        EnabledLevels { bits: self.bits & !(1 << level as u8) }
    }

    /// Whether `level` is enabled.
    pub const fn has(self, level: Routing) -> bool {
        matches!(level, Routing::Basic) || self.bits & 1 << level as u8 != 0
    }
}

impl FromIterator<Routing> for EnabledLevels {
    fn from_iter<I: IntoIterator<Item = Routing>>(levels: I) -> EnabledLevels {
        levels.into_iter().fold(EnabledLevels::BASIC, EnabledLevels::with)
    }
}

/// Which level serves a request, and why if it is not the one asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Routed {
    /// What the request asked for.
    pub asked: Routing,
    /// What serves it; never higher than what was asked for.
    pub used: Routing,
    /// Why the two differ, if they do.
    pub reason: Option<FallReason>,
}

/// Why a lower level serves than was asked for. Serialises as its text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FallReason {
    /// The pool has the level asked for switched off, or never had it.
    NotEnabled {
        /// The level asked for.
        level: Routing,
    },
}

impl fmt::Display for FallReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FallReason::NotEnabled { level } => write!(f, "{level} is not enabled"),
        }
    }
}

impl Serialize for FallReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The level that serves a request: the one asked for, or the highest enabled
/// one below it.
pub fn resolve(asked: Routing, enabled: &EnabledLevels) -> Routed {
    let candidates = Routing::ALL.into_iter().rev();
    let used = candidates
        .filter(|&level| level <= asked)
        .find(|&level| enabled.has(level))
        .expect("basic is always enabled and never above what was asked");
    let reason = (used != asked).then_some(FallReason::NotEnabled { level: asked });
    Routed { asked, used, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(enabled: &[Routing], asked: Routing, used: Routing) {
        let enabled = enabled.iter().copied().collect();
        let routed = resolve(asked, &enabled);
        assert_eq!((routed.asked, routed.used), (asked, used), "enabled {enabled:?}");
        assert_eq!(routed.reason.is_some(), asked != used);
    }

    #[test]
    fn a_level_that_is_off_falls_to_the_highest_one_below() {
        use Routing::{Adaptive, Basic, Optimized, Swarm};
        for level in Routing::ALL {
            check(&[], level, Basic);
            check(&Routing::ALL, level, level);
        }
        check(&[Optimized, Swarm], Adaptive, Optimized);
        check(&[Optimized, Swarm], Swarm, Swarm);
        check(&[Swarm], Adaptive, Basic);
        check(&[Adaptive], Swarm, Adaptive);
        check(&[Adaptive], Optimized, Basic);
    }

    #[test]
    fn levels_switch_on_and_off_but_for_basic() {
        let levels = EnabledLevels::BASIC.with(Routing::Swarm);
        assert!(levels.has(Routing::Swarm) && !levels.has(Routing::Adaptive));
        assert!(!levels.without(Routing::Swarm).has(Routing::Swarm));
        assert!(levels.without(Routing::Basic).has(Routing::Basic));
    }

    #[test]
    fn names_read_back() {
        for level in Routing::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
            let json = serde_json::to_string(&level).expect("a level is a string");
            assert_eq!(json, format!("\"{level}\""));
        }
        let error = "optimised".parse::<Routing>().expect_err("no such level");
        assert_eq!(
            error.to_string(),
            "not a routing level, did you mean `optimized`? \
             (there are basic, optimized, adaptive, swarm)"
        );
    }
}
