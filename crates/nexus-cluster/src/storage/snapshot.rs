//! A snapshot in a file of its own.
//!
//! ```text
//!  0  magic          8
//!  8  format         4
//! 12  members bytes  4
//! 16  cluster       16
//! 32  node           8
//! 40  build          8
//! 48  group          8
//! 56  term           8   of the last entry it holds
//! 64  index          8
//! 72  state bytes    8
//! 80  checksum       8   xxh3-64 of the above, members and state; the log repeats it
//! 88  members, state
//! ```

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use super::change::Mark;
use super::errors::OpenError;
use super::segment::{check_front, check_identity, damaged, number, write_identity};
use super::{FORMAT, Identity};
use crate::raft::{Index, Members, Snapshot, Term};
use crate::{Disk, DiskError, GroupId};

/// What a snapshot is called until it is whole.
pub(super) const UNNAMED: &str = "new-snapshot";

/// What the files of snapshots begin with.
pub(super) const PREFIX: &str = "snapshot-";

const HEAD_BYTES: usize = 88;

const MAGIC: [u8; 8] = *b"NxsSnap\n";

/// A snapshot about to be written.
pub(super) struct Draft<'a> {
    pub file: String,
    pub mark: Mark,
    front: Vec<u8>,
    state: &'a Bytes,
}

impl<'a> Draft<'a> {
    pub fn new(identity: &Identity, group: GroupId, snapshot: &'a Snapshot) -> Draft<'a> {
        let members = postcard::to_allocvec(&snapshot.members).expect("a group has few members");
        let (term, index) = snapshot.last;
        let mut front = vec![0; HEAD_BYTES];
        front[..8].copy_from_slice(&MAGIC);
        front[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        front[12..16].copy_from_slice(&(members.len() as u32).to_le_bytes());
        write_identity(&mut front, identity);
        front[48..56].copy_from_slice(&group.0.to_le_bytes());
        front[56..64].copy_from_slice(&term.0.to_le_bytes());
        front[64..72].copy_from_slice(&index.0.to_le_bytes());
        front[72..80].copy_from_slice(&(snapshot.state.len() as u64).to_le_bytes());
        front.extend_from_slice(&members);
        let checksum = checksum(&front, &snapshot.state);
        front[80..88].copy_from_slice(&checksum.to_le_bytes());
        let mark = Mark { last: snapshot.last, checksum };
        Draft { file: name(group, &mark), mark, front, state: &snapshot.state }
    }

    /// Writes and syncs it, and gives it its name.
    pub fn save(&self, disk: &mut impl Disk) -> Result<(), DiskError> {
        remove_if_there(disk, UNNAMED)?;
        disk.append(UNNAMED, &self.front)?;
        disk.append(UNNAMED, self.state)?;
        disk.sync(UNNAMED)?;
        disk.rename(UNNAMED, &self.file)?;
        disk.sync(&self.file)
    }
}

/// Reads the snapshot that the log speaks of.
pub(super) fn load(
    disk: &impl Disk,
    identity: &Identity,
    group: GroupId,
    mark: &Mark,
) -> Result<Snapshot, OpenError> {
    let file = name(group, mark);
    let bytes = match disk.len(&file) {
        Ok(bytes) => usize::try_from(bytes).map_err(|_| damaged(&file, 0, "it is too long"))?,
        Err(DiskError::Missing(_)) => {
            return Err(OpenError::Missing { file, needed_by: format!("group {group}") });
        }
        Err(other) => return Err(other.into()),
    };
    let bytes = Bytes::from(disk.read(&file, 0, bytes)?);
    let head = check_front(&file, &bytes, HEAD_BYTES, &MAGIC)?;
    let members_bytes = (number(head, 8) >> 32) as usize;
    let state_bytes = (bytes.len() - HEAD_BYTES).checked_sub(members_bytes);
    let Some(state_bytes) = state_bytes.filter(|count| *count as u64 == number(head, 72)) else {
        return Err(damaged(&file, 72, "it is longer or shorter than it says"));
    };
    let (front, state) = bytes.split_at(bytes.len() - state_bytes);
    if checksum(front, state) != number(head, 80) {
        return Err(damaged(&file, 0, "its checksum does not match"));
    }
    check_identity(&file, head, identity)?;
    let members = match postcard::take_from_bytes::<Members>(&front[HEAD_BYTES..]) {
        Ok((members, [])) => members,
        _ => return Err(damaged(&file, HEAD_BYTES as u64, "its members cannot be read")),
    };
    let last = (Term(number(head, 56)), Index(number(head, 64)));
    let told = Mark { last, checksum: number(head, 80) };
    if GroupId(number(head, 48)) != group || told != *mark {
        return Err(damaged(&file, 48, "it is another snapshot than the log speaks of"));
    }
    Ok(Snapshot { last, members, state: bytes.slice(bytes.len() - state_bytes..) })
}

/// The file of a snapshot. The checksum is part of it: a leader may send another snapshot
/// of the same entry, and the one in use must not be written over.
pub(super) fn name(group: GroupId, mark: &Mark) -> String {
    format!("{PREFIX}{}-{}-{:016x}", group.0, mark.last.1.0, mark.checksum)
}

/// Removes a file, should it be there.
pub(super) fn remove_if_there(disk: &mut impl Disk, file: &str) -> Result<(), DiskError> {
    match disk.remove(file) {
        Err(DiskError::Missing(_)) | Ok(()) => Ok(()),
        Err(other) => Err(other),
    }
}

/// Of everything but the checksum itself.
fn checksum(front: &[u8], state: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&front[..80]);
    hash.update(&front[88..]);
    hash.update(state);
    hash.digest()
}
