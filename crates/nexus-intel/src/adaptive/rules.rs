//! Rules that go together, and those that come with Nexus.

use serde::{Deserialize, Serialize};

use super::knobs::AdaptationKind;
use super::rule::{RULES_MAX, Rule, RuleError, RuleSpec, Side};
use super::sensor::Sensor;

/// Rules of different names, in the order in which they are asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rule>", into = "Vec<Rule>")]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Takes rules that go together. None at all do: nothing is adapted then.
    ///
    /// # Errors
    /// [`RuleError::Twice`], [`RuleError::TooMany`].
    pub fn new(rules: Vec<Rule>) -> Result<Rules, RuleError> {
        if rules.len() > RULES_MAX {
            return Err(RuleError::TooMany { rules: rules.len() });
        }
        for (index, rule) in rules.iter().enumerate() {
            if rules[..index].iter().any(|other| other.name() == rule.name()) {
                return Err(RuleError::Twice { rule: rule.name().to_owned() });
            }
        }
        Ok(Rules(rules))
    }

    /// Rules, in the order in which they are asked.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }

    pub(super) fn get(&self, index: usize) -> &Rule {
        &self.0[index]
    }
}

impl TryFrom<Vec<Rule>> for Rules {
    type Error = RuleError;

    fn try_from(rules: Vec<Rule>) -> Result<Rules, RuleError> {
        Rules::new(rules)
    }
}

impl From<Rules> for Vec<Rule> {
    fn from(rules: Rules) -> Vec<Rule> {
        rules.0
    }
}

impl Default for Rules {
    /// Six rules, whose thresholds are guesses until a pool's own gains are
    /// measured; only the share of errors has a source, which is that from which
    /// swarms are called critical.
    fn default() -> Rules {
        use AdaptationKind::{EnableCaching, PreferQuality, RaiseTimeout, ReduceComplexity};
        use Sensor::{Cpu, ErrorRate, Memory, NetworkLatency, Throughput};
        use Side::{Above, Below};
        let rules = [
            // Queues grow without end as a processor's share nears one.
            ("cpu-high", Cpu, Above, (0.90, 0.70), (10.0, 30.0), ReduceComplexity),
            // What a smaller variant keeps is less.
            ("memory-high", Memory, Above, (0.92, 0.85), (10.0, 60.0), ReduceComplexity),
            // Those who answer late then still answer in time.
            ("latency-high", NetworkLatency, Above, (0.25, 0.10), (10.0, 60.0), RaiseTimeout),
            // Under load most errors are deadlines that were missed.
            ("errors-high", ErrorRate, Above, (0.10, 0.05), (10.0, 60.0), ReduceComplexity),
            // Where much is asked, much is asked again.
            ("throughput-high", Throughput, Above, (1_000.0, 600.0), (30.0, 120.0), EnableCaching),
            // Slowly, because there is no hurry.
            ("cpu-low", Cpu, Below, (0.30, 0.50), (120.0, 10.0), PreferQuality),
        ];
        let rules = rules.map(|(name, sensor, when, (enter, leave), holds, adaptation)| {
            let (enter_after_s, leave_after_s) = holds;
            let name = name.to_owned();
            Rule::new(RuleSpec {
                name,
                sensor,
                when,
                enter,
                leave,
                enter_after_s,
                leave_after_s,
                adaptation,
            })
            .expect("a rule that comes with Nexus makes sense")
        });
        Rules::new(rules.into()).expect("their names differ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rules_of_one_name_and_too_many_are_refused() {
        let one = Rules::default().get(0).clone();
        let error = Rules::new(vec![one.clone(), one.clone()]).expect_err("one name");
        assert_eq!(error, RuleError::Twice { rule: "cpu-high".to_owned() });
        let error = Rules::new(vec![one; RULES_MAX + 1]).expect_err("too many");
        assert_eq!(error, RuleError::TooMany { rules: RULES_MAX + 1 });
    }

    #[test]
    fn rules_read_back_as_they_were_written() {
        let rules = Rules::default();
        let json = serde_json::to_string(&rules).expect("words and numbers");
        assert_eq!(serde_json::from_str::<Rules>(&json).expect("reads back"), rules);
        let twice = format!("[{0},{0}]", serde_json::to_string(rules.get(0)).expect("likewise"));
        let error = serde_json::from_str::<Rules>(&twice).expect_err("one name").to_string();
        assert!(error.contains("two rules are called \"cpu-high\""), "{error}");
    }
}
