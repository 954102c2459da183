//! Finding frames in a stream of bytes.

use bytes::Bytes;

use super::envelope::{HEAD_BYTES, Head};
use super::error::DecodeError;
use super::frame::Frame;

/// Takes bytes cut anywhere and yields whole frames.
///
/// Holds one frame at most, and of that only what has come.
#[derive(Clone, Default, Debug)]
pub struct FrameReader {
    held: Vec<u8>,
    head: Option<Head>,
    broken: Option<DecodeError>,
}

impl FrameReader {
    /// A reader at the beginning of a stream.
    pub fn new() -> FrameReader {
        FrameReader::default()
    }

    /// Takes from the front of `bytes` up to the end of a frame and yields that; none, and
    /// `bytes` empty, if the frame goes on.
    ///
    /// Call it until it yields none.
    ///
    /// # Errors
    /// Those of [`DecodeError`] that end the stream: then it says the same whatever comes.
    pub fn read(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, DecodeError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.advance(bytes).inspect_err(|error| {
            *self = FrameReader { broken: Some(error.clone()), ..FrameReader::default() };
        })
    }

    fn advance(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, DecodeError> {
        let head = match self.head {
            Some(head) => head,
            None => {
                self.take(bytes, HEAD_BYTES);
                let Ok(whole) = self.held.as_slice().try_into() else { return Ok(None) };
                *self.head.insert(Head::read(whole)?)
            }
        };
        self.take(bytes, HEAD_BYTES + head.body_bytes);
        if self.held.len() < HEAD_BYTES + head.body_bytes {
            return Ok(None);
        }
        let (front, body) = self.held.split_at(HEAD_BYTES);
        head.verify(front, body)?;
        let whole = Bytes::from(std::mem::take(&mut self.held));
        self.head = None;
        Ok(Some(Frame::new(&head, whole.slice(HEAD_BYTES..))))
    }

    /// Moves bytes from the front of `bytes` until `wanted` are held.
    fn take(&mut self, bytes: &mut &[u8], wanted: usize) {
        let count = wanted.saturating_sub(self.held.len()).min(bytes.len());
        let (front, rest) = bytes.split_at(count);
        self.held.extend_from_slice(front);
        *bytes = rest;
    }
}
