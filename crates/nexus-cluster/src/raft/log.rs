//! The log as a member holds it in memory: a snapshot, and what came after.

use std::collections::VecDeque;

use super::effect::{Snapshot, Stored};
use super::entry::{Entry, Index, Payload, Term};
use super::errors::StartError;
use super::members::Members;
use crate::NodeId;

/// Entries without gaps, and who the group consists of by them.
#[derive(Debug)]
pub(super) struct Log {
    /// The entry before the first that is held.
    base: (Term, Index),
    entries: VecDeque<Entry>,
    entries_bytes: usize,
    snapshot: Option<Snapshot>,
    /// Who the group consists of, and from which entry on. The first is of `base` or before.
    members: Vec<(Index, Members)>,
}

impl Log {
    /// The log that a disk held.
    pub fn new(members: Members, stored: Stored) -> Result<Log, StartError> {
        let broken = |at, what| Err(StartError::Stored { at, what });
        let (base, members) = match &stored.snapshot {
            Some(snapshot) => (snapshot.last, snapshot.members.clone()),
            None => ((Term(0), Index(0)), members),
        };
        let mut log = Log {
            base,
            entries: VecDeque::new(),
            entries_bytes: 0,
            snapshot: stored.snapshot,
            members: vec![(base.1, members)],
        };
        if base.0 > stored.vote.term {
            return broken(base.1, "its term is later than the stored one");
        }
        for entry in stored.entries {
            let at = entry.index;
            if at != log.last().1.next() {
                return broken(at, "it does not follow the one before");
            }
            if entry.term < log.last().0 || entry.term > stored.vote.term {
                return broken(at, "its term is out of order");
            }
            log.push(entry);
        }
        Ok(log)
    }

    pub fn base(&self) -> (Term, Index) {
        self.base
    }

    pub fn last(&self) -> (Term, Index) {
        self.entries.back().map_or(self.base, |entry| (entry.term, entry.index))
    }

    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The last entry the snapshot holds the effects of.
    pub fn snapshot_index(&self) -> Index {
        self.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.last.1)
    }

    pub fn held_bytes(&self) -> usize {
        self.entries_bytes + self.snapshot.as_ref().map_or(0, |snapshot| snapshot.state.len())
    }

    /// The term of an entry that is held, or of the one before the first.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.1 {
            return Some(self.base.0);
        }
        self.position(index).and_then(|at| self.entries.get(at)).map(|entry| entry.term)
    }

    fn position(&self, index: Index) -> Option<usize> {
        let distance = index.0.checked_sub(self.base.1.0)?.checked_sub(1)?;
        usize::try_from(distance).ok()
    }

    /// Entries from one on, within bounds; a first one that is too large comes alone.
    pub fn slice(&self, from: Index, to: Index, count_max: usize, bytes_max: usize) -> Vec<Entry> {
        let wanted = to.next().0.saturating_sub(from.0);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).min(count_max);
        self.range(from, wanted, bytes_max).cloned().collect()
    }

    /// The same, where they are.
    pub fn range(
        &self,
        from: Index,
        count_max: usize,
        bytes_max: usize,
    ) -> impl Iterator<Item = &Entry> {
        let start = self.position(from).unwrap_or(usize::MAX).min(self.entries.len());
        let held = (self.entries.len() - start).min(count_max);
        let mut bytes = 0usize;
        let fits = |entry: &&Entry| {
            bytes = bytes.saturating_add(entry.bytes());
            bytes <= bytes_max
        };
        let count = self.entries.range(start..start + held).take_while(fits).count();
        let count = count.max(held.min(1));
        self.entries.range(start..start + count)
    }

    /// What follows an entry counts for, in bytes.
    pub fn bytes_after(&self, index: Index) -> usize {
        let start = self.position(index.next()).unwrap_or(0).min(self.entries.len());
        self.entries.range(start..).map(Entry::bytes).sum()
    }

    /// The last entry at `index` or before whose term is `term` or before: the latest one
    /// where two logs may still be equal. Terms never fall along a log.
    pub fn last_not_after(&self, term: Term, index: Index) -> (Term, Index) {
        let count = self.entries.partition_point(|entry| entry.term <= term);
        let by_term = Index(self.base.1.0.saturating_add(count as u64));
        let at = by_term.min(index);
        (self.term_at(at).unwrap_or(Term(0)), at)
    }

    pub fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.index, self.last().1.next(), "a log has no gaps");
        if let Payload::Members(members) = &entry.payload {
            self.members.push((entry.index, Members::clone(members)));
        }
        self.entries_bytes += entry.bytes();
        self.entries.push_back(entry);
    }

    /// Drops entries from one on.
    pub fn cut(&mut self, from: Index) {
        while let Some(entry) = self.entries.pop_back_if(|entry| entry.index >= from) {
            self.entries_bytes -= entry.bytes();
        }
        while self.members.len() > 1 && self.members.last().is_some_and(|(at, _)| *at >= from) {
            self.members.pop();
        }
    }

    /// Puts a snapshot in place of everything.
    pub fn install(&mut self, snapshot: Snapshot) {
        self.base = snapshot.last;
        self.entries.clear();
        self.entries_bytes = 0;
        self.members = vec![(snapshot.last.1, snapshot.members.clone())];
        self.snapshot = Some(snapshot);
    }

    /// Takes a snapshot of what is held; of the entries it covers, at most `trail_bytes` stay.
    pub fn compact(&mut self, snapshot: Snapshot, trail_bytes: usize) {
        let upto = snapshot.last.1;
        let mut trail = self.entries_bytes - self.bytes_after(upto);
        while trail > trail_bytes
            && let Some(entry) = self.entries.pop_front_if(|entry| entry.index <= upto)
        {
            trail -= entry.bytes();
            self.entries_bytes -= entry.bytes();
            self.base = (entry.term, entry.index);
        }
        let old = self.members.partition_point(|(at, _)| *at <= self.base.1).saturating_sub(1);
        self.members.drain(..old);
        self.snapshot = Some(snapshot);
    }

    /// Who the group consists of: by the last entry that says so, committed or not.
    pub fn members(&self) -> &Members {
        &self.members.last().expect("the first is never dropped").1
    }

    /// The entry that says so.
    pub fn members_index(&self) -> Index {
        self.members.last().expect("the first is never dropped").0
    }

    /// Whether somebody votes by an entry from `index` on, or by the last before.
    pub fn votes_since(&self, index: Index, id: NodeId) -> bool {
        let count = self.members.partition_point(|(at, _)| *at <= index);
        self.members[count.saturating_sub(1)..].iter().any(|(_, members)| members.votes(id))
    }

    /// Who the group consisted of as of an entry.
    pub fn members_at(&self, index: Index) -> &Members {
        let count = self.members.partition_point(|(at, _)| *at <= index);
        &self.members[count.saturating_sub(1)].1
    }
}
