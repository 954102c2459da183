//! What a node takes in.

use std::time::Duration;

use bytes::Bytes;
use nexus_agent::LockVerb;
use nexus_cluster::membership::Address;

use crate::shard::{AgentName, Request};

/// One thing that a node takes in.
#[derive(Clone, Debug)]
pub enum Input {
    /// A frame from another node, whole.
    Frame(Bytes),
    /// A datagram of membership.
    Datagram {
        /// From where it came.
        from: Address,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// A batch of writes is on disk.
    Written {
        /// Its number.
        batch: u64,
    },
    /// Somebody outside asks an agent.
    Ask(Ask),
    /// A local agent of this node has a name from now on, or not any more.
    Name(Naming),
    /// Somebody outside asks about a lock of the cluster.
    Lock(LockAsk),
    /// Agents have run: what they have to say is to be looked at.
    Agents,
}

/// Somebody outside asks an agent.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Comes back with the answer.
    pub ticket: u64,
    /// Whom.
    pub to: AgentName,
    /// The type of the message.
    pub message: String,
    /// The message.
    pub bytes: Bytes,
    /// So that it is handled once even if it is asked again. None if it never is.
    pub request: Option<Request>,
    /// How long the answer is waited for.
    pub within: Duration,
}

/// A local agent of this node has a name from now on, or not any more. Asked again, it comes
/// to the same.
#[derive(Clone, Debug)]
pub struct Naming {
    /// Comes back with the answer, which has no bytes.
    pub ticket: u64,
    /// The name.
    pub name: AgentName,
    /// Whether it has it.
    pub held: bool,
    /// How long the answer is waited for.
    pub within: Duration,
}

/// Somebody outside asks about a lock of the cluster.
#[derive(Clone, Debug)]
pub struct LockAsk {
    /// Comes back with the answer.
    pub ticket: u64,
    /// What. Asked again with the same claim or fence, it comes to the same.
    pub what: LockVerb,
    /// How long the answer is waited for: [`crate::LOCK_WITHIN_MAX`] at most, whatever it says.
    pub within: Duration,
}
