//! The head of a frame.
//!
//! Fixed size and little-endian, so that it reads the same in every version that follows:
//!
//! ```text
//!  0  magic        4
//!  4  version      1
//!  5  kind         1
//!  6  flags        2   bit 0: the body is compressed
//!  8  group        8
//! 16  sender       8
//! 24  receiver     8
//! 32  body bytes   4   as they follow
//! 36  plain bytes  4   once decompressed; as above if they are not compressed
//! 40  checksum     8   xxh3-64 of the 40 bytes before and the body
//! ```

use xxhash_rust::xxh3::Xxh3;

use super::error::DecodeError;
use super::frame::BODY_BYTES_MAX;
use crate::{GroupId, NodeId};

/// The first bytes of each frame.
pub const MAGIC: [u8; 4] = *b"NxsW";

/// The version of the envelope, and of the bodies we write.
pub const VERSION: u8 = 1;

/// Bytes of a head.
pub const HEAD_BYTES: usize = 48;

/// How many times its size LZ4 can make of a byte, at most; more is a lie.
/// Source: the LZ4 block format, where a byte of length adds at most 255.
const EXPANSION_MAX: usize = 255;

const COMPRESSED: u16 = 1;

/// Who says something to whom, about which group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// About which group; the default one where it is about none.
    pub group: GroupId,
    /// Who says it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
}

/// A head, checked for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub envelope: Envelope,
    pub kind: u8,
    pub compressed: bool,
    pub body_bytes: usize,
    pub plain_bytes: usize,
    checksum: u64,
}

impl Head {
    /// The bytes of a head in front of `body`.
    pub fn write(
        envelope: Envelope,
        kind: u8,
        plain_bytes: usize,
        compressed: bool,
        body: &[u8],
    ) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&MAGIC);
        head[4] = VERSION;
        head[5] = kind;
        head[6..8].copy_from_slice(&u16::from(compressed).to_le_bytes());
        head[8..16].copy_from_slice(&envelope.group.0.to_le_bytes());
        head[16..24].copy_from_slice(&envelope.from.0.to_le_bytes());
        head[24..32].copy_from_slice(&envelope.to.0.to_le_bytes());
        head[32..36].copy_from_slice(&size(body.len()).to_le_bytes());
        head[36..40].copy_from_slice(&size(plain_bytes).to_le_bytes());
        let sum = checksum(&head, body);
        head[40..].copy_from_slice(&sum.to_le_bytes());
        head
    }

    /// Reads a head; its checksum is checked with the body, by [`Head::verify`].
    pub fn read(bytes: &[u8; HEAD_BYTES]) -> Result<Head, DecodeError> {
        if bytes[..4] != MAGIC {
            return Err(DecodeError::Magic);
        }
        if bytes[4] != VERSION {
            return Err(DecodeError::Version { found: bytes[4] });
        }
        let flags = u16::from_le_bytes([bytes[6], bytes[7]]);
        if flags & !COMPRESSED != 0 {
            return Err(DecodeError::Flags { found: flags });
        }
        let head = Head {
            envelope: Envelope {
                group: GroupId(number(bytes, 8)),
                from: NodeId(number(bytes, 16)),
                to: NodeId(number(bytes, 24)),
            },
            kind: bytes[5],
            compressed: flags & COMPRESSED != 0,
            body_bytes: number(bytes, 32) as u32 as usize,
            plain_bytes: (number(bytes, 32) >> 32) as usize,
            checksum: number(bytes, 40),
        };
        head.check_sizes()?;
        Ok(head)
    }

    /// Whether head and body are as they were sent.
    pub fn verify(&self, head: &[u8], body: &[u8]) -> Result<(), DecodeError> {
        if checksum(head, body) == self.checksum { Ok(()) } else { Err(DecodeError::Checksum) }
    }

    fn check_sizes(&self) -> Result<(), DecodeError> {
        let bytes = self.body_bytes.max(self.plain_bytes);
        if bytes > BODY_BYTES_MAX {
            return Err(DecodeError::TooLong { bytes });
        }
        let plausible = if self.compressed {
            self.plain_bytes <= self.body_bytes * EXPANSION_MAX
        } else {
            self.plain_bytes == self.body_bytes
        };
        if plausible { Ok(()) } else { Err(DecodeError::Sizes) }
    }
}

fn checksum(head: &[u8], body: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&head[..40]);
    hash.update(body);
    hash.digest()
}

fn number(bytes: &[u8; HEAD_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a body was measured before")
}
