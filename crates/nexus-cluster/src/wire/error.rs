//! What can be wrong with a frame.

use super::envelope::VERSION;
use super::frame::BODY_BYTES_MAX;
use crate::bounded::{ENTRIES_MAX, MEMBERS_MAX};

/// Why bytes are no frame, or a frame says nothing. Nothing was changed by it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The other side speaks something else. Close the connection.
    #[error("these bytes do not begin a frame")]
    Magic,
    /// Close the connection; the handshake agrees on a version before.
    #[error("a frame of version {found}; this node reads version {VERSION}")]
    Version {
        /// The version it is of.
        found: u8,
    },
    /// Close the connection.
    #[error("a frame with flags {found:#06x}, of which this node does not know all")]
    Flags {
        /// All of them.
        found: u16,
    },
    /// Close the connection; nothing was allocated for it.
    #[error("a frame of {bytes} bytes, more than {BODY_BYTES_MAX}")]
    TooLong {
        /// How long it says it is.
        bytes: usize,
    },
    /// Close the connection; nothing was allocated for it.
    #[error("the sizes in the head of a frame contradict each other")]
    Sizes,
    /// Damaged on the way. Close the connection and send again.
    #[error("the checksum of a frame does not match")]
    Checksum,
    /// The bytes end within a frame.
    #[error("a frame ends early: {have} bytes")]
    Cut {
        /// How many there are.
        have: usize,
    },
    /// The frame is dropped, those after it are unharmed.
    #[error("a frame of kind {found}, which this node does not know")]
    Kind {
        /// The kind it says it is of.
        found: u8,
    },
    /// The frame is dropped, those after it are unharmed.
    #[error("the body of a frame does not decompress to the size it states")]
    Compressed,
    /// The frame is dropped, those after it are unharmed.
    #[error("the body of a frame says nothing that its kind can say")]
    Body(#[source] postcard::Error),
    /// More bytes than there should be, after a body or after a frame. Nothing was taken.
    #[error("{count} bytes too many")]
    Trailing {
        /// How many.
        count: usize,
    },
}

impl DecodeError {
    /// Whether nobody can say where the next frame begins, so that the connection is lost.
    pub fn ends_stream(&self) -> bool {
        use DecodeError as E;
        !matches!(self, E::Kind { .. } | E::Compressed | E::Body(_) | E::Trailing { .. })
    }
}

/// Why something does not fit a frame. Nothing was written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Send less at once.
    #[error("{bytes} bytes, more than the {BODY_BYTES_MAX} that fit a frame")]
    TooLong {
        /// How many it takes.
        bytes: usize,
    },
    /// Send fewer at once.
    #[error("more than {ENTRIES_MAX} entries or {MEMBERS_MAX} members at once")]
    TooMany(#[source] postcard::Error),
}
