//! What a member wants done.

use bytes::Bytes;

use super::entry::{Entry, Index, Term};
use super::members::Members;
use super::message::Message;
use crate::NodeId;

/// What is to be done, in the order polled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a message. It may be lost, doubled, late.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Put on disk and sync, then call `handle_written`. What must not be said before is
    /// held back until then.
    Write(Write),
    /// Committed, and on this member's disk: apply these, in order.
    Apply(Vec<Entry>),
    /// Replace the state machine by a snapshot, which is on disk.
    Restore(Snapshot),
    /// A read may be answered, from a state machine that has applied what came before this.
    ReadReady {
        /// The number it was given.
        ticket: u64,
        /// The entry whose effects it must see; it was handed out for applying already.
        index: Index,
    },
    /// A read could not be arranged; asking again, elsewhere, may help.
    ReadRefused {
        /// The number it was given.
        ticket: u64,
    },
    /// What the member is has changed.
    Role(Role),
}

/// What goes on disk, all of it or nothing: the cut first, then the snapshot, then entries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Counts up by one from 1.
    pub sequence: u64,
    /// The term, and who has the vote in it; none if as before.
    pub vote: Option<Vote>,
    /// Entries from here on are no longer; none if nothing is cut off.
    pub cut_from: Option<Index>,
    /// Entries to add at the end.
    pub entries: Vec<Entry>,
    /// A snapshot that takes the place of the log up to its last entry; entries after that
    /// stay, unless they are cut off.
    pub snapshot: Option<Snapshot>,
    /// Everything is given up but the vote and this, and nothing is added; see
    /// [`Stored::left`]. None if it stays.
    pub left: Option<(Term, Index)>,
}

impl Write {
    /// What has nothing stay of a group: as if this node had never been in it, nor promised
    /// anything.
    pub fn forget() -> Write {
        let (vote, left) = (Some(Vote::default()), Some((Term(0), Index(0))));
        Write { sequence: 0, vote, cut_from: None, entries: Vec::new(), snapshot: None, left }
    }

    /// Whether it is [`Write::forget`], whatever its number.
    pub fn forgets(&self) -> bool {
        self.vote == Some(Vote::default()) && self.left == Some((Term(0), Index(0)))
    }
}

/// What a member finds on its disk when it starts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Stored {
    /// The term, and who has its vote.
    pub vote: Vote,
    /// The newest snapshot.
    pub snapshot: Option<Snapshot>,
    /// The log after it, without gaps.
    pub entries: Vec<Entry>,
    /// Up to where it had the log when it gave its files up; none if it never did. See
    /// [`super::Raft::promise`].
    pub left: Option<(Term, Index)>,
}

/// What a member must never forget of elections.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Vote {
    /// The term it is in.
    pub term: Term,
    /// For whom it has voted in that term.
    pub voted_for: Option<NodeId>,
}

/// The state machine at one point of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The last entry whose effects it holds.
    pub last: (Term, Index),
    /// The group as of then.
    pub members: Members,
    /// The state machine's bytes.
    pub state: Bytes,
}

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Role {
    /// In which term.
    pub term: Term,
    /// What.
    pub is: Standing,
    /// Who leads, as far as is known.
    pub leader: Option<NodeId>,
}

/// How a member stands in its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It does as the leader says.
    Follower,
    /// It stands for election, perhaps only to see whether it would win.
    Candidate,
    /// It leads.
    Leader,
    /// It listens.
    Learner,
}
