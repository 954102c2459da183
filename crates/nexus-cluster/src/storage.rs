//! What a node must not forget: the logs and snapshots of all its groups.
//!
//! One log for all groups, so that one sync settles a batch of all of them. It is a row of
//! files ("segments") that are only written at their end; snapshots have files of their own.
//!
//! What must stay true:
//!
//! 1. What was synced is there after a crash; what was cut off does not come back.
//! 2. A write is there as a whole or not at all.
//! 3. The torn end that a crash leaves is cut off, and said so. Damage before that is an
//!    error that names file and byte. They are told apart because each record says how much
//!    was synced when it was written. Damage to the last batch itself looks like a torn end:
//!    nothing after it can vouch for it.
//! 4. Opening changes nothing unless it succeeds, and then makes a fresh copy of the log:
//!    what was read may have been in the system's memory only, after a sync that failed.
//! 5. After a sync that failed nothing is written any more.
//!
//! The log is copied, without what is no longer needed, at every opening and whenever half
//! of it is not needed; old segments are removed then. Entries since the last snapshot are
//! kept in memory for that; their commands are shared with whoever wrote them.
//!
//! Absent on purpose: what entries mean, threads. One caller at a time; whoever opens it sees
//! to it that no other process does.

mod change;
mod compact;
mod errors;
mod record;
mod replay;
mod segment;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use errors::{OpenError, WriteError};

use crate::raft::{Stored, Vote, Write};
use crate::{ClusterId, Disk, DiskError, GroupId, NodeId};
use change::{Change, Kept, Left, last_after};
use record::{Label, Place, Record};
use replay::Replay;
use snapshot::Draft;

/// How files are laid out. Another number is refused at opening.
pub const FORMAT: u32 = 1;

/// A segment that has this many bytes is the last but one.
/// Source: a guess; large against a batch, small against a disk.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// To whom a directory belongs. Written into each file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
    /// Which program writes: for people, not compared.
    pub build: u64,
}

/// The torn end of a log, which was not synced when the node stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CutOff {
    /// In which file.
    pub file: String,
    /// From which byte on.
    pub at: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// The storage of one node.
///
/// [`Storage::write`] what groups want written, then [`Storage::sync`], then acknowledge.
#[derive(Debug)]
pub struct Storage<D> {
    disk: D,
    identity: Identity,
    groups: BTreeMap<GroupId, Kept>,
    segment: Segment,
    segment_bytes: u64,
    unused: BTreeSet<String>,
    cut_off: Option<CutOff>,
    rolls_failed: u64,
    broken: Option<DiskError>,
}

/// The segment that is written.
#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    /// The oldest one that is still part of the log.
    first: u64,
    bytes: u64,
    settled: u64,
    /// Bytes of those before, from `first` on.
    bytes_before: u64,
    /// At how many bytes to begin another.
    roll_at: u64,
}

impl<D: Disk> Storage<D> {
    /// Reads what is stored, or begins anew on an empty disk.
    ///
    /// # Errors
    /// [`OpenError`]; nothing on the disk was changed.
    pub fn open(
        disk: D,
        identity: Identity,
    ) -> Result<(Storage<D>, BTreeMap<GroupId, Stored>), OpenError> {
        let replay = Replay::run(&disk, &identity)?;
        let files = disk.list()?;
        let orphan = files.iter().find(|file| file.starts_with(snapshot::PREFIX));
        if let (None, Some(orphan)) = (replay.newest, orphan) {
            return Err(OpenError::Missing {
                file: segment::name(1),
                needed_by: orphan.to_owned(),
            });
        }
        let mut stored = BTreeMap::new();
        for (group, kept) in &replay.groups {
            let load = |mark| snapshot::load(&disk, &identity, *group, mark);
            let snapshot = kept.snapshot.as_ref().map(load).transpose()?;
            let entries = kept.entries.clone();
            stored.insert(*group, Stored { vote: kept.vote, snapshot, entries, left: kept.left });
        }
        let number = replay.newest.unwrap_or(0);
        let segment =
            Segment { number, first: number, bytes: 0, settled: 0, bytes_before: 0, roll_at: 0 };
        let mut storage = Storage {
            disk,
            identity,
            groups: replay.groups,
            segment,
            segment_bytes: SEGMENT_BYTES,
            unused: BTreeSet::new(),
            cut_off: replay.cut_off,
            rolls_failed: 0,
            broken: None,
        };
        storage.compact()?;
        storage.unused = storage.unneeded(files);
        storage.remove_unused();
        Ok((storage, stored))
    }

    /// The torn end that was cut off when this was opened.
    pub fn cut_off(&self) -> Option<&CutOff> {
        self.cut_off.as_ref()
    }

    /// How often no new segment could be begun, so that the old one grew.
    pub fn rolls_failed(&self) -> u64 {
        self.rolls_failed
    }

    /// Bytes of the log that are not in snapshots.
    pub fn log_bytes(&self) -> u64 {
        self.segment.bytes_before + self.segment.bytes
    }

    /// Has segments be shorter or longer than [`SEGMENT_BYTES`].
    pub fn set_segment_bytes(&mut self, bytes: u64) {
        self.segment_bytes = bytes;
        self.segment.roll_at = self.segment.settled.max(bytes);
    }

    /// The disk, to open it anew.
    pub fn into_disk(self) -> D {
        self.disk
    }

    /// Writes what groups want written; it is not safe before [`Storage::sync`].
    ///
    /// Snapshots are synced here, each in its file.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the batch is stored.
    ///
    /// # Panics
    /// If entries do not follow what the group has: a log with a gap cannot be read again. If
    /// a write gives up all of a group and adds to it.
    pub fn write(&mut self, batch: &[(GroupId, Write)]) -> Result<(), WriteError> {
        self.check_trusted()?;
        self.check_order(batch);
        let drafts: Vec<Option<Draft<'_>>> = batch
            .iter()
            .map(|(group, write)| {
                write.snapshot.as_ref().map(|it| Draft::new(&self.identity, *group, it))
            })
            .collect();
        let mut records = Vec::new();
        for ((group, write), draft) in batch.iter().zip(&drafts) {
            let mark = draft.as_ref().map(|draft| draft.mark);
            if write.forgets() {
                self.encode(&mut records, record::FORGET, *group, &())?;
            } else if let Some(last) = write.left {
                let kept = self.groups.get(group).map_or(Vote::default(), |kept| kept.vote);
                let left = Left::new(write.vote.unwrap_or(kept), last);
                self.encode(&mut records, record::LEAVE, *group, &left)?;
            } else {
                self.encode(&mut records, record::CHANGE, *group, &Change::of(write, mark))?;
            }
        }
        for ((group, _), draft) in batch.iter().zip(&drafts) {
            let Some(draft) = draft else { continue };
            let saved = draft.save(&mut self.disk);
            saved.map_err(|cause| self.give_up_snapshot(*group, &draft.file, cause))?;
        }
        self.append(&records)?;
        for ((group, write), draft) in batch.iter().zip(&drafts) {
            let mark = draft.as_ref().map(|draft| draft.mark);
            self.take_in(*group, write, mark);
        }
        Ok(())
    }

    /// Forgets a group, which is no longer on this node; certain after [`Storage::sync`].
    ///
    /// # Errors
    /// [`WriteError`]; the group is still stored.
    pub fn forget(&mut self, group: GroupId) -> Result<(), WriteError> {
        self.check_trusted()?;
        let mut record = Vec::new();
        self.encode(&mut record, record::FORGET, group, &())?;
        self.append(&record)?;
        let kept = self.groups.remove(&group);
        let mark = kept.and_then(|kept| kept.snapshot);
        self.unused.extend(mark.map(|mark| snapshot::name(group, &mark)));
        Ok(())
    }

    /// Makes all that was written safe: acknowledge it now.
    ///
    /// # Errors
    /// [`WriteError::Broken`]: acknowledge nothing, and open storage anew.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        self.check_trusted()?;
        if self.segment.settled < self.segment.bytes {
            let file = segment::name(self.segment.number);
            self.disk.sync(&file).map_err(|cause| self.breaks(cause))?;
            self.segment.settled = self.segment.bytes;
        }
        self.remove_unused();
        if self.segment.bytes >= self.segment.roll_at {
            self.roll();
        }
        Ok(())
    }

    fn check_trusted(&self) -> Result<(), WriteError> {
        self.broken.clone().map_or(Ok(()), |cause| Err(WriteError::Broken(cause)))
    }

    fn check_order(&self, batch: &[(GroupId, Write)]) {
        let mut last = BTreeMap::new();
        for (group, write) in batch {
            let last = last.entry(*group).or_insert_with(|| {
                self.groups.get(group).map_or_else(Default::default, Kept::last)
            });
            *last = last_after(*last, write).expect("entries of a group follow one another");
        }
    }

    /// Adds a record that will be at the end of the segment, after `records`.
    fn encode(
        &self,
        records: &mut Vec<u8>,
        kind: u8,
        group: GroupId,
        body: &impl serde::Serialize,
    ) -> Result<(), WriteError> {
        let at = self.segment.bytes + records.len() as u64;
        let place = Place { segment: self.segment.number, at };
        let label = Label { kind, group, settled: self.segment.settled };
        Record::write(records, place, label, body)
            .map_err(|bytes| WriteError::TooLong { bytes, bytes_max: record::BODY_BYTES_MAX })
    }

    fn append(&mut self, records: &[u8]) -> Result<(), WriteError> {
        let file = segment::name(self.segment.number);
        if let Err(cause) = self.disk.append(&file, records) {
            // Some of it may be there. Behind half a record nothing would be found again.
            return match self.disk.truncate(&file, self.segment.bytes) {
                Ok(()) => Err(WriteError::Refused(cause)),
                Err(worse) => Err(self.breaks(worse)),
            };
        }
        self.segment.bytes += records.len() as u64;
        Ok(())
    }

    fn take_in(&mut self, group: GroupId, write: &Write, mark: Option<change::Mark>) {
        let kept = self.groups.entry(group).or_default();
        if let (Some(old), true) = (kept.snapshot, mark.is_some() || write.left.is_some()) {
            self.unused.insert(snapshot::name(group, &old));
        }
        if let Some(mark) = mark {
            self.unused.remove(&snapshot::name(group, &mark));
        }
        if write.forgets() {
            self.groups.remove(&group);
            return;
        }
        if let Some(last) = write.left {
            *kept = Kept::of_left(Left::new(write.vote.unwrap_or(kept.vote), last));
            return;
        }
        let Change { vote, cut_from, snapshot, entries } = Change::of(write, mark);
        let change = Change { vote, cut_from, snapshot, entries: entries.to_vec() };
        kept.apply(change).expect("the order was checked");
    }

    /// A snapshot could not be saved; whatever there is of it is of no use, unless it is the
    /// one in use, sent again. What `unused` holds must stay until the next sync.
    fn give_up_snapshot(&mut self, group: GroupId, file: &str, cause: DiskError) -> WriteError {
        // Should this fail, too, it is tried again before the next one is written.
        drop(self.disk.remove(snapshot::UNNAMED));
        let in_use = self.groups.get(&group).and_then(|kept| kept.snapshot);
        if in_use.is_none_or(|mark| snapshot::name(group, &mark) != file) {
            self.unused.insert(file.to_owned());
        }
        WriteError::Refused(cause)
    }

    fn breaks(&mut self, cause: DiskError) -> WriteError {
        self.broken = Some(cause.clone());
        WriteError::Broken(cause)
    }

    /// Files of ours that are not part of what is stored.
    fn unneeded(&self, files: Vec<String>) -> BTreeSet<String> {
        let marked = self.groups.iter().filter_map(|(group, kept)| {
            kept.snapshot.as_ref().map(|mark| snapshot::name(*group, mark))
        });
        let marked: BTreeSet<String> = marked.collect();
        let unneeded = |file: &String| {
            file == segment::UNNAMED
                || file == snapshot::UNNAMED
                || segment::of_name(file).is_some_and(|number| number < self.segment.first)
                || (file.starts_with(snapshot::PREFIX) && !marked.contains(file))
        };
        files.into_iter().filter(unneeded).collect()
    }

    /// Removes files that are no longer needed. One that stays is tried at the next sync, and
    /// at the next opening.
    fn remove_unused(&mut self) {
        let disk = &mut self.disk;
        self.unused.retain(|file| snapshot::remove_if_there(disk, file).is_err());
    }
}
