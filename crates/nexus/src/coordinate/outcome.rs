//! What became of a goal.

use nexus_agent::{AskError, Changed};
use nexus_coord::coordinate::{Account, BatchError, NotBegun};
use serde::{Deserialize, Serialize};

/// What became of a goal; one variant for each.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Coordinated<R> {
    /// Work was distributed.
    Distributed(Distributed<R>),
}

/// What became of work that was distributed.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Distributed<R> {
    /// What each item came to, in their order.
    pub outcomes: Vec<Result<R, ItemError>>,
    /// Which level served and why, how long it took, what each agent did.
    pub account: Account,
    /// Who the agents are, in the order of the account's shares.
    pub agents: Vec<AgentReport>,
}

impl<R> Distributed<R> {
    /// How many items were answered.
    pub fn done(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    }
}

/// An agent that was coordinated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentReport {
    /// The second half of `cart/42`.
    pub key: String,
    /// Work it does in a second relative to an ordinary one, as learned so far, at
    /// whatever level; none if it has done nothing yet.
    pub speed: Option<f64>,
}

/// Why an item was not answered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ItemError {
    /// No agent was given it, or the last one had surely not run it. Nothing changed.
    #[error("{0}; nothing changed")]
    NotBegun(NotBegun),
    /// What asking an agent came to, the last time.
    #[error("agent {agent} was asked")]
    Asked {
        /// Index of the agent.
        agent: usize,
        /// What it came to.
        #[source]
        error: AskError,
    },
}

impl ItemError {
    /// Whether a handler may have run.
    pub fn changed(&self) -> Changed {
        match self {
            ItemError::NotBegun(_) => Changed::No,
            ItemError::Asked { error, .. } => error.changed(),
        }
    }
}

/// Why nothing was coordinated. Nothing was done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoordinateError {
    /// The agents and the goal do not go together. Trying again will not help.
    #[error(transparent)]
    Batch(#[from] BatchError),
}
