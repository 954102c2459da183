//! Which server: an index for tables, an identity that survives reuse of the index.

use std::fmt;

/// A server's place in the pool's tables: small, dense, reused after it left.
///
/// This is what strategies work with; a place is reused only once everything
/// its last occupant had in flight has ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerIndex(u32);

impl ServerIndex {
    /// The place numbered `index`.
    pub const fn new(index: u32) -> ServerIndex {
        ServerIndex(index)
    }

    /// The number, for indexing a table of one's own.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// Who a server is: its place in the pool and which occupant of that place.
///
/// A report from a server that left, arriving after its place was given away,
/// is told apart by the occupant's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId {
    pub(super) index: ServerIndex,
    pub(super) occupant: u32,
}

impl ServerId {
    /// The server's place. Servers that join an empty pool get 0, 1, 2 and so on.
    pub const fn index(self) -> ServerIndex {
        self.index
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index.0, self.occupant)
    }
}
