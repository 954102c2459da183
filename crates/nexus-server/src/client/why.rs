//! Why an agent is as it is, as a node tells.

use serde::Deserialize;
use serde_json::Value;

use super::{Event, Level};

/// What one agent does, waits for, and went through.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Why {
    /// Its kind.
    pub kind: String,
    /// Its key within the kind.
    pub key: String,
    /// `idle`, `queued`, `running` or `suspended`.
    pub phase: String,
    /// Messages that wait for it.
    pub mailbox: u64,
    /// How it reasons.
    pub level: Level,
    /// What it handles right now.
    pub handler: Option<String>,
    /// Agents whose answers it waits for.
    pub waiting_on: Vec<String>,
    /// How often it was started.
    pub epoch: u64,
    /// The layers of its kind, or null; as they came, since each tells what it has.
    pub layers: Value,
    /// The pool that it stands for, or null.
    pub pool: Value,
    /// What happened to it last, oldest first.
    pub events: Vec<Event>,
}
