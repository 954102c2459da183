//! What the log holds.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::members::{Members, NODE_BYTES_MAX};

/// The number of a leadership: each term has at most one leader.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
pub struct Term(pub u64);

/// The place of an entry in the log; the first is 1, and 0 is before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
pub struct Index(pub u64);

/// The last place that is taken from another member: at a billion entries a second it is
/// reached in three centuries, and nothing that is counted up from it overflows.
pub(super) const INDEX_MAX: Index = Index(u64::MAX / 2);

impl Index {
    /// The one after it.
    pub const fn next(self) -> Index {
        Index(self.0.saturating_add(1))
    }

    /// The one before it.
    pub const fn prev(self) -> Index {
        Index(self.0.saturating_sub(1))
    }
}

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader who appended it.
    pub term: Term,
    /// Its place.
    pub index: Index,
    /// What it says.
    pub payload: Payload,
}

/// What an entry counts for beside its command, towards every bound in bytes. Not less than
/// it takes in a message: two numbers of ten bytes, a kind, and lengths.
pub(super) const OVERHEAD_BYTES: usize = 32;

impl Entry {
    /// What it counts for towards a bound in bytes; it never takes more in a message.
    pub fn bytes(&self) -> usize {
        let payload = match &self.payload {
            Payload::Empty => 0,
            Payload::Command(bytes) => bytes.len(),
            Payload::Members(members) => {
                let count = members.voters.len() + members.outgoing.len() + members.learners.len();
                count * NODE_BYTES_MAX
            }
        };
        payload + OVERHEAD_BYTES
    }
}

/// What an entry says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Payload {
    /// Nothing: a new leader's first, which commits what came before.
    Empty,
    /// Bytes for the state machine.
    Command(Bytes),
    /// Who the group consists of from here on, as soon as it is appended.
    Members(Box<Members>),
}
