//! Coordination by what was learned: plans for the two levels above optimized.
//!
//! [`Learned`] is a [`Planner`](nexus_coord::coordinate::Planner): it learns from
//! every item that is done, at whatever level, and makes plans once its model of
//! work is trusted. *Intelligent* gives the longest item to whoever is predicted free
//! first. *Adaptive* knows the speeds of agents as well, gives each a line of its own,
//! and plans anew what has not begun where an agent is not where it was to be.
//!
//! Absent on purpose: a trial of the levels against each other. What a level is worth
//! is in the [account](nexus_coord::coordinate::Account) of each batch, and batches
//! differ; see the tests for batches that do not.

#[cfg(feature = "adaptive")]
mod by_speed;
mod known;
mod learned;
mod longest_first;
mod waiting;

pub use known::AGENTS_KNOWN_MAX;
pub use learned::{Learned, LearnedPlan};

#[cfg(feature = "adaptive")]
pub use by_speed::PLAN_STEPS_MAX;
