//! Bugs planted on purpose, so that the checkers can be seen to find them.

/// A bug that the locks can be given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Planted {
    /// Who takes a lock gets the token of who had it before.
    FenceStays,
    /// A claim whose lease has ended takes the lock again: it is not looked at which have.
    TakenAgain,
}

#[cfg(feature = "mutants")]
impl Planted {
    /// All of them.
    pub const ALL: [Planted; 2] = [Planted::FenceStays, Planted::TakenAgain];
}
