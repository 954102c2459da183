//! What is asked of a node at a time, and what comes back.

use crate::client::{AgentName, AgentPage, EventPage, Status, Why};

/// Agents on one page of a listing. A guess: more than any terminal has lines.
pub const PAGE_LEN: u64 = 200;

/// One look at a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Poll {
    /// The last event seen, if any was.
    pub events_after: Option<u64>,
    /// What is looked at more closely.
    pub detail: Detail,
}

/// What is looked at more closely.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Nothing: the status holds all kinds.
    Kinds,
    /// A page of the agents of one kind.
    Agents {
        /// The kind.
        kind: String,
        /// Where the page begins; `None` at the beginning.
        after: Option<String>,
    },
    /// One agent.
    Agent(AgentName),
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// What had been asked.
    pub poll: Poll,
    /// What was seen, or why nothing was, in words.
    pub result: Result<Sight, String>,
}

/// A node as it was seen.
#[derive(Debug)]
pub struct Sight {
    /// The node.
    pub status: Status,
    /// Events since the last look.
    pub events: EventPage,
    /// What was looked at more closely, or why the node would not show it.
    pub close: Result<Close, String>,
}

/// What was looked at more closely.
#[derive(Debug)]
pub enum Close {
    /// Nothing.
    Kinds,
    /// A page of agents.
    Agents(AgentPage),
    /// One agent.
    Agent(Box<Why>),
}
