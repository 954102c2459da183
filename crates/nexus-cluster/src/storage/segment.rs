//! The head of a file of the log, and files' names.
//!
//! ```text
//!  0  magic     8
//!  8  format    4   then 4 of zero
//! 16  cluster  16
//! 32  node      8
//! 40  build     8   which program wrote it: for people
//! 48  number    8   of the segment; the file is named for it
//! 56  first     8   the oldest segment that is still part of the log
//! 64  previous  8   bytes of the segment before, all synced
//! 72  settled   8   bytes of this one that were synced before it got its name
//! 80  checksum  8   xxh3-64 of the above
//! 88  records
//! ```

use xxhash_rust::xxh3::xxh3_64;

use super::errors::OpenError;
use super::{FORMAT, Identity};
use crate::{ClusterId, NodeId};

/// Bytes before the first record.
pub(super) const HEAD_BYTES: usize = 88;

/// What a segment is called until it is whole.
pub(super) const UNNAMED: &str = "new-log";

const MAGIC: [u8; 8] = *b"NxsLog\r\n";

/// What a segment says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub number: u64,
    pub first: u64,
    pub previous_bytes: u64,
    pub settled: u64,
}

impl Head {
    pub fn write(&self, identity: &Identity) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..8].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        write_identity(&mut head, identity);
        head[48..56].copy_from_slice(&self.number.to_le_bytes());
        head[56..64].copy_from_slice(&self.first.to_le_bytes());
        head[64..72].copy_from_slice(&self.previous_bytes.to_le_bytes());
        head[72..80].copy_from_slice(&self.settled.to_le_bytes());
        let sum = xxh3_64(&head[..80]);
        head[80..].copy_from_slice(&sum.to_le_bytes());
        head
    }

    /// The head of `file`, of which `bytes` is the beginning.
    ///
    /// A segment gets its name when it is whole, so a torn head is a damaged one.
    pub fn read(file: &str, bytes: &[u8], identity: &Identity) -> Result<Head, OpenError> {
        let head = check_front(file, bytes, HEAD_BYTES, &MAGIC)?;
        if number(head, 80) != xxh3_64(&head[..80]) {
            return Err(damaged(file, 0, "the checksum of its head does not match"));
        }
        check_identity(file, head, identity)?;
        let of = |at| number(head, at);
        let head = Head { number: of(48), first: of(56), previous_bytes: of(64), settled: of(72) };
        if name(head.number) != file || head.first > head.number {
            return Err(damaged(file, 48, "it is another segment than it is named for"));
        }
        Ok(head)
    }
}

/// The file of a segment.
pub(super) fn name(number: u64) -> String {
    format!("log-{number:020}")
}

/// The segment of a file, if it is one.
pub(super) fn of_name(file: &str) -> Option<u64> {
    let number = file.strip_prefix("log-")?.parse().ok()?;
    (name(number) == file).then_some(number)
}

/// Writes to whom a file belongs, where segments and snapshots both have it.
pub(super) fn write_identity(head: &mut [u8], identity: &Identity) {
    head[16..32].copy_from_slice(&identity.cluster.0.to_le_bytes());
    head[32..40].copy_from_slice(&identity.node.0.to_le_bytes());
    head[40..48].copy_from_slice(&identity.build.to_le_bytes());
}

/// Whether a file is one of ours: magic and format, in front of all that may change.
pub(super) fn check_front<'a>(
    file: &str,
    bytes: &'a [u8],
    head_bytes: usize,
    magic: &[u8; 8],
) -> Result<&'a [u8], OpenError> {
    let front = bytes.get(..16).filter(|front| front[..8] == *magic);
    let front = front.ok_or_else(|| damaged(file, 0, "it does not begin as it must"))?;
    let found = u32::from_le_bytes(front[8..12].try_into().expect("four bytes"));
    if found != FORMAT {
        return Err(OpenError::Format { file: file.to_owned(), found, known: FORMAT });
    }
    bytes.get(..head_bytes).ok_or_else(|| damaged(file, 0, "its head is cut off"))
}

/// Whether a file belongs to this node; its checksum is right already.
pub(super) fn check_identity(
    file: &str,
    head: &[u8],
    identity: &Identity,
) -> Result<(), OpenError> {
    let cluster = u128::from_le_bytes(head[16..32].try_into().expect("sixteen bytes"));
    let (file, ours) = (file.to_owned(), identity);
    if ClusterId(cluster) != ours.cluster {
        let found = ClusterId(cluster);
        return Err(OpenError::OtherCluster { file, found, ours: ours.cluster });
    }
    let found = NodeId(number(head, 32));
    if found != ours.node {
        return Err(OpenError::OtherNode { file, found, ours: ours.node });
    }
    Ok(())
}

pub(super) fn damaged(file: &str, at: u64, what: &'static str) -> OpenError {
    OpenError::Damaged { file: file.to_owned(), at, what }
}

pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
