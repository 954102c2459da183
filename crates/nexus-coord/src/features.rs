//! What a caller declares about a request, for the layers that decide about it.

use serde::{Deserialize, Serialize};

/// The highest complexity and resource need that can be declared: a million
/// times the ordinary. Source: a guess; it keeps sums of features far from
/// losing precision.
pub const FEATURE_MAX: f64 = 1e6;

/// Complexity, priority and resource need of a request.
///
/// ```
/// use nexus_coord::Features;
///
/// let features: Features = serde_json::from_str(r#"{"priority": 0.9}"#)?;
/// assert_eq!(features.priority(), 0.9);
/// assert_eq!(features.complexity(), 1.0);
/// assert!(Features::new(-1.0, 0.5, 1.0).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Declared")]
pub struct Features {
    complexity: f64,
    priority: f64,
    resources: f64,
}

impl Features {
    /// An ordinary request: complexity 1, priority 0.5, resources 1.
    pub const DEFAULT: Features = Features { complexity: 1.0, priority: 0.5, resources: 1.0 };

    /// Features with these values.
    ///
    /// # Errors
    /// [`FeatureError`] naming the first value that is not a number in its range.
    pub fn new(complexity: f64, priority: f64, resources: f64) -> Result<Features, FeatureError> {
        check("features.complexity", complexity, FEATURE_MAX)?;
        check("features.priority", priority, 1.0)?;
        check("features.resources", resources, FEATURE_MAX)?;
        Ok(Features { complexity, priority, resources })
    }

    /// Work relative to an ordinary request of its name, from 0 to [`FEATURE_MAX`].
    pub const fn complexity(self) -> f64 {
        self.complexity
    }

    /// How much it matters, from 0 (can be shed first) to 1 (must be served).
    pub const fn priority(self) -> f64 {
        self.priority
    }

    /// Memory and other holdings relative to an ordinary request, from 0 to [`FEATURE_MAX`].
    pub const fn resources(self) -> f64 {
        self.resources
    }
}

impl Default for Features {
    fn default() -> Features {
        Features::DEFAULT
    }
}

/// A declared feature outside its range. Correct it; nothing was done.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{field} is {value}, must be between 0 and {max}")]
pub struct FeatureError {
    /// The field's path in a request.
    pub field: &'static str,
    /// What was declared.
    pub value: f64,
    /// The highest value allowed.
    pub max: f64,
}

/// Features as they arrive, before they are checked.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Declared {
    complexity: f64,
    priority: f64,
    resources: f64,
}

impl Default for Declared {
    fn default() -> Declared {
        let Features { complexity, priority, resources } = Features::DEFAULT;
        Declared { complexity, priority, resources }
    }
}

impl TryFrom<Declared> for Features {
    type Error = FeatureError;

    fn try_from(declared: Declared) -> Result<Features, FeatureError> {
        Features::new(declared.complexity, declared.priority, declared.resources)
    }
}

/// NaN fails every comparison and so is refused with the infinities.
fn check(field: &'static str, value: f64, max: f64) -> Result<(), FeatureError> {
    if (0.0..=max).contains(&value) { Ok(()) } else { Err(FeatureError { field, value, max }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_out_of_range_is_named() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.001, 2e6] {
            let named = |complexity, priority, resources| {
                Features::new(complexity, priority, resources).expect_err("out of range").field
            };
            assert_eq!(named(bad, 0.5, 1.0), "features.complexity");
            assert_eq!(named(1.0, bad, 1.0), "features.priority");
            assert_eq!(named(1.0, 0.5, bad), "features.resources");
        }
    }

    #[test]
    fn json_is_checked_too() {
        let error = serde_json::from_str::<Features>(r#"{"priority": 1.5}"#).expect_err("too high");
        assert!(
            error.to_string().starts_with("features.priority is 1.5, must be between 0 and 1"),
            "{error}"
        );
        let error = serde_json::from_str::<Features>(r#"{"urgency": 1}"#).expect_err("unknown");
        assert!(error.to_string().contains("unknown field `urgency`"), "{error}");
    }
}
