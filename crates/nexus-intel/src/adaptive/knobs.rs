//! What adaptations turn, and what handlers and pools read.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

/// One of the four things that can be done about conditions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdaptationKind {
    /// Do less for each request: a cheaper declared variant of the handler runs.
    ReduceComplexity,
    /// Wait longer before giving up.
    RaiseTimeout,
    /// Answer repeated queries from what was answered before.
    EnableCaching,
    /// Prefer a better answer to a quicker one, as there is room.
    PreferQuality,
}

impl AdaptationKind {
    /// All of them, in the order in which they take precedence: of two that could
    /// be applied at one moment the former is, and while complexity is reduced
    /// quality is not preferred. What relieves comes before what costs.
    pub const ALL: [AdaptationKind; 4] = [
        AdaptationKind::ReduceComplexity,
        AdaptationKind::RaiseTimeout,
        AdaptationKind::EnableCaching,
        AdaptationKind::PreferQuality,
    ];

    /// The name, as in configuration and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            AdaptationKind::ReduceComplexity => "reduce_complexity",
            AdaptationKind::RaiseTimeout => "raise_timeout",
            AdaptationKind::EnableCaching => "enable_caching",
            AdaptationKind::PreferQuality => "prefer_quality",
        }
    }
}

impl fmt::Display for AdaptationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much may be kept of answers, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct CacheKnobs {
    /// Answers kept at one time, at most.
    pub entries_max: u32,
    /// Bytes of answers and their keys, at most.
    pub bytes_max: u64,
    /// How long an answer may be given again.
    #[serde(rename = "ttl_s", serialize_with = "seconds")]
    pub ttl: Duration,
}

fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

/// Where everything stands that can be turned. Small, to be copied about.
///
/// ```
/// use std::time::Duration;
/// use nexus_intel::adaptive::Knobs;
///
/// let knobs = Knobs { complexity: 0.5, timeout_factor: 2.0, ..Knobs::NEUTRAL };
/// // A handler in three variants, which cost so much of the full one:
/// assert_eq!(knobs.variant(&[1.0, 0.6, 0.3]), 2);
/// assert_eq!(knobs.timeout(Duration::from_secs(5)), Duration::from_secs(10));
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Knobs {
    /// The share of the full work that a request may take, above 0 to 1.
    pub complexity: f64,
    /// What timeouts are multiplied by, 1 or more.
    pub timeout_factor: f64,
    /// How answers are kept; `None` if they are not.
    pub cache: Option<CacheKnobs>,
    /// Whether a better answer is preferred to a quicker one.
    pub prefer_quality: bool,
    /// What the usual effort of a handler that can take more is multiplied by, 1
    /// or more; more than 1 only while quality is preferred.
    pub effort: f64,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs::NEUTRAL
    }
}

impl Knobs {
    /// As everything is without adaptation.
    pub const NEUTRAL: Knobs = Knobs {
        complexity: 1.0,
        timeout_factor: 1.0,
        cache: None,
        prefer_quality: false,
        effort: 1.0,
    };

    /// Which variant of a handler runs, by what each costs of the full one: the
    /// first that is within [`Knobs::complexity`], or else the cheapest. Variants
    /// are best listed from the full one down. 0 if there are none.
    pub fn variant(&self, costs: &[f64]) -> usize {
        let within = costs.iter().position(|cost| *cost <= self.complexity);
        let cheapest = || (0..costs.len()).min_by(|a, b| costs[*a].total_cmp(&costs[*b]));
        within.or_else(cheapest).unwrap_or(0)
    }

    /// How long to wait where `usual` is how long to wait without adaptation.
    /// Longer than a duration can be is as long as it can be.
    pub fn timeout(&self, usual: Duration) -> Duration {
        Duration::try_from_secs_f64(usual.as_secs_f64() * self.timeout_factor)
            .map_or(Duration::MAX, |raised| raised.max(usual))
    }
}

impl fmt::Display for Knobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = if self.cache.is_some() { "on" } else { "off" };
        let Knobs { complexity, timeout_factor, effort, .. } = self;
        write!(f, "complexity {complexity}, timeouts x {timeout_factor}, cache {cache}, ")?;
        let over =
            if self.prefer_quality { "quality before speed" } else { "speed before quality" };
        write!(f, "{over}, effort x {effort}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variant_is_the_first_that_is_cheap_enough() {
        let check = |complexity, costs: &[f64], expected| {
            let knobs = Knobs { complexity, ..Knobs::NEUTRAL };
            assert_eq!(knobs.variant(costs), expected, "{complexity} {costs:?}");
        };
        check(1.0, &[1.0, 0.6, 0.3], 0);
        check(0.75, &[1.0, 0.6, 0.3], 1);
        check(0.1, &[1.0, 0.6, 0.3], 2);
        check(0.1, &[0.3, 1.0], 0);
        check(0.5, &[], 0);
        check(0.5, &[f64::NAN, 0.9], 1);
    }

    #[test]
    fn timeouts_are_never_cut_short() {
        let raised =
            |factor, usual| Knobs { timeout_factor: factor, ..Knobs::NEUTRAL }.timeout(usual);
        assert_eq!(raised(1.5, Duration::from_secs(2)), Duration::from_secs(3));
        assert_eq!(raised(1.0, Duration::MAX), Duration::MAX);
        let odd = Duration::new(1_000_000_007, 999_999_999);
        assert!(raised(1.0, odd) >= odd);
    }

    #[test]
    fn names_read_back_and_knobs_are_told() {
        for kind in AdaptationKind::ALL {
            let json = serde_json::to_string(&kind).expect("a name is a string");
            assert_eq!(json, format!("\"{kind}\""));
        }
        let cache = CacheKnobs { entries_max: 5, bytes_max: 9, ttl: Duration::from_millis(1_500) };
        let knobs = Knobs { cache: Some(cache), ..Knobs::NEUTRAL };
        let json = serde_json::to_value(knobs).expect("numbers");
        assert_eq!(json["cache"]["ttl_s"], 1.5);
        assert!(knobs.to_string().contains("cache on"));
    }
}
