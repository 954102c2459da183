//! One record of the log.
//!
//! ```text
//!  0  magic       4
//!  4  kind        1   then 3 of zero
//!  8  body bytes  4
//! 12  head check  4   of the head, so that a lying length shows before the body is read
//! 16  group       8
//! 24  settled     8   bytes of the segment that were synced when this was written
//! 32  checksum    8   xxh3-64 of the head before it and the body
//! 40  body
//! ```
//!
//! Both sums begin with the record's place, segment and offset: a copy of it elsewhere, say
//! inside a command that somebody stored, is no record.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use crate::GroupId;

/// Bytes before the body.
pub(super) const HEAD_BYTES: usize = 40;

/// The most bytes of a body.
/// Source: four times what a leader with default bounds may have uncommitted.
pub(super) const BODY_BYTES_MAX: usize = 64 << 20;

/// A change of a group, [`super::change::Change`].
pub(super) const CHANGE: u8 = 1;

/// The group is no longer on this node.
pub(super) const FORGET: u8 = 2;
/// The group is no longer on this node, but what the node has promised in it is,
/// [`super::change::Left`].
pub(super) const LEAVE: u8 = 3;

const MAGIC: [u8; 4] = *b"NxsR";

/// Where a record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub segment: u64,
    pub at: u64,
}

/// What a record says beside its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub kind: u8,
    pub group: GroupId,
    pub settled: u64,
}

/// A record, read and found whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub label: Label,
    pub body: &'a [u8],
}

impl<'a> Record<'a> {
    /// Adds a record to `out`.
    ///
    /// # Errors
    /// The length of a body that is too long; `out` is not to be used then.
    pub fn write(
        out: &mut Vec<u8>,
        place: Place,
        label: Label,
        body: &impl Serialize,
    ) -> Result<(), usize> {
        let start = out.len();
        out.resize(start + HEAD_BYTES, 0);
        let taken = std::mem::take(out);
        *out = postcard::to_extend(body, taken).expect("a group has few members");
        let (head, body) = out[start..].split_at_mut(HEAD_BYTES);
        if body.len() > BODY_BYTES_MAX {
            return Err(body.len());
        }
        head[..4].copy_from_slice(&MAGIC);
        head[4] = label.kind;
        head[8..12].copy_from_slice(&(body.len() as u32).to_le_bytes());
        head[16..24].copy_from_slice(&label.group.0.to_le_bytes());
        head[24..32].copy_from_slice(&label.settled.to_le_bytes());
        let check = head_check(place, head);
        head[12..16].copy_from_slice(&check.to_le_bytes());
        let sum = checksum(place, head, body);
        head[32..40].copy_from_slice(&sum.to_le_bytes());
        Ok(())
    }

    /// The record at the front of `bytes`, if it is whole.
    ///
    /// # Errors
    /// What is wrong.
    pub fn read(place: Place, bytes: &'a [u8]) -> Result<Record<'a>, &'static str> {
        let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) else {
            return Err("the head of a record is cut off");
        };
        if head[..4] != MAGIC || head[12..16] != head_check(place, head).to_le_bytes() {
            return Err("no record begins here");
        }
        let bytes = number(head, 8) as u32 as usize;
        if bytes > BODY_BYTES_MAX || head[5..8] != [0; 3] {
            return Err("the head of a record says what none can");
        }
        let Some(body) = rest.get(..bytes) else { return Err("the body of a record is cut off") };
        if head[32..40] != checksum(place, head, body).to_le_bytes() {
            return Err("the checksum of a record does not match");
        }
        let (kind, group, settled) = (head[4], GroupId(number(head, 16)), number(head, 24));
        Ok(Record { label: Label { kind, group, settled }, body })
    }

    /// Bytes it takes up.
    pub fn bytes(&self) -> usize {
        HEAD_BYTES + self.body.len()
    }
}

/// Whether a record may begin here; cheap.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

fn head_check(place: Place, head: &[u8]) -> u32 {
    let mut hash = at(place);
    hash.update(&head[..12]);
    hash.update(&head[16..32]);
    hash.digest() as u32
}

fn checksum(place: Place, head: &[u8], body: &[u8]) -> u64 {
    let mut hash = at(place);
    hash.update(&head[..32]);
    hash.update(body);
    hash.digest()
}

fn at(place: Place) -> Xxh3 {
    let mut hash = Xxh3::new();
    hash.update(&place.segment.to_le_bytes());
    hash.update(&place.at.to_le_bytes());
    hash
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
