//! What a frame can hold.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::error::{DecodeError, EncodeError};
use super::greeting::Greeting;
use crate::raft;

/// What is said.
///
/// A part that has a language of its own (gossip, membership, mail between agents) hands its
/// bytes in and gets them out; another kind is a line here and one in [`Kind`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Content {
    /// Between the two ends of a new connection.
    Greeting(Greeting),
    /// Between members of the group that the envelope names.
    Raft(raft::Message),
    /// Who is alive.
    Membership(Bytes),
    /// What everybody shall know in the end.
    Gossip(Bytes),
    /// Who is where.
    Directory(Bytes),
    /// Between agents.
    Mail(Bytes),
}

/// Which [`Content`] a frame holds. The numbers are on the wire and stay.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// [`Content::Greeting`].
    Greeting = 1,
    /// [`Content::Raft`].
    Raft = 2,
    /// [`Content::Membership`].
    Membership = 3,
    /// [`Content::Gossip`].
    Gossip = 4,
    /// [`Content::Directory`].
    Directory = 5,
    /// [`Content::Mail`].
    Mail = 6,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::Greeting, Kind::Raft, Kind::Membership, Kind::Gossip, Kind::Directory, Kind::Mail];

    /// The kind of a number in a head.
    pub(super) fn of(number: u8) -> Result<Kind, DecodeError> {
        let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == number);
        kind.ok_or(DecodeError::Kind { found: number })
    }
}

impl Content {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Content::Greeting(_) => Kind::Greeting,
            Content::Raft(_) => Kind::Raft,
            Content::Membership(_) => Kind::Membership,
            Content::Gossip(_) => Kind::Gossip,
            Content::Directory(_) => Kind::Directory,
            Content::Mail(_) => Kind::Mail,
        }
    }

    /// Adds its bytes to `out`.
    pub(super) fn write(&self, mut out: Vec<u8>) -> Result<Vec<u8>, EncodeError> {
        match self {
            Content::Greeting(greeting) => {
                postcard::to_extend(greeting, out).map_err(EncodeError::TooMany)
            }
            Content::Raft(message) => {
                postcard::to_extend(message, out).map_err(EncodeError::TooMany)
            }
            Content::Membership(bytes)
            | Content::Gossip(bytes)
            | Content::Directory(bytes)
            | Content::Mail(bytes) => {
                out.extend_from_slice(bytes);
                Ok(out)
            }
        }
    }

    /// What the body of a frame says.
    pub(super) fn read(kind: Kind, body: Bytes) -> Result<Content, DecodeError> {
        Ok(match kind {
            Kind::Greeting => Content::Greeting(whole(&body)?),
            Kind::Raft => Content::Raft(whole(&body)?),
            Kind::Membership => Content::Membership(body),
            Kind::Gossip => Content::Gossip(body),
            Kind::Directory => Content::Directory(body),
            Kind::Mail => Content::Mail(body),
        })
    }
}

/// Reads a value that takes up all of `bytes`.
fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(DecodeError::Trailing { count: rest.len() }),
        Err(cause) => Err(DecodeError::Body(cause)),
    }
}
