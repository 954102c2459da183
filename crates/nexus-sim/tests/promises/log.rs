//! What happened, in words, in order: shared by a scenario and its agents.

use std::sync::{Arc, Mutex};

/// A list of lines. Cloning it shares it.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn push(&self, line: impl Into<String>) {
        self.0.lock().expect("nobody panics while writing").push(line.into());
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics while writing").clone()
    }

    /// What was written since it was taken last, as one text.
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().expect("nobody panics while writing")).join(" ")
    }
}
