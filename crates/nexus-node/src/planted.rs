//! Bugs planted on purpose, so that the checkers can be seen to find them.

/// A bug that a node can be given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Planted {
    /// One of what its shards keep.
    #[cfg(feature = "mutants")]
    Shard(crate::shard::Planted),
    /// What a step emits leaves when it is proposed, not when it is committed.
    ReplyBeforeCommit,
    /// Agents stay active when the term is lost, and go on in the next one that is led here.
    KeepsActivations,
    /// A read leaves without asking whether somebody else leads by now.
    ReadUnconfirmed,
}

#[cfg(feature = "mutants")]
impl Planted {
    /// All of the node itself.
    pub const OF_NODE: [Planted; 3] =
        [Planted::ReplyBeforeCommit, Planted::KeepsActivations, Planted::ReadUnconfirmed];
}
