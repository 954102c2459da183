//! Who an agent is called, and who asks of it.

use std::fmt;

use nexus_agent::{KEY_BYTES_MAX, KIND_BYTES_MAX};
use nexus_base::{AgentId, IdSecret};
use serde::{Deserialize, Serialize};

/// What an agent is called: the whole of it, since two names may have one id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgentName {
    /// The type of the agent.
    pub kind: String,
    /// Which one.
    pub key: String,
}

impl AgentName {
    /// The agent of `kind` called `key`.
    pub fn new(kind: impl Into<String>, key: impl Into<String>) -> AgentName {
        AgentName { kind: kind.into(), key: key.into() }
    }

    /// Its id under the cluster's secret.
    pub fn id(&self, secret: &IdSecret) -> AgentId {
        secret.agent_id(&self.kind, &self.key)
    }

    /// Whether kind and key are as long as an agent's may be.
    pub fn is_sound(&self) -> bool {
        (1..=KIND_BYTES_MAX).contains(&self.kind.len())
            && (1..=KEY_BYTES_MAX).contains(&self.key.len())
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}

impl fmt::Debug for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // On one line, whatever the key is.
        write!(f, "{}/{}", self.kind.escape_debug(), self.key.escape_debug())
    }
}

/// Who numbers what it asks of an agent: a client, or an agent by its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin(pub u128);

impl From<AgentId> for Origin {
    fn from(agent: AgentId) -> Origin {
        Origin(agent.as_u128())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

/// One thing that is asked of one agent. An origin numbers what it asks of an agent upwards,
/// and asks one thing at a time: with a number it says that the ones before are over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub from: Origin,
    /// Its number, higher than all before it.
    pub number: u64,
}
