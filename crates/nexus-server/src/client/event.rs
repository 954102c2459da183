//! Events as a node tells of them.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Something that happened at a node.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Its number, counted by the node.
    pub seq: u64,
    /// When, in seconds since the node started.
    pub at_s: Option<f64>,
    /// Its name, such as `agent.crashed`.
    pub name: String,
    /// Kind and key of the agent it is about, if it is about one.
    pub agent: Option<String>,
    /// More, in words.
    pub detail: Option<String>,
}

/// Events in a row.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The number to go on after.
    pub next: Option<u64>,
}

/// The same with its events as they came.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RawEventPage {
    /// The events, oldest first.
    pub events: Vec<Box<RawValue>>,
}

/// What a node says to a reader that was too slow for its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct Lagged {
    /// Events that this reader will not see.
    pub missed: u64,
}
