//! What members of a group say to each other.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, Index, Term};
use super::members::Members;

/// A message between two members of one group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The sender's term; for a pre-vote the term it would stand in.
    pub term: Term,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Body {
    /// Would you vote for me? Changes nobody's term.
    PreVote {
        /// The candidate's last entry.
        last: (Term, Index),
    },
    /// The answer to that.
    PreVoted {
        /// Whether it would.
        granted: bool,
    },
    /// Vote for me.
    Vote {
        /// The candidate's last entry.
        last: (Term, Index),
        /// If the leader asked it to stand: the leader's round when it gave up its lease. Who
        /// has heard no later round need not stand by that leader.
        transfer: Option<u64>,
    },
    /// The answer to that, given once it is on disk.
    Voted {
        /// Whether it does.
        granted: bool,
    },
    /// Append these; without entries a heartbeat.
    Append {
        /// The entry before the first of `entries`.
        prev: (Term, Index),
        /// In order; may be none.
        #[serde(with = "crate::bounded::entries")]
        entries: Vec<Entry>,
        /// Up to where the leader knows the log is committed.
        commit: Index,
        /// Rounds of heartbeats, for reads and leases: the answer names the same.
        round: u64,
    },
    /// Appended and on disk, up to `matched`.
    Appended {
        /// The last entry that is as the leader's.
        matched: Index,
        /// The round that is answered.
        round: u64,
    },
    /// Not appended: what comes before is missing or another.
    Rejected {
        /// The index of `prev` that did not match.
        prev: Index,
        /// Where the leader may try next: an entry that may match, and its term.
        hint: (Term, Index),
        /// The round that is answered.
        round: u64,
    },
    /// A part of a snapshot.
    Snapshot {
        /// The last entry that the snapshot holds the effects of.
        last: (Term, Index),
        /// The group as of then.
        members: Members,
        /// Where in the snapshot this part begins, in bytes.
        offset: u64,
        /// The part.
        chunk: Bytes,
        /// Whether it is the last.
        done: bool,
        /// As in [`Body::Append`].
        round: u64,
    },
    /// How much of a snapshot has come.
    SnapshotReceived {
        /// Which.
        last: (Term, Index),
        /// The offset that is wanted next, in bytes.
        next: u64,
        /// The round that is answered.
        round: u64,
    },
    /// Stand for election now: the leader hands over, and has given up its lease.
    StandNow {
        /// The leader's round. Should it take its lease back, it counts from a later one.
        round: u64,
    },
    /// Where is the log committed, for a read at a follower?
    ReadIndex {
        /// The follower's number for it.
        ticket: u64,
    },
    /// The answer to that.
    ReadIndexIs {
        /// The follower's number for it.
        ticket: u64,
        /// Where; none if the sender does not lead.
        index: Option<Index>,
    },
}
