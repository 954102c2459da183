//! What membership wants done or known.

use std::fmt;

use nexus_base::Time;

use super::about::{self, Metadata};
use super::address::Address;
use super::identity::{Identity, Life};
use crate::NodeId;

/// What is to be done or to be known, in the order polled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Send a datagram. It may be lost, doubled, late.
    Send {
        /// Where to.
        to: Address,
        /// At most [`super::DATAGRAM_BYTES_MAX`] less [`super::SEAL_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// The member is up: it is new, is back, is cleared of a suspicion, or tells
    /// something new of itself.
    Up(Member),
    /// The member does not answer. It has some time to clear itself.
    Suspect(Member),
    /// The member is down as far as anybody can tell.
    Down(Member),
    /// The member said that it leaves.
    Left(Member),
    /// This node had been called down, and is back under a renewed identity.
    Rejoined(Life),
    /// Two processes are the same node.
    Conflict(Conflict),
}

/// Two processes that are the same node at the same time. The greater [`Life`] keeps the
/// place: the one started later, and between equal starts the one with the greater birth.
///
/// A datagram that was still under way when its sender was started anew is reported as
/// well; nobody can tell it from one sent just now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// Which node.
    pub node: NodeId,
    /// The process that is the node from here on.
    pub kept: Life,
    /// The process that is not. If it is this one, it has stopped taking part.
    pub refused: Life,
}

/// What is known of a node in the cluster.
#[derive(Clone)]
pub struct Member {
    pub(super) identity: Identity,
    pub(super) state: MemberState,
    pub(super) since: Time,
}

impl Member {
    /// Which node.
    pub fn node(&self) -> NodeId {
        self.identity.life.node
    }

    /// Which life of it.
    pub fn life(&self) -> Life {
        self.identity.life
    }

    /// Where it is reached.
    pub fn address(&self) -> Address {
        self.identity.address()
    }

    /// What it tells of itself.
    pub fn metadata(&self) -> Metadata {
        about::metadata(&self.identity.about)
    }

    /// How it is.
    pub fn state(&self) -> MemberState {
        self.state
    }

    /// Since when, as this node sees it.
    pub fn since(&self) -> Time {
        self.since
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Member) -> bool {
        (&self.identity, self.state, self.since) == (&other.identity, other.state, other.since)
    }
}

impl Eq for Member {}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (life, state, since) = (self.life(), self.state, self.since);
        write!(f, "{life}@{} {state} since {since}", self.address())
    }
}

/// How a member is, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MemberState {
    /// It answers.
    Up,
    /// It did not answer, and has some time to say otherwise.
    Suspect,
    /// It did not.
    Down,
    /// It said that it leaves.
    Left,
}

impl MemberState {
    /// Whether it counts as there: up, or only suspected.
    pub fn is_active(self) -> bool {
        matches!(self, MemberState::Up | MemberState::Suspect)
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MemberState::Up => "up",
            MemberState::Suspect => "suspect",
            MemberState::Down => "down",
            MemberState::Left => "left",
        })
    }
}

/// How this node itself takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It knows of nobody else.
    Alone,
    /// It is in contact with others.
    Joined,
    /// It has left.
    Left,
    /// Another process is this node; see [`Conflict`].
    Replaced,
}
