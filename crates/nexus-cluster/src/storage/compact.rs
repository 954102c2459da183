//! Beginning a new segment, with or without a copy of all that is needed.

use super::change::{Change, Kept, Left};
use super::record::{self, Label, Place, Record};
use super::segment::{self, HEAD_BYTES, Head};
use super::snapshot::remove_if_there;
use super::{Segment, Storage};
use crate::raft::Entry;
use crate::{Disk, DiskError, GroupId};

/// Bytes of entries in one record of a copy, about.
const CHUNK_BYTES: u64 = 1 << 20;

/// Bytes of what is copied of a group beside its entries, at most about: two records, which
/// say how it has voted, where its log ended, and which snapshot it has.
const GROUP_BYTES: u64 = 128;

impl<D: Disk> Storage<D> {
    /// Copies what is needed into a new segment, which is the whole log then.
    ///
    /// # Errors
    /// Nothing has changed then, unless storage is broken.
    pub(super) fn compact(&mut self) -> Result<(), DiskError> {
        let number = self.segment.number + 1;
        let old = self.segment.first..number;
        let mut records = Vec::new();
        for (group, kept) in &self.groups {
            copy(&mut records, number, *group, kept);
        }
        self.begin(number, number, records)?;
        self.segment = Segment { first: number, bytes_before: 0, ..self.segment };
        self.unused.extend(old.map(segment::name));
        self.remove_unused();
        Ok(())
    }

    /// Begins a new segment since the old one is full. All of it is synced.
    ///
    /// If that cannot be done the old one grows on: everything is safe where it is.
    pub(super) fn roll(&mut self) {
        let needed: u64 = self.groups.values().map(|kept| GROUP_BYTES + kept.bytes).sum();
        let begun = if self.log_bytes() >= 2 * needed + self.segment_bytes {
            self.compact()
        } else {
            self.begin(self.segment.number + 1, self.segment.first, Vec::new())
        };
        if begun.is_err() {
            self.rolls_failed += 1;
            self.segment.roll_at = self.segment.bytes + self.segment_bytes;
        }
    }

    /// Makes a segment, named only when it is whole, and has it be the one that is written.
    fn begin(&mut self, number: u64, first: u64, records: Vec<u8>) -> Result<(), DiskError> {
        let bytes = (HEAD_BYTES + records.len()) as u64;
        let head = Head { number, first, previous_bytes: self.segment.bytes, settled: bytes };
        if let Err(cause) = self.write_unnamed(&head, &records) {
            self.unused.insert(segment::UNNAMED.to_owned());
            self.remove_unused();
            return Err(cause);
        }
        let file = segment::name(number);
        let named = self.disk.rename(segment::UNNAMED, &file).and_then(|()| self.disk.sync(&file));
        if let Err(cause) = named {
            // Perhaps the name is there after a crash, and what is appended to the old
            // segment from here on would not count.
            self.broken = Some(cause.clone());
            return Err(cause);
        }
        self.segment = Segment {
            number,
            first,
            bytes,
            settled: bytes,
            bytes_before: self.segment.bytes_before + self.segment.bytes,
            roll_at: bytes.max(self.segment_bytes),
        };
        Ok(())
    }

    fn write_unnamed(&mut self, head: &Head, records: &[u8]) -> Result<(), DiskError> {
        remove_if_there(&mut self.disk, segment::UNNAMED)?;
        self.disk.append(segment::UNNAMED, &head.write(&self.identity))?;
        self.disk.append(segment::UNNAMED, records)?;
        self.disk.sync(segment::UNNAMED)
    }
}

/// Adds records that say all that is kept of a group.
fn copy(records: &mut Vec<u8>, segment: u64, group: GroupId, kept: &Kept) {
    let mut rest = &kept.entries[..];
    let mut vote = Some((kept.vote.term, kept.vote.voted_for));
    let mut snapshot = kept.snapshot;
    if let Some(last) = kept.left {
        let place = Place { segment, at: (HEAD_BYTES + records.len()) as u64 };
        let label = Label { kind: record::LEAVE, group, settled: 0 };
        Record::write(records, place, label, &Left::new(kept.vote, last)).expect("it is short");
    }
    loop {
        let (entries, after) = rest.split_at(chunk(rest));
        let change =
            Change { vote: vote.take(), cut_from: None, snapshot: snapshot.take(), entries };
        let place = Place { segment, at: (HEAD_BYTES + records.len()) as u64 };
        let label = Label { kind: record::CHANGE, group, settled: 0 };
        Record::write(records, place, label, &change)
            .expect("each entry has been in a record already");
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

/// How many entries go into one record.
fn chunk(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += super::change::entry_bytes(entry);
        bytes <= CHUNK_BYTES
    };
    entries.iter().take_while(fits).count().max(1).min(entries.len())
}
