//! Why a datagram was not taken in, and how often.

use super::address::Address;
use crate::NodeId;

/// Why a datagram was not taken in. Nothing has changed but the counts.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatagramError {
    /// Longer than any of ours.
    #[error("a datagram of {bytes} bytes is longer than any of ours")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It speaks another version of the protocol. Bring the older node up to date.
    #[error("the sender speaks version {theirs} of the protocol")]
    Version {
        /// The sender's version.
        theirs: u8,
    },
    /// Cut off, changed on the way, or of another cluster.
    #[error("the datagram is damaged, or of another cluster")]
    Damaged,
    /// Whole, and yet not what one of ours would send.
    #[error("the datagram makes no sense: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is for another node, or for a life of this one that has ended.
    #[error("the datagram is for somebody else")]
    NotForUs,
    /// This node sent it itself.
    #[error("the datagram is our own")]
    Own,
    /// Another process of the sender's node counts. The sender was told, and a
    /// [`super::Conflict`] has been reported.
    #[error("another process of {node} has taken the place of the sender at {from}")]
    Outranked {
        /// The node of which there are two.
        node: NodeId,
        /// Where the datagram came from.
        from: Address,
    },
    /// There is no room for one more member. Raise `members_max`.
    #[error("there are as many members as are allowed")]
    Full,
    /// Effects wait to be polled. Poll them, then hand the datagram in again or drop it.
    #[error("{len} effects wait to be polled")]
    Behind {
        /// How many wait.
        len: usize,
    },
    /// This node has left, or another has its place. Make a new one.
    #[error("this node is no longer a member")]
    Over,
}

/// What has been sent, taken in and refused since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Datagrams sent.
    pub sent: u64,
    /// Bytes in them.
    pub sent_bytes: u64,
    /// Datagrams handed in.
    pub received: u64,
    /// Of these, too long, damaged or without sense.
    pub damaged: u64,
    /// Of these, in another version of the protocol.
    pub other_version: u64,
    /// Of these, for somebody else, or our own.
    pub not_for_us: u64,
    /// Of these, from a process whose place another has.
    pub outranked: u64,
    /// Of these, refused for want of room, or because effects waited.
    pub no_room: u64,
    /// Pieces of news about new members for which there was no room.
    pub news_refused: u64,
    /// Pieces of news that were known already, and dropped for that.
    pub news_known: u64,
    /// Times this node renewed its identity because it had been called down.
    pub rejoins: u64,
    /// Times it was asleep for longer than a probe may take.
    pub stalls: u64,
    /// Contradictions inside; anything above zero is a mistake of ours.
    pub inner_errors: u64,
}

impl Counts {
    pub(super) fn refused(&mut self, error: &DatagramError) {
        let count = match error {
            DatagramError::TooLong { .. } | DatagramError::Damaged => &mut self.damaged,
            DatagramError::Malformed { .. } => &mut self.damaged,
            DatagramError::Version { .. } => &mut self.other_version,
            DatagramError::NotForUs | DatagramError::Own | DatagramError::Over => {
                &mut self.not_for_us
            }
            DatagramError::Outranked { .. } => &mut self.outranked,
            DatagramError::Full | DatagramError::Behind { .. } => &mut self.no_room,
        };
        *count += 1;
    }
}
