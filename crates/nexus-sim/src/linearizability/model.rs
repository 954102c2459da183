//! What one copy, doing one thing at a time, would do.

use std::fmt::{Debug, Display};
use std::hash::Hash;

/// What one copy, doing one thing at a time, would do with one key.
///
/// [`super::Store`] is the one for stores. Keys do not touch one another; what
/// spans several keys needs a model whose state holds them all, under one key.
pub trait Model {
    /// What the copy holds for one key.
    type State: Clone + Eq + Hash + Debug + Display;
    /// What it can be asked. Calls that are equal are interchangeable.
    type Call: Clone + Eq + Debug + Display;
    /// What it can answer.
    type Answer: Clone + Debug + Display;

    /// What a key holds at first.
    fn start(&self) -> Self::State;

    /// What is held after `call`; `None` if it would not have been answered so.
    ///
    /// Without an answer nobody knows it, and there is always something held:
    /// a call that would have been refused leaves things as they are.
    fn step(
        &self,
        state: &Self::State,
        call: &Self::Call,
        answer: Option<&Self::Answer>,
    ) -> Option<Self::State>;

    /// Whether a call with this answer changes nothing, whatever is held: a read,
    /// or one that was refused. Only speed depends on it; `false` is always right.
    fn is_read(&self, _: &Self::Call, _: &Self::Answer) -> bool {
        false
    }

    /// Memory that a state takes, in bytes, for the limit on what is remembered.
    fn state_bytes(&self, _: &Self::State) -> usize {
        size_of::<Self::State>()
    }
}
