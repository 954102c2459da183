//! One frame, whole.

use bytes::Bytes;

use super::content::{Content, Kind};
use super::envelope::{Envelope, HEAD_BYTES, Head};
use super::error::{DecodeError, EncodeError};
use super::reader::FrameReader;

/// The most bytes of a body, before and after decompressing.
/// Source: a guess. Larger things are cut by who sends them; a follower's buffer and a
/// reader's are of this order.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// Bodies above this many bytes are compressed, if it makes them smaller.
/// Source: the transport's design; below, the work outweighs what a network saves.
pub const COMPRESS_ABOVE_BYTES: usize = 4 << 10;

/// A frame whose bytes are as they were sent; what it says is not looked at yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    envelope: Envelope,
    kind: u8,
    plain_bytes: Option<usize>,
    body: Bytes,
}

impl Frame {
    pub(super) fn new(head: &Head, body: Bytes) -> Frame {
        let plain_bytes = head.compressed.then_some(head.plain_bytes);
        Frame { envelope: head.envelope, kind: head.kind, plain_bytes, body }
    }

    /// Who says it to whom, about which group.
    pub fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// What it says.
    ///
    /// # Errors
    /// Those of [`DecodeError`] that cost this frame only: the stream goes on.
    pub fn open(&self) -> Result<Content, DecodeError> {
        let kind = Kind::of(self.kind)?;
        let body = match self.plain_bytes {
            Some(bytes) => decompress(&self.body, bytes)?,
            None => self.body.clone(),
        };
        Content::read(kind, body)
    }
}

/// The bytes of one frame.
///
/// # Errors
/// [`EncodeError`] if it does not fit one.
pub fn encode(envelope: Envelope, content: &Content) -> Result<Vec<u8>, EncodeError> {
    let mut frame = content.write(vec![0; HEAD_BYTES])?;
    let plain_bytes = frame.len() - HEAD_BYTES;
    if plain_bytes > BODY_BYTES_MAX {
        return Err(EncodeError::TooLong { bytes: plain_bytes });
    }
    let compressed = plain_bytes > COMPRESS_ABOVE_BYTES && compress(&mut frame);
    let kind = content.kind() as u8;
    let head = Head::write(envelope, kind, plain_bytes, compressed, &frame[HEAD_BYTES..]);
    frame[..HEAD_BYTES].copy_from_slice(&head);
    Ok(frame)
}

/// What one frame says, of bytes that hold it and nothing else.
///
/// # Errors
/// [`DecodeError`].
pub fn decode(mut bytes: &[u8]) -> Result<(Envelope, Content), DecodeError> {
    let have = bytes.len();
    let frame = FrameReader::new().read(&mut bytes)?.ok_or(DecodeError::Cut { have })?;
    if !bytes.is_empty() {
        return Err(DecodeError::Trailing { count: bytes.len() });
    }
    Ok((frame.envelope, frame.open()?))
}

/// Compresses what follows the head; false, and nothing is changed, if that gains nothing.
fn compress(frame: &mut Vec<u8>) -> bool {
    let small = lz4_flex::block::compress(&frame[HEAD_BYTES..]);
    let gains = small.len() < frame.len() - HEAD_BYTES;
    if gains {
        frame.truncate(HEAD_BYTES);
        frame.extend_from_slice(&small);
    }
    gains
}

/// `plain_bytes` is capped, and in proportion to `body`, by the check of the head.
fn decompress(body: &[u8], plain_bytes: usize) -> Result<Bytes, DecodeError> {
    let mut plain = vec![0; plain_bytes];
    match lz4_flex::block::decompress_into(body, &mut plain) {
        Ok(bytes) if bytes == plain_bytes => Ok(plain.into()),
        _ => Err(DecodeError::Compressed),
    }
}
