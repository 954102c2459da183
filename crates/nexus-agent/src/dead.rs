//! Dead letters: messages that were taken but never handled, kept for looking at.

use std::collections::VecDeque;

use nexus_base::Time;

/// Dead letters kept; older ones are forgotten, but stay counted. A guess: a screenful of screens.
pub const DEAD_LETTERS_MAX: usize = 1_024;

/// A message that was accepted and never handled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    /// When it was given up, since the node (or the simulated world) started.
    pub at: Time,
    /// Whom it was for, as `kind/key`.
    pub to: String,
    /// The message's name.
    pub message: &'static str,
    /// Why it was never handled.
    pub reason: &'static str,
}

#[derive(Default)]
pub(crate) struct DeadLetters {
    latest: VecDeque<DeadLetter>,
}

impl DeadLetters {
    pub(crate) fn push(&mut self, letter: DeadLetter) {
        if self.latest.len() == DEAD_LETTERS_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(letter);
    }

    /// The latest ones, oldest first.
    pub(crate) fn latest(&self) -> Vec<DeadLetter> {
        self.latest.iter().cloned().collect()
    }
}
