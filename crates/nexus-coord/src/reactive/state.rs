//! The state of an agent at the reactive level.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Keys one state can have. Source: measured; up to here a look-up stays below
/// the 1 µs allowed for it. For more, use more agents.
pub const KEYS_MAX: usize = 1 << 16;

/// The longest key, in bytes. Source: a guess.
pub const KEY_BYTES_MAX: usize = 1_024;

/// Values by key, in order of the keys.
///
/// Changed only by [`Reactive::handle_request`](super::Reactive::handle_request).
/// The size of a value is for whoever takes requests in to bound.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct State {
    entries: BTreeMap<String, Value>,
}

/// A new value for a key, or none to remove it.
pub(super) type Changes = BTreeMap<String, Option<Value>>;

impl State {
    /// What `key` holds.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// Keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All keys with what they hold, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub(super) fn apply(&mut self, changes: Changes) {
        for (key, change) in changes {
            match change {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
    }
}
