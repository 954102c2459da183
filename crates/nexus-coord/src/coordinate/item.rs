//! What a batch is of, and what became of it.

use std::fmt;

use crate::Features;

/// One piece of work, as far as it matters for who does it.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Item {
    /// What its caller declared about it.
    pub features: Features,
    /// Whether it may be run again where it may have run already.
    pub is_repeatable: bool,
}

/// How an item's time with an agent ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Whether it has run.
    pub run: Run,
    /// Why the agent is to be given nothing more of this batch, if so.
    pub leaves: Option<String>,
}

/// Whether an item has run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Run {
    /// It has, and was answered.
    Done,
    /// It has not, and nothing changed.
    No,
    /// It may have.
    Unknown,
}

/// Why an item was never given to an agent, or not any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NotBegun {
    /// The batch's deadline passed first.
    Deadline,
    /// All agents had left.
    NoAgent,
}

impl fmt::Display for NotBegun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotBegun::Deadline => "the batch's deadline passed before it was begun",
            NotBegun::NoAgent => "all agents had left the batch before it was begun",
        })
    }
}
