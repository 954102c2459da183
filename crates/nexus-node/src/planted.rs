//! Bugs planted on purpose, so that the checkers can be seen to find them.

/// A bug that a node can be given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Planted {
    /// One of what its shards keep.
    #[cfg(feature = "mutants")]
    Shard(crate::shard::Planted),
    /// One of the locks.
    #[cfg(feature = "mutants")]
    Lock(nexus_cluster::lock::Planted),
    /// What a step emits leaves when it is proposed, not when it is committed.
    ReplyBeforeCommit,
    /// Agents stay active when the term is lost, and go on in the next one that is led here.
    KeepsActivations,
    /// A read leaves without asking whether somebody else leads by now.
    ReadUnconfirmed,
    /// Who holds a lock counts its lease from when he is told, not from when he asked.
    LeaseFromTold,
    /// Leases of locks end by the clock of whoever leads, which may count from elsewhere than
    /// that of who led before.
    LeaseByOneClock,
    /// Neither who holds a lock nor who ends its lease minds that clocks differ.
    LeaseUnmargined,
    /// A node lets in who comes for a local agent, though the agent has that name no more, or
    /// is of another start of the node.
    StaleEntry,
}

#[cfg(feature = "mutants")]
impl Planted {
    /// All of the node itself.
    pub const OF_NODE: [Planted; 7] = [
        Planted::ReplyBeforeCommit,
        Planted::KeepsActivations,
        Planted::ReadUnconfirmed,
        Planted::LeaseFromTold,
        Planted::LeaseByOneClock,
        Planted::LeaseUnmargined,
        Planted::StaleEntry,
    ];
}
