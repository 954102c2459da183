//! The log of one member, as hashes: each stands for an entry and all before it.

use nexus_base::FixedMap;
use nexus_cluster::raft::{Entry, Index, Payload, Snapshot, Term, Write};

use super::Place;
use crate::mix::Mix;

/// Stands for a log up to some entry.
pub(super) type Chain = u64;

/// The hash of one entry.
pub(super) fn entry_hash(entry: &Entry) -> u64 {
    let hash = Mix::new().word(entry.term.0).word(entry.index.0);
    match &entry.payload {
        Payload::Empty => hash.word(1).finish(),
        Payload::Command(bytes) => hash.word(2).bytes(bytes).finish(),
        Payload::Members(members) => {
            let sets = [&members.voters, &members.outgoing, &members.learners];
            let hash = sets.into_iter().fold(hash.word(3), |hash, set| {
                set.iter().fold(hash.word(set.len() as u64), |hash, node| hash.word(node.0))
            });
            hash.finish()
        }
    }
}

/// What logs of one shard were like, wherever they were seen.
pub(super) type Known = FixedMap<(u32, Index, Term), Chain>;

/// The log of one member.
#[derive(Clone, Default, Debug)]
pub(super) struct LogMirror {
    /// The entry that the log begins after.
    base: (Term, Index, Chain),
    entries: Vec<(Term, Chain)>,
}

impl LogMirror {
    /// The log that goes on from `snapshot`; its hash is taken from what is known.
    pub(super) fn after(snapshot: Option<&Snapshot>, shard: u32, known: &Known) -> LogMirror {
        let mut log = LogMirror::default();
        if let Some(snapshot) = snapshot {
            log.rebase(snapshot, shard, known);
        }
        log
    }

    /// Takes in what is about to be written. Each entry added goes to `added`.
    pub(super) fn write(
        &mut self,
        write: &Write,
        shard: u32,
        known: &Known,
        mut added: impl FnMut(&Entry, Chain),
    ) {
        if let Some(snapshot) = &write.snapshot {
            self.rebase(snapshot, shard, known);
        }
        if let Some(from) = write.cut_from {
            let keep = from.0.saturating_sub(self.base.1.0 + 1) as usize;
            self.entries.truncate(keep);
        }
        for entry in &write.entries {
            let chain = self.append(entry);
            added(entry, chain);
        }
    }

    /// Adds an entry; what stands for the log with it.
    pub(super) fn append(&mut self, entry: &Entry) -> Chain {
        let chain = Mix::new().word(self.last().2).word(entry_hash(entry)).finish();
        self.entries.push((entry.term, chain));
        chain
    }

    /// The last entry.
    pub(super) fn last(&self) -> (Term, Index, Chain) {
        let index = Index(self.base.1.0 + self.entries.len() as u64);
        self.entries.last().map_or(self.base, |&(term, chain)| (term, index, chain))
    }

    /// What stands for the log up to `index`; none if it does not reach so far, or begins
    /// after it.
    pub(super) fn at(&self, index: Index) -> Option<(Term, Chain)> {
        let place = index.0.checked_sub(self.base.1.0)?;
        if place == 0 {
            return Some((self.base.0, self.base.2));
        }
        self.entries.get(place as usize - 1).copied()
    }

    /// The entry that the log begins after.
    pub(super) fn base(&self) -> Index {
        self.base.1
    }

    fn rebase(&mut self, snapshot: &Snapshot, shard: u32, known: &Known) {
        let (term, index) = snapshot.last;
        let chain = known.get(&(shard, index, term)).copied().unwrap_or(0);
        // What follows the snapshot stays if the log has the snapshot's last entry.
        let stays = self.at(index).is_some_and(|here| here.0 == term);
        let gone = index.0.saturating_sub(self.base.1.0) as usize;
        if stays && gone <= self.entries.len() {
            self.entries.drain(..gone);
        } else {
            self.entries.clear();
        }
        self.base = (term, index, chain);
    }
}

/// The logs of all members.
#[derive(Default)]
pub(super) struct Logs {
    known: Known,
    logs: FixedMap<Place, LogMirror>,
}

impl Logs {
    /// A member starts with this from its disk.
    pub(super) fn start(&mut self, place: Place, snapshot: Option<&Snapshot>, entries: &[Entry]) {
        let mut log = LogMirror::after(snapshot, place.shard, &self.known);
        for entry in entries {
            log.append(entry);
        }
        self.logs.insert(place, log);
    }

    /// A member's log changes.
    pub(super) fn write(&mut self, place: Place, write: &Write) {
        let log = self.logs.entry(place).or_default();
        let mut added = Vec::new();
        log.write(write, place.shard, &self.known, |entry, chain| {
            added.push(((place.shard, entry.index, entry.term), chain));
        });
        self.known.extend(added);
    }

    /// The log of a member; empty if it was not seen.
    pub(super) fn of(&mut self, place: Place) -> &LogMirror {
        self.logs.entry(place).or_default()
    }
}
