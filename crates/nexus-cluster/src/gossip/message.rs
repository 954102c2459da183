//! What nodes say to each other in a round.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::NodeId;

/// Which way values go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Mode {
    /// From who begins to who answers.
    Push,
    /// From who answers to who begins.
    Pull,
    /// Both.
    PushPull,
}

impl Mode {
    pub(super) const fn pushes(self) -> bool {
        matches!(self, Mode::Push | Mode::PushPull)
    }

    pub(super) const fn pulls(self) -> bool {
        matches!(self, Mode::Pull | Mode::PushPull)
    }
}

/// One message of an exchange: begin, answer, end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// How far I have heard.
    Begin {
        /// Which way values shall go.
        mode: Mode,
        /// The first node that it is about.
        from: NodeId,
        /// The last; of those between that are not in `known` I have heard nothing.
        to: NodeId,
        /// How far, by node.
        known: Vec<Known>,
    },
    /// What you lack, and what I lack.
    Answer {
        /// How far I am with those of whom you know more.
        wants: Vec<Known>,
        /// What you lack.
        news: Vec<News>,
    },
    /// What you lacked.
    End {
        /// That.
        news: Vec<News>,
    },
}

impl Message {
    /// Bytes of a message without what is in its lists, at most.
    pub(super) const BYTES_MAX: usize = 32;
}

/// How far a node has been heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Who.
    pub node: NodeId,
    /// In which of its lives.
    pub incarnation: u64,
    /// Up to which version, in that life.
    pub version: u64,
}

impl Known {
    /// Bytes of it in a message, at most: three numbers of up to ten bytes.
    pub(super) const BYTES_MAX: usize = 30;

    pub(super) const fn new(node: NodeId, (incarnation, version): (u64, u64)) -> Known {
        Known { node, incarnation, version }
    }

    pub(super) const fn heard(&self) -> (u64, u64) {
        (self.incarnation, self.version)
    }
}

/// What a node said, between two versions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct News {
    /// Who said it.
    pub node: NodeId,
    /// In which of its lives.
    pub incarnation: u64,
    /// All it said after this version, up to the last of `entries`.
    pub after: u64,
    /// In order of version.
    pub entries: Vec<Entry>,
}

impl News {
    /// Bytes of it without entries, at most.
    pub(super) const BYTES_MAX: usize = 40;
}

/// One named value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Grows with everything the node says.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

impl Entry {
    /// Bytes of it in a message, at most.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.len() + 20
    }
}
