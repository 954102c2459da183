//! What is done about which condition: a rule, with hysteresis.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::knobs::AdaptationKind;
use super::sensor::Sensor;

/// Rules of one adapter, at most. A guess: people lose track long before.
pub const RULES_MAX: usize = 64;

/// Bytes of a rule's name, at most.
pub const RULE_NAME_BYTES_MAX: usize = 64;

/// The shortest that a condition must hold before something is done about it. A
/// guess: less than a reading a second can show nothing.
pub const HOLD_MIN: Duration = Duration::from_secs(1);

/// The longest: a day. A guess.
pub const HOLD_MAX: Duration = Duration::from_secs(86_400);

/// On which side of its thresholds a rule is met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The reading is high.
    Above,
    /// The reading is low.
    Below,
}

/// A rule as it is written down; [`Rule::new`] checks it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// What it is called, in events and in the history.
    pub name: String,
    /// What it looks at.
    pub sensor: Sensor,
    /// Whether it is met by high readings or by low ones.
    pub when: Side,
    /// From this reading on it is met, in the sensor's unit.
    pub enter: f64,
    /// From this reading on, on the way back, it is no longer.
    pub leave: f64,
    /// How long it must be met before the adaptation is applied, in seconds.
    pub enter_after_s: f64,
    /// How long it must not be met before it is taken back, in seconds.
    pub leave_after_s: f64,
    /// What is done.
    pub adaptation: AdaptationKind,
}

/// A rule that contradicts itself, or another. Nothing was changed.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// No name, or a long one.
    #[error("the name of a rule has 1 to {RULE_NAME_BYTES_MAX} bytes, not {bytes}")]
    Name {
        /// How many it has.
        bytes: usize,
    },
    /// A threshold that no reading can reach, or that is not a number.
    #[error(
        "rule {rule:?}: {threshold} is {value}, readings of {sensor} are from {least} to \
         {greatest} ({unit})",
        least = .sensor.range().0, greatest = .sensor.range().1, unit = .sensor.unit()
    )]
    Threshold {
        /// Which rule.
        rule: String,
        /// `enter` or `leave`.
        threshold: &'static str,
        /// What it is.
        value: f64,
        /// What the rule looks at.
        sensor: Sensor,
    },
    /// It would be left before, or just as, it is entered: without hysteresis an
    /// adaptation comes and goes with every reading.
    #[error(
        "rule {rule:?} is entered at {enter} and left at {leave}: that must be on the side of it \
         that is left for"
    )]
    NoHysteresis {
        /// Which rule.
        rule: String,
        /// Its threshold on the way there.
        enter: f64,
        /// Its threshold on the way back.
        leave: f64,
    },
    /// A hold that is no duration, too short or too long.
    #[error(
        "rule {rule:?}: {hold} is {seconds}, must be from {} to {}",
        HOLD_MIN.as_secs(), HOLD_MAX.as_secs()
    )]
    Hold {
        /// Which rule.
        rule: String,
        /// `enter_after_s` or `leave_after_s`.
        hold: &'static str,
        /// What it is.
        seconds: f64,
    },
    /// Two rules of one name: nobody could tell who did what.
    #[error("two rules are called {rule:?}: rename one")]
    Twice {
        /// What they are called.
        rule: String,
    },
    /// More rules than an adapter takes.
    #[error("{rules} rules are more than the {RULES_MAX} there may be")]
    TooMany {
        /// How many they are.
        rules: usize,
    },
}

/// A rule that makes sense by itself.
///
/// ```
/// use nexus_intel::adaptive::Rule;
///
/// let rule = |leave: f64| {
///     serde_json::from_value::<Rule>(serde_json::json!({
///         "name": "busy", "sensor": "cpu", "when": "above", "enter": 0.9, "leave": leave,
///         "enter_after_s": 10, "leave_after_s": 30, "adaptation": "reduce_complexity",
///     }))
/// };
/// assert!(rule(0.7).is_ok());
/// let error = rule(0.95).unwrap_err().to_string();
/// assert!(error.contains("entered at 0.9 and left at 0.95"), "{error}");
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "RuleSpec", into = "RuleSpec")]
pub struct Rule(RuleSpec);

impl Rule {
    /// Takes a rule that makes sense.
    ///
    /// # Errors
    /// [`RuleError`] names the first thing that is wrong.
    pub fn new(spec: RuleSpec) -> Result<Rule, RuleError> {
        let bytes = spec.name.len();
        if !(1..=RULE_NAME_BYTES_MAX).contains(&bytes) {
            return Err(RuleError::Name { bytes });
        }
        check_threshold(&spec, "enter", spec.enter)?;
        check_threshold(&spec, "leave", spec.leave)?;
        let apart = match spec.when {
            Side::Above => spec.leave < spec.enter,
            Side::Below => spec.leave > spec.enter,
        };
        if !apart {
            let RuleSpec { name: rule, enter, leave, .. } = spec;
            return Err(RuleError::NoHysteresis { rule, enter, leave });
        }
        check_hold(&spec, "enter_after_s", spec.enter_after_s)?;
        check_hold(&spec, "leave_after_s", spec.leave_after_s)?;
        Ok(Rule(spec))
    }

    /// The rule as it was written down.
    pub const fn spec(&self) -> &RuleSpec {
        &self.0
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it looks at.
    pub const fn sensor(&self) -> Sensor {
        self.0.sensor
    }

    /// What is done.
    pub const fn adaptation(&self) -> AdaptationKind {
        self.0.adaptation
    }

    /// How long it must be met before the adaptation is applied.
    pub fn enter_after(&self) -> Duration {
        Duration::from_secs_f64(self.0.enter_after_s)
    }

    /// How long it must not be met before the adaptation is taken back.
    pub fn leave_after(&self) -> Duration {
        Duration::from_secs_f64(self.0.leave_after_s)
    }

    pub(super) fn is_met_by(&self, reading: f64) -> bool {
        match self.0.when {
            Side::Above => reading >= self.0.enter,
            Side::Below => reading <= self.0.enter,
        }
    }

    pub(super) fn is_left_by(&self, reading: f64) -> bool {
        match self.0.when {
            Side::Above => reading <= self.0.leave,
            Side::Below => reading >= self.0.leave,
        }
    }
}

fn check_threshold(spec: &RuleSpec, threshold: &'static str, value: f64) -> Result<(), RuleError> {
    let (least, greatest) = spec.sensor.range();
    // What is not a number is in no range.
    if (least..=greatest).contains(&value) {
        return Ok(());
    }
    Err(RuleError::Threshold { rule: spec.name.clone(), threshold, value, sensor: spec.sensor })
}

fn check_hold(spec: &RuleSpec, hold: &'static str, seconds: f64) -> Result<(), RuleError> {
    if (HOLD_MIN.as_secs_f64()..=HOLD_MAX.as_secs_f64()).contains(&seconds) {
        return Ok(());
    }
    Err(RuleError::Hold { rule: spec.name.clone(), hold, seconds })
}

impl TryFrom<RuleSpec> for Rule {
    type Error = RuleError;

    fn try_from(spec: RuleSpec) -> Result<Rule, RuleError> {
        Rule::new(spec)
    }
}

impl From<Rule> for RuleSpec {
    fn from(rule: Rule) -> RuleSpec {
        rule.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adaptive::rules::Rules;

    fn busy() -> RuleSpec {
        let rules = Rules::default();
        rules.iter().find(|rule| rule.name() == "cpu-high").expect("is there").spec().clone()
    }

    fn refused(change: fn(&mut RuleSpec)) -> String {
        let mut spec = busy();
        change(&mut spec);
        Rule::new(spec).expect_err("contradicts itself").to_string()
    }

    #[test]
    fn rules_that_contradict_themselves_are_refused_by_name() {
        let check = |change: fn(&mut RuleSpec), says: &str| {
            let error = refused(change);
            assert!(error.contains(says), "{error}");
        };
        check(|spec| spec.leave = spec.enter, "entered at 0.9 and left at 0.9");
        check(|spec| spec.leave = 0.95, "left at 0.95");
        check(|spec| spec.when = Side::Below, "left at 0.7");
        check(|spec| spec.enter = f64::NAN, "enter is NaN");
        check(
            |spec| spec.enter = 90.0,
            "\"cpu-high\": enter is 90, readings of cpu are from 0 to 1",
        );
        check(|spec| spec.leave = -0.1, "leave is -0.1");
        check(|spec| spec.enter_after_s = f64::INFINITY, "enter_after_s is inf");
        check(|spec| spec.leave_after_s = 0.0, "leave_after_s is 0, must be from 1 to 86400");
        check(|spec| spec.name.clear(), "not 0");
        check(|spec| spec.name = "x".repeat(65), "not 65");
    }

    #[test]
    fn unknown_words_are_refused_with_those_there_are() {
        let read = |change: fn(&mut serde_json::Value)| {
            let mut json = serde_json::to_value(busy()).expect("words and numbers");
            change(&mut json);
            serde_json::from_value::<Rule>(json)
        };
        assert!(read(|_| ()).is_ok());
        let check = |change: fn(&mut serde_json::Value), says: &str| {
            let error = read(change).expect_err("an unknown word").to_string();
            assert!(error.contains(says), "{error}");
        };
        check(|json| json["sensor"] = "moon".into(), "network_latency");
        check(|json| json["adaptation"] = "panic".into(), "reduce_complexity");
        check(|json| json["when"] = "near".into(), "below");
        check(|json| json["entr"] = 1.into(), "entr");
        check(|json| json["enter"] = "0.9".into(), "0.9");
    }
}
