//! An agent as a node tells of it.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One agent.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// Its kind.
    pub kind: String,
    /// Its key within the kind.
    pub key: String,
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// `idle`, `queued`, `running` or `suspended`.
    pub phase: String,
    /// Messages that wait for it.
    pub mailbox: u64,
    /// How often it was started.
    pub epoch: u64,
    /// How it reasons.
    pub level: Level,
    /// What it has done.
    pub metrics: Metrics,
    /// What its kind says about itself, or null.
    pub metadata: Value,
    /// A summary of its state, or null.
    pub state: Value,
    /// The node it lives on.
    pub node: String,
}

impl Agent {
    /// Kind and key.
    pub fn name(&self) -> String {
        format!("{}/{}", self.kind, self.key)
    }
}

/// The level asked for and the one in use.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Level {
    /// What was asked for.
    pub asked: String,
    /// What it got.
    pub used: String,
    /// Why, if the two differ.
    pub reason: Option<String>,
}

impl Level {
    /// In words: the level in use, and why it is not the one asked for.
    pub fn words(&self) -> String {
        let Level { asked, used, reason } = self;
        if asked == used || asked.is_empty() {
            return used.clone();
        }
        match reason {
            Some(reason) => format!("{used} instead of {asked}: {reason}"),
            None => format!("{used} instead of {asked}"),
        }
    }
}

/// What an agent has done since it was started.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Messages handled.
    pub handled: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Seconds since it was created.
    pub age_s: Option<f64>,
    /// Messages a second, of late.
    pub rate_per_s: Option<f64>,
}

/// One page of a listing.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AgentPage {
    /// The agents, perhaps none although there are more.
    pub agents: Vec<Agent>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
    /// How many were looked at for this page.
    pub scanned: u64,
}

/// The same page with its agents as they came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawAgentPage {
    /// The agents.
    pub agents: Vec<Box<RawValue>>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}
