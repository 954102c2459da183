//! What one shard keeps of its agents: the state machine of the shard's group.

mod name;

pub use name::{AgentName, Origin, Request};
