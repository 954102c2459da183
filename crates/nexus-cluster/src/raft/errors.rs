//! Why a member did not do what it was asked.

use super::entry::Index;
use super::spec::SpecError;
use crate::NodeId;

/// Why a member cannot start. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A value of the spec is wrong.
    #[error("the spec is wrong")]
    Spec(#[from] SpecError),
    /// What was stored does not fit together; the disk holds something else than was written.
    #[error("the stored log is broken at entry {}: {what}", .at.0)]
    Stored {
        /// The entry it breaks at.
        at: Index,
        /// How.
        what: &'static str,
    },
}

/// Why a proposal was not taken. Nothing was appended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Another member leads, if any. Ask that one.
    #[error("this member does not lead")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<NodeId>,
    },
    /// Too much waits to be committed. Try again after a pause.
    #[error("{bytes_max} bytes wait to be committed, which is the most")]
    Busy {
        /// The most bytes that may wait.
        bytes_max: usize,
    },
    /// It is larger than any proposal may be. Trying again does not help.
    #[error("the proposal has {bytes} bytes, and the most is {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most.
        bytes_max: usize,
    },
    /// Leadership is being handed over. Ask the new leader in a moment.
    #[error("leadership is being handed to {to}")]
    Transferring {
        /// To whom.
        to: NodeId,
    },
}

/// Why a read was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Nobody is known to lead. Try again after a pause.
    #[error("no leader is known")]
    NoLeader,
    /// Too many reads wait. Try again after a pause.
    #[error("{waiting_max} reads wait, which is the most")]
    Busy {
        /// The most that may wait.
        waiting_max: usize,
    },
}

/// Why leadership is not handed over. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Another member leads, if any. Ask that one.
    #[error("this member does not lead")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<NodeId>,
    },
    /// It does not vote, or leads already.
    #[error("{to} is not another voter")]
    NotVoter {
        /// Who was to lead.
        to: NodeId,
    },
    /// Leadership is being handed over already.
    #[error("leadership is being handed to {to}")]
    Transferring {
        /// To whom.
        to: NodeId,
    },
}

/// Why members are not changed. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// Another member leads, if any. Ask that one.
    #[error("this member does not lead")]
    NotLeader {
        /// Who leads, as far as is known.
        leader: Option<NodeId>,
    },
    /// No voters, too many members, or a learner that votes.
    #[error("a group needs voters, at most {members_max}, and learners who do not vote")]
    Unsound {
        /// The most members of one sort.
        members_max: usize,
    },
    /// An earlier change, or the leader's first entry, is not committed. Try again later.
    #[error("an earlier change is not committed yet")]
    Pending,
    /// Leadership is being handed over. Ask the new leader in a moment.
    #[error("leadership is being handed to {to}")]
    Transferring {
        /// To whom.
        to: NodeId,
    },
}

/// Why the log was not shortened. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// It was not handed out for applying yet, so nobody can have its state.
    #[error("entry {} was not applied yet", .index.0)]
    NotApplied {
        /// Which.
        index: Index,
    },
    /// There is a snapshot of then, or of later.
    #[error("there is a snapshot of entry {} already", .index.0)]
    Compacted {
        /// Of when.
        index: Index,
    },
}
