//! What nodes say to each other, as bytes.
//!
//! A stream of frames: a head of fixed size ([`Envelope`] and what it takes to read on), then
//! a body. [`encode`] makes one, [`FrameReader`] finds them in bytes cut anywhere,
//! [`Frame::open`] says what one holds. [`Handshake`] comes first on every connection.
//!
//! What must stay true:
//!
//! 1. No bytes from outside panic, and nothing is allocated on the word of a length: a
//!    buffer grows as bytes come, and is capped ([`BODY_BYTES_MAX`], [`ENTRIES_MAX`]).
//! 2. What can be encoded can be decoded, and is equal then.
//! 3. Bytes that are left over are an error.
//! 4. A frame that is whole but not understood costs that frame; a damaged head costs the
//!    connection, since nobody knows where the next frame begins.
//!
//! Absent on purpose: sockets, encryption, what the bytes of other parts mean.

mod content;
mod envelope;
mod error;
mod fingerprint;
mod frame;
mod greeting;
mod handshake;
mod reader;

pub use crate::bounded::{ENTRIES_MAX, MEMBERS_MAX};
pub use content::{Content, Kind};
pub use envelope::{Envelope, HEAD_BYTES, MAGIC, VERSION};
pub use error::{DecodeError, EncodeError};
pub use fingerprint::{
    FingerprintError, Fingerprints, KINDS_MAX, NAME_BYTES_MAX, OTHERS_MAX, Schema,
};
pub use frame::{BODY_BYTES_MAX, COMPRESS_ABOVE_BYTES, Frame, decode, encode};
pub use greeting::{Greeting, Hello, Refusal, Start, Versions};
pub use handshake::{Effect, HANDSHAKE_TIMEOUT, Handshake, HandshakeSpec, Peer, Side};
pub use reader::FrameReader;

#[cfg(test)]
mod tests;
