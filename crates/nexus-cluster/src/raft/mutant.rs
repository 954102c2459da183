//! Bugs planted on purpose, so that the checkers can be seen to find them.

/// A bug that a member can be given, to see whether the checkers find it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mutant {
    /// An entry of an old term is committed by counting who has it.
    OldTermCommitted,
    /// A vote is told of before it is on disk.
    VoteBeforeSync,
    /// An entry is acknowledged before it is on disk.
    AppendBeforeSync,
    /// A leader without a majority keeps leading, and extends its lease by itself.
    LeaseInMinority,
    /// A lease counts from when the answers came, not from when the round was sent.
    LeaseFromAnswer,
    /// A restarted voter votes within a lease it may have promised.
    RestartedVotes,
    /// A leader keeps its lease while it hands over.
    TransferKeepsLease,
    /// A call to stand that comes late releases voters who have heard later rounds.
    LateTransfer,
    /// Entries after a snapshot are dropped though they match.
    SnapshotLosesTail,
    /// A leader that asks who has an entry counts learners too.
    LearnersCount,
    /// While members change, the majority of the new ones is enough.
    OneMajority,
    /// A vote is given to a candidate whose log is behind.
    VoteWithoutLogCheck,
    /// A vote that was given is forgotten, so that another is given in the same term.
    VotesTwice,
    /// What follows the entries of an append is cut off though it does not conflict.
    AppendCutsTail,
    /// A follower takes the leader's commit for its own, past what it knows to match.
    CommitPastMatch,
    /// A voter does not stand by the leader it hears.
    SupportForgotten,
    /// A follower's read is answered by a leader without asking whether it still leads.
    ReadUnconfirmed,
}

#[cfg(feature = "mutants")]
impl Mutant {
    /// All of them.
    pub const ALL: [Mutant; 17] = [
        Mutant::OldTermCommitted,
        Mutant::VoteBeforeSync,
        Mutant::AppendBeforeSync,
        Mutant::LeaseInMinority,
        Mutant::LeaseFromAnswer,
        Mutant::RestartedVotes,
        Mutant::TransferKeepsLease,
        Mutant::LateTransfer,
        Mutant::SnapshotLosesTail,
        Mutant::LearnersCount,
        Mutant::OneMajority,
        Mutant::VoteWithoutLogCheck,
        Mutant::VotesTwice,
        Mutant::AppendCutsTail,
        Mutant::CommitPastMatch,
        Mutant::SupportForgotten,
        Mutant::ReadUnconfirmed,
    ];
}
