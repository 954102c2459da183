//! What must be true after each step.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 3. The promises about disks and leases: the head of `raft.rs`.

use std::collections::BTreeMap;

use super::super::*;

/// What was seen of a group so far.
#[derive(Default)]
pub struct Checker {
    leaders: BTreeMap<Term, NodeId>,
    /// What an index and a term hold, and the term before.
    written: BTreeMap<(Index, Term), (Payload, Term)>,
    /// What was applied by anybody.
    pub applied: BTreeMap<Index, Entry>,
    /// The first promise that was found broken.
    pub broken: Option<String>,
}

impl Checker {
    pub fn claim(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.broken.is_none() {
            self.broken = Some(what());
        }
    }

    /// A member leads: nobody else does in its term, and it has all that is committed.
    pub fn leads(&mut self, raft: &Raft) {
        let (id, term) = (raft.id(), raft.term());
        let first = *self.leaders.entry(term).or_insert(id);
        self.claim(first == id, || format!("election safety: {first} and {id} lead in {term:?}"));
        let covered = raft.snapshot_index();
        let lacks = self
            .applied
            .range(covered.next()..)
            .find(|(index, entry)| raft.term_at(**index) != Some(entry.term))
            .map(|(index, _)| *index);
        self.claim(lacks.is_none(), || {
            format!("leader completeness: {id} leads in {term:?} without {lacks:?}")
        });
    }

    /// A member writes: equal index and term mean equal entries, and equal ones before; what
    /// is committed stays.
    pub fn writes(&mut self, raft: &Raft, disk: &Stored, write: &Write) {
        let is_own = raft.role().is == Standing::Leader
            && write.entries.last().is_some_and(|entry| entry.term == raft.term());
        self.claim(!(is_own && write.cut_from.is_some()), || {
            format!("leader append-only: {} cuts its log", raft.id())
        });
        let cut = write.cut_from.unwrap_or(Index(u64::MAX));
        let covered = write.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.last.1);
        let goes = |entry: &&Entry| entry.index >= cut && entry.index > covered;
        let mut lost = disk.entries.iter().filter(goes);
        let lost = lost.find(|entry| self.applied.get(&entry.index) == Some(*entry));
        let lost = lost.filter(|entry| !write.entries.contains(entry)).map(|entry| entry.index);
        self.claim(lost.is_none(), || format!("nothing committed is cut: {} {lost:?}", raft.id()));
        for entry in &write.entries {
            let Some(before) = raft.term_at(entry.index.prev()) else { continue };
            let is = (entry.payload.clone(), before);
            let was = self.written.entry((entry.index, entry.term)).or_insert(is.clone());
            let equal = *was == is;
            self.claim(equal, || format!("log matching: {} at {:?}", raft.id(), entry.index));
        }
    }

    /// A leader's commit moves: what it counted is of its own term.
    pub fn commits(&mut self, raft: &Raft, before: Index) {
        let leads = raft.role().is == Standing::Leader;
        let is_own = raft.term_at(raft.commit()).is_none_or(|term| term == raft.term());
        self.claim(!leads || raft.commit() == before || is_own, || {
            format!("commit by own term: {} at {:?}", raft.id(), raft.commit())
        });
    }

    /// A member applies: nobody has applied something else there.
    pub fn applies(&mut self, id: NodeId, entry: &Entry) {
        let was = self.applied.entry(entry.index).or_insert_with(|| entry.clone());
        let equal = was == entry;
        self.claim(equal, || format!("state-machine safety: {id} at {:?}", entry.index));
    }

    /// A member says something: what it promises is on its disk.
    pub fn says(&mut self, raft: &Raft, disk: &Stored, to: NodeId, message: &Message) {
        let id = raft.id();
        let term = message.term;
        let last = disk.entries.last().map(|entry| entry.index);
        let last = last.or(disk.snapshot.as_ref().map(|snapshot| snapshot.last.1));
        let kept = match message.body {
            Body::PreVote { .. } | Body::PreVoted { .. } => true,
            Body::Voted { granted: true } => {
                disk.vote == Vote { term, voted_for: Some(to) } || disk.vote.term > term
            }
            Body::Vote { .. } => disk.vote == Vote { term, voted_for: Some(id) },
            Body::Appended { matched, .. } => {
                disk.vote.term >= term && last.unwrap_or(Index(0)) >= matched
            }
            _ => disk.vote.term >= term,
        };
        self.claim(kept, || format!("disk before word: {id} says {message:?}"));
    }
}
