//! What a record says of a group, and what a group comes to by all of them.

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::raft::{Entry, Index, Payload, Term, Vote, Write};

/// Bytes an entry takes up beside its command, about.
const ENTRY_BYTES: u64 = 8;

/// A change of one group, all of it or nothing: the cut first, then the snapshot, then
/// entries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Change<E> {
    pub vote: Option<(Term, Option<NodeId>)>,
    pub cut_from: Option<Index>,
    pub snapshot: Option<Mark>,
    pub entries: E,
}

/// That a snapshot is in a file of its own, and which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Mark {
    pub last: (Term, Index),
    pub checksum: u64,
}

impl<'a> Change<&'a [Entry]> {
    pub fn of(write: &'a Write, snapshot: Option<Mark>) -> Change<&'a [Entry]> {
        let vote = write.vote.map(|vote| (vote.term, vote.voted_for));
        Change { vote, cut_from: write.cut_from, snapshot, entries: &write.entries }
    }
}

/// What stays of a group that was left.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Left {
    vote: (Term, Option<NodeId>),
    last: (Term, Index),
}

impl Left {
    pub fn new(vote: Vote, last: (Term, Index)) -> Left {
        Left { vote: (vote.term, vote.voted_for), last }
    }
}

/// What is stored of a group.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Kept {
    pub vote: Vote,
    pub snapshot: Option<Mark>,
    pub entries: Vec<Entry>,
    /// What the entries take up in the log, about.
    pub bytes: u64,
    /// Where the log ended that was given up.
    pub left: Option<(Term, Index)>,
}

impl Kept {
    /// The last index it has something of.
    pub fn last(&self) -> Index {
        let before = self.snapshot.map_or(Index(0), |mark| mark.last.1);
        self.entries.last().map_or(before, |entry| entry.index)
    }

    /// Nothing else stays.
    pub fn of_left(left: Left) -> Kept {
        let (term, voted_for) = left.vote;
        Kept { vote: Vote { term, voted_for }, left: Some(left.last), ..Kept::default() }
    }

    /// Does as a record says.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn apply(&mut self, change: Change<Vec<Entry>>) -> Result<(), &'static str> {
        if let Some((term, voted_for)) = change.vote {
            self.vote = Vote { term, voted_for };
        }
        if let Some(from) = change.cut_from {
            self.keep(|entry| entry.index < from);
        }
        if let Some(mark) = change.snapshot {
            self.snapshot = Some(mark);
            self.keep(|entry| entry.index > mark.last.1);
        }
        for entry in change.entries {
            if Some(entry.index.0) != self.last().0.checked_add(1) {
                return Err("an entry does not follow the one before");
            }
            self.bytes += entry_bytes(&entry);
            self.entries.push(entry);
        }
        Ok(())
    }

    fn keep(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(keep);
        self.bytes = self.entries.iter().map(entry_bytes).sum();
    }
}

/// The last index after `write`, or none if its entries do not follow.
pub(super) fn last_after(last: Index, write: &Write) -> Option<Index> {
    if write.left.is_some() {
        let adds = write.snapshot.is_some() || !write.entries.is_empty();
        return if adds { None } else { Some(Index(0)) };
    }
    let mut last = last.0;
    if let Some(from) = write.cut_from {
        last = last.min(from.0.saturating_sub(1));
    }
    if let Some(snapshot) = &write.snapshot {
        last = last.max(snapshot.last.1.0);
    }
    for entry in &write.entries {
        last = last.checked_add(1).filter(|next| *next == entry.index.0)?;
    }
    Some(Index(last))
}

/// Bytes an entry takes up in the log, about.
pub(super) fn entry_bytes(entry: &Entry) -> u64 {
    let payload = match &entry.payload {
        Payload::Empty => 0,
        Payload::Command(command) => command.len() as u64,
        Payload::Members(members) => {
            8 * (members.voters.len() + members.outgoing.len() + members.learners.len()) as u64
        }
    };
    payload + ENTRY_BYTES
}
