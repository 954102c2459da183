//! What a node wants done.

use bytes::Bytes;
use nexus_agent::LockReply;
use nexus_cluster::membership::Address;
use nexus_cluster::raft::{Term, Write};
use nexus_cluster::{GroupId, NodeId};

/// What is to be done, in the order polled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a frame to another node. It may be lost, doubled, late.
    Send {
        /// To whom.
        to: NodeId,
        /// The whole of it.
        frame: Bytes,
    },
    /// Send a datagram of membership.
    Datagram {
        /// Where to.
        to: Address,
        /// What it says.
        bytes: Vec<u8>,
    },
    /// Put all this on disk, sync once, then hand in [`crate::Input::Written`]. The next
    /// batch comes after that.
    Write {
        /// Its number.
        batch: u64,
        /// What, in order.
        writes: Vec<(GroupId, Write)>,
    },
    /// An answer to [`crate::Ask`] or [`crate::Naming`].
    Answer {
        /// The number it came with.
        ticket: u64,
        /// The answer.
        answer: Result<Answer, CallError>,
    },
    /// An answer to [`crate::LockAsk`].
    Locked {
        /// The number it came with.
        ticket: u64,
        /// Who holds the lock, with which fence, until when; or why not.
        reply: LockReply,
    },
}

/// What an agent answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The reply's bytes.
    pub bytes: Bytes,
    /// In which term of its shard; an agent whose state is only in memory begins anew in
    /// each.
    pub term: Term,
}

/// Why an ask has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Nothing was changed. Ask something else.
    #[error("it was refused: {reason}")]
    Refused {
        /// By whom and why, in words.
        reason: String,
    },
    /// Nothing was changed. Trying again after a pause helps.
    #[error("too many asks are under way: {calls_max}, which is the most")]
    Busy {
        /// The limit.
        calls_max: usize,
    },
    /// Nobody who could have done it was reached in time; nothing was changed. Trying again
    /// may help.
    #[error("nobody answered for the agent in time")]
    Unreachable,
    /// It was not answered in time, and may have been done, or may yet be. A strict agent
    /// that is asked again with the same request handles it once; a local one does not know
    /// requests, so look before asking again.
    #[error("there was no answer in time; it may have been done")]
    Unknown,
    /// The handler of a local agent failed, or came to no end; it may have run in part. Look
    /// before asking again.
    #[error("it may have run in part, but came to no answer: {reason}")]
    Failed {
        /// What went wrong, in words.
        reason: String,
    },
}

impl CallError {
    /// Whether something may have changed.
    pub const fn may_have_changed(&self) -> bool {
        matches!(self, CallError::Unknown | CallError::Failed { .. })
    }
}
