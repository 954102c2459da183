//! What the two ends of a new connection tell each other.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprints;
use crate::bounded;
use crate::{ClusterId, NodeId};

/// The most kinds that a refusal names; how many there are it says as well.
pub(super) const STRANGE_MAX: usize = 8;

/// What is said before anything else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Greeting {
    /// Who I am. The first of each side.
    Hello(Box<Hello>),
    /// I have read yours, and will talk to you.
    Welcome,
    /// I will not talk to you.
    Refuse(Refusal),
}

/// Who a node is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hello {
    /// In which cluster.
    pub cluster: ClusterId,
    /// Which node.
    pub node: NodeId,
    /// Which start of it.
    pub start: Start,
    /// Which versions of the envelope it can speak.
    pub versions: Versions,
    /// Which program it runs: for people.
    pub build: u64,
    /// Which of the connections between the two this is.
    pub lane: u16,
    /// Which messages it understands.
    pub kinds: Fingerprints,
}

/// One start of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Start {
    /// Counts up with each start; stored in the node's directory.
    pub incarnation: u64,
    /// Drawn at each start. Two processes that believe to be the same start, since each has
    /// a copy of one directory, differ in it.
    pub draw: u64,
}

/// Versions from one to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Versions {
    /// The oldest.
    pub min: u8,
    /// The newest.
    pub max: u8,
}

impl Versions {
    /// The newest version that both speak.
    pub fn common(self, other: Versions) -> Option<u8> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

/// Why a node does not talk to another. Sent to the other, so that both say the same.
///
/// `refused` is what the node said that is turned away, `wanted` what the other one has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Correct the addresses that the node joins by.
    #[error("a node of cluster {refused} was refused by cluster {wanted}")]
    OtherCluster {
        /// Its cluster.
        refused: ClusterId,
        /// The cluster it came to.
        wanted: ClusterId,
    },
    /// Upgrade the older node, one version at a time.
    #[error("a node that speaks versions {refused} was refused by one that speaks {wanted}")]
    NoCommonVersion {
        /// Its versions.
        refused: Versions,
        /// Those of the one that refuses.
        wanted: Versions,
    },
    /// Stop one of them: a directory was copied, and both would vote.
    #[error(
        "two processes say they are node {node}, at start {incarnation}: stop one, and give it a \
         directory of its own"
    )]
    TwoNodesOneIdentity {
        /// Which node both are.
        node: NodeId,
        /// Which start both are.
        incarnation: u64,
    },
    /// A process that should have ended, or a copied directory.
    #[error(
        "node {node} of start {refused} was refused, since its start {wanted} is known: an old \
         process of it still runs, or its directory was copied"
    )]
    OldStart {
        /// Which node.
        node: NodeId,
        /// Its incarnation.
        refused: u64,
        /// The one that is known.
        wanted: u64,
    },
    /// The addresses of nodes are out of date. Look them up again.
    #[error("node {refused} answers where {wanted} was expected")]
    OtherNode {
        /// Who answers.
        refused: NodeId,
        /// Who was called.
        wanted: NodeId,
    },
    /// A node has its own address among those it joins by. Harmless.
    #[error("the node called itself")]
    Itself,
    /// Nodes of two builds that share no layout of some kinds: upgrade in smaller steps, or
    /// have the newer one speak the older layout, too.
    #[error("{count} kinds of messages are laid out differently, first {}", .kinds.join(", "))]
    Schemas {
        /// The names of the first of them.
        #[serde(deserialize_with = "bounded::list::<STRANGE_MAX, _, _>")]
        kinds: Vec<String>,
        /// How many there are.
        count: u32,
    },
    /// The other side is stuck, or no node. Try again later.
    #[error("the handshake was not over in time")]
    Deadline,
    /// A mistake of the other side's program.
    #[error("a greeting came out of turn")]
    OutOfTurn,
    /// Perhaps no node at all.
    #[error("what was said could not be understood")]
    NotUnderstood,
}
