//! The account of a batch: which level, why, how long, who did what.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CoordinationLevel, NoPlan};

/// How a batch was coordinated. Written as JSON, durations are in seconds and
/// nanoseconds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// The level that was asked for.
    pub asked: CoordinationLevel,
    /// The level that placed the last items; never higher than what was asked for.
    pub used: CoordinationLevel,
    /// Each level that was fallen through, in order, and why.
    pub falls: Vec<Fall>,
    /// From the beginning to the last end.
    pub makespan: Duration,
    /// How often what had not begun was planned anew.
    pub replanned: u64,
    /// What each agent did, in the order in which they were given.
    pub shares: Vec<Share>,
}

impl Account {
    /// Why the level asked for was not used to the end, if it was not: the first
    /// fall's reason.
    pub fn reason(&self) -> Option<&str> {
        self.falls.first().map(|fall| fall.why.as_str())
    }
}

/// A level that could not go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fall {
    /// Which.
    pub from: CoordinationLevel,
    /// Why, in words.
    pub why: String,
    /// Items that had been placed by then, by this level or others.
    pub placed: usize,
}

impl Fall {
    pub(super) fn new(from: CoordinationLevel, why: &NoPlan, placed: usize) -> Fall {
        Fall { from, why: why.to_string(), placed }
    }
}

/// What one agent did of a batch.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Share {
    /// Items it answered.
    pub done: u64,
    /// Items it was given that have surely not run there.
    pub not_run: u64,
    /// Items that may have run there and were not answered.
    pub unknown: u64,
    /// For how long it had something in hand.
    pub busy: Duration,
    /// Why it was given nothing more, if it left the batch.
    pub left: Option<String>,
}
