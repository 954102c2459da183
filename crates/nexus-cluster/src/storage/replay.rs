//! Reading the log back.

use std::collections::BTreeMap;

use super::change::{Change, Kept, Left};
use super::errors::OpenError;
use super::record::{self, Place, Record};
use super::segment::{self, HEAD_BYTES, Head, damaged};
use super::{CutOff, Identity};
use crate::raft::Entry;
use crate::{Disk, GroupId};

/// What a log comes to.
#[derive(Default)]
pub(super) struct Replay {
    pub groups: BTreeMap<GroupId, Kept>,
    pub cut_off: Option<CutOff>,
    /// The newest segment; none if there is no log.
    pub newest: Option<u64>,
}

impl Replay {
    /// Reads all segments that are part of the log. Changes nothing.
    pub fn run(disk: &impl Disk, identity: &Identity) -> Result<Replay, OpenError> {
        let numbers: Vec<u64> =
            disk.list()?.iter().filter_map(|file| segment::of_name(file)).collect();
        let mut replay = Replay { newest: numbers.last().copied(), ..Replay::default() };
        let Some(newest) = replay.newest else { return Ok(replay) };
        let mut next = head_of(disk, identity, newest)?;
        // Heads first, from the newest back: each says how long the one before must be.
        let mut sealed = Vec::new();
        let first = next.first;
        while next.number > first {
            let number = next.number - 1;
            if numbers.binary_search(&number).is_err() {
                let (file, needed_by) = (segment::name(number), segment::name(next.number));
                return Err(OpenError::Missing { file, needed_by });
            }
            sealed.push((number, next.previous_bytes));
            next = head_of(disk, identity, number)?;
        }
        for (number, bytes) in sealed.into_iter().rev() {
            replay.segment(disk, identity, number, Some(bytes))?;
        }
        replay.segment(disk, identity, newest, None)?;
        Ok(replay)
    }

    /// Takes in one segment, of `sealed` bytes if another follows.
    fn segment(
        &mut self,
        disk: &impl Disk,
        identity: &Identity,
        number: u64,
        sealed: Option<u64>,
    ) -> Result<(), OpenError> {
        let file = segment::name(number);
        let bytes = usize::try_from(disk.len(&file)?)
            .map_err(|_| damaged(&file, 0, "it is longer than memory"))?;
        let mut bytes = disk.read(&file, 0, bytes)?;
        let head = Head::read(&file, &bytes, identity)?;
        let must = sealed.unwrap_or(head.settled);
        if (bytes.len() as u64) < must {
            return Err(damaged(&file, bytes.len() as u64, "it ends early"));
        }
        if let Some(sealed) = sealed {
            bytes.truncate(sealed as usize);
        }
        let mut at = HEAD_BYTES;
        while at < bytes.len() {
            let place = Place { segment: number, at: at as u64 };
            match Record::read(place, &bytes[at..]) {
                Ok(record) => {
                    self.record(&record).map_err(|what| damaged(&file, at as u64, what))?;
                    at += record.bytes();
                }
                Err(what) if (at as u64) < must || settled_later(number, at, &bytes) => {
                    return Err(damaged(&file, at as u64, what));
                }
                Err(_) => {
                    let bytes = (bytes.len() - at) as u64;
                    self.cut_off = Some(CutOff { file, at: at as u64, bytes });
                    break;
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), &'static str> {
        match record.label.kind {
            record::CHANGE => {
                let change = match postcard::take_from_bytes::<Change<Vec<Entry>>>(record.body) {
                    Ok((change, [])) => change,
                    _ => return Err("a record says nothing that one can say"),
                };
                self.groups.entry(record.label.group).or_default().apply(change)
            }
            record::LEAVE => {
                let left = match postcard::take_from_bytes::<Left>(record.body) {
                    Ok((left, [])) => left,
                    _ => return Err("a record says nothing that one can say"),
                };
                self.groups.insert(record.label.group, Kept::of_left(left));
                Ok(())
            }
            record::FORGET => {
                self.groups.remove(&record.label.group);
                Ok(())
            }
            _ => Err("a record is of a kind that this build does not know"),
        }
    }
}

fn head_of(disk: &impl Disk, identity: &Identity, number: u64) -> Result<Head, OpenError> {
    let file = segment::name(number);
    Head::read(&file, &disk.read(&file, 0, HEAD_BYTES)?, identity)
}

/// Whether a whole record after `at` was written when `at` had been synced already. If so,
/// what is wrong at `at` is damage. If not, everything from `at` on was under way when the
/// node stopped, and a disk may have kept any of it.
fn settled_later(segment: u64, at: usize, bytes: &[u8]) -> bool {
    (at + 1..bytes.len()).any(|later| {
        record::may_begin(&bytes[later..])
            && Record::read(Place { segment, at: later as u64 }, &bytes[later..])
                .is_ok_and(|record| record.label.settled > at as u64)
    })
}
