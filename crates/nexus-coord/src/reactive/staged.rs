//! A state as it would be: changes that have not been made yet.

use serde_json::Value;

use super::state::Changes;
use super::{KEY_BYTES_MAX, KEYS_MAX, ReactiveError, State};

/// A state with changes on top. Reading sees them; the state beneath does not
/// have them until they are accepted as a whole.
#[derive(Debug)]
pub struct Staged<'a> {
    state: &'a State,
    changes: Changes,
    key_count: usize,
}

impl<'a> Staged<'a> {
    pub(super) fn new(state: &'a State) -> Staged<'a> {
        Staged { state, changes: Changes::new(), key_count: state.len() }
    }

    /// The state before any change.
    pub fn before(&self) -> &'a State {
        self.state
    }

    /// What `key` would hold.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self.changes.get(key) {
            Some(change) => change.as_ref(),
            None => self.state.get(key),
        }
    }

    /// Keys there would be.
    pub fn len(&self) -> usize {
        self.key_count
    }

    /// Whether there would be no key.
    pub fn is_empty(&self) -> bool {
        self.key_count == 0
    }

    /// Every key that was touched with what it would hold, in order of the keys.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Option<&Value>)> {
        self.changes.iter().map(|(key, change)| (key.as_str(), change.as_ref()))
    }

    /// Puts `value` at `key`.
    ///
    /// # Errors
    /// [`ReactiveError::BadKey`] and [`ReactiveError::StateFull`]; nothing was staged.
    pub fn put(&mut self, key: &str, value: Value) -> Result<(), ReactiveError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(ReactiveError::BadKey {
                key_bytes: key.len(),
                key_bytes_max: KEY_BYTES_MAX,
            });
        }
        if self.get(key).is_none() {
            if self.key_count >= KEYS_MAX {
                return Err(ReactiveError::StateFull { keys_max: KEYS_MAX });
            }
            self.key_count += 1;
        }
        self.changes.insert(key.to_owned(), Some(value));
        Ok(())
    }

    /// Removes `key`; says whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let was_there = self.get(key).is_some();
        if was_there {
            self.key_count -= 1;
            self.changes.insert(key.to_owned(), None);
        }
        was_there
    }

    pub(super) fn into_changes(self) -> Changes {
        self.changes
    }
}
