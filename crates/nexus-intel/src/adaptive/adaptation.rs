//! One adaptation that was applied: what, when, why, what it came to, how it ended.

use std::fmt;
use std::str::FromStr;

use nexus_base::Time;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::knobs::{AdaptationKind, Knobs};
use super::sensor::{Readings, Sensor};
use super::sensors::Doubt;
use crate::measure::Gain;

/// Which adaptation, of one adapter. Written `a-17`; they increase.
///
/// ```
/// use nexus_intel::adaptive::AdaptationId;
///
/// let id: AdaptationId = "a-17".parse()?;
/// assert_eq!(id.to_string(), "a-17");
/// assert!("17".parse::<AdaptationId>().is_err());
/// # Ok::<(), nexus_intel::adaptive::ParseAdaptationIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AdaptationId(u64);

impl AdaptationId {
    /// The adaptation of this number; the first is 1.
    pub const fn new(number: u64) -> AdaptationId {
        AdaptationId(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AdaptationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a-{}", self.0)
    }
}

impl Serialize for AdaptationId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Not the id of an adaptation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("adaptations are called a-1, a-2 and so on; `why` lists those in force")]
pub struct ParseAdaptationIdError;

impl FromStr for AdaptationId {
    type Err = ParseAdaptationIdError;

    fn from_str(text: &str) -> Result<AdaptationId, ParseAdaptationIdError> {
        let digits = text.strip_prefix("a-").ok_or(ParseAdaptationIdError)?;
        // Numbers are read with a sign and with zeros before them; ids have neither.
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let number = digits.parse().ok().filter(|_| is_plain);
        number.map(AdaptationId).ok_or(ParseAdaptationIdError)
    }
}

/// Why an adaptation was taken back though its rule was still met.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It measured worse than going without.
    #[error("it measured worse: {0}")]
    Worse(Gain),
    /// A guardrail found harm before there was a measurement.
    #[error("a guardrail found harm: {0}")]
    Harm(String),
    /// What its rule looks at is not believed any more.
    #[error("{0} is not believed: {1}")]
    Doubted(Sensor, Doubt),
}

/// How an adaptation ended.
#[derive(Clone, PartialEq, Debug)]
pub enum RolledBack {
    /// Somebody said so.
    ByOperator,
    /// It was found to do harm, or to rest on nothing.
    Automatic(Reason),
    /// The condition it was applied for is over.
    RuleLeft,
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RolledBack::ByOperator => f.write_str("by an operator"),
            RolledBack::Automatic(reason) => write!(f, "by itself: {reason}"),
            RolledBack::RuleLeft => f.write_str("as its rule is no longer met"),
        }
    }
}

impl Serialize for RolledBack {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (by, reason) = match self {
            RolledBack::ByOperator => ("operator", None),
            RolledBack::Automatic(reason) => ("automatic", Some(reason.to_string())),
            RolledBack::RuleLeft => ("rule_left", None),
        };
        let mut fields = to.serialize_struct("RolledBack", 2)?;
        fields.serialize_field("by", by)?;
        fields.serialize_field("reason", &reason)?;
        fields.end()
    }
}

/// The end of an adaptation.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct End {
    /// When.
    #[serde(rename = "at_s", serialize_with = "seconds")]
    pub at: Time,
    /// How.
    #[serde(flatten)]
    pub how: RolledBack,
}

fn seconds<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64())
}

/// One step that a rule had applied.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Adaptation {
    /// Which.
    pub id: AdaptationId,
    /// What was done.
    pub kind: AdaptationKind,
    /// When.
    #[serde(rename = "at_s", serialize_with = "seconds")]
    pub at: Time,
    /// The rule that had it applied.
    pub rule: String,
    /// What that rule looks at.
    pub sensor: Sensor,
    /// What all sensors showed, smoothed.
    pub readings: Readings,
    /// Where the knobs stood before.
    pub before: Knobs,
    /// Where they stood after.
    pub after: Knobs,
    /// What it was measured to be worth, the latest of that.
    pub gain: Option<Gain>,
    /// When and how it ended; `None` while it is in force.
    pub rolled_back: Option<End>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_in_no_other_way() {
        for number in [1, 17, u64::MAX] {
            let id = AdaptationId::new(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in
            ["", "a-", "a-0", "a-01", "a-+1", "a--1", "A-1", "a-1 ", "a-18446744073709551616"]
        {
            assert!(text.parse::<AdaptationId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn ends_are_told_in_json() {
        let reason = Reason::Doubted(Sensor::Cpu, Doubt::Stuck(std::time::Duration::from_secs(60)));
        let end = End { at: Time::from_nanos(1_500_000_000), how: RolledBack::Automatic(reason) };
        assert_eq!(
            serde_json::to_string(&end).expect("words and numbers"),
            "{\"at_s\":1.5,\"by\":\"automatic\",\"reason\":\"cpu is not believed: its readings \
             have been equal to the last bit for 60s\"}"
        );
    }
}
