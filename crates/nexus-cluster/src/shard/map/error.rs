//! Why a change of the map was refused.

use super::{HANDOFFS_MAX, HandoffId, Leader, REPLICAS_MAX, SHARDS_MAX, ShardId};

/// Why a change of the map was refused. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// Ask the map which shards there are.
    #[error("there is no {shard}")]
    UnknownShard {
        /// Which was named.
        shard: ShardId,
    },
    /// Its number was never given out.
    #[error("there was never a {handoff}")]
    UnknownHandoff {
        /// Which was named.
        handoff: HandoffId,
    },
    /// No slots were named, or some that are another's. Ask the map who owns them.
    #[error("{shard} does not own these slots, or none were named")]
    NotOwned {
        /// Whose they were said to be.
        shard: ShardId,
    },
    /// A shard keeps at least one slot; merge it to end it.
    #[error("these are all slots of {shard}: merge it instead")]
    AllSlots {
        /// Whose.
        shard: ShardId,
    },
    /// Trying again helps once that handoff is over.
    #[error("{shard} takes part in another handoff; try again after it")]
    InHandoff {
        /// Which.
        shard: ShardId,
    },
    /// Name two different shards.
    #[error("{shard} cannot hand slots to itself")]
    ToItself {
        /// Which.
        shard: ShardId,
    },
    /// Trying again helps once some are over.
    #[error("{HANDOFFS_MAX} handoffs are under way, which is the most")]
    Busy,
    /// Merge some first.
    #[error("there are {SHARDS_MAX} shards, which is the most")]
    TooManyShards,
    /// Name other nodes.
    #[error(
        "1 to {REPLICAS_MAX} different nodes keep a shard or the map, or vote, not these {count}"
    )]
    Replicas {
        /// How many were named.
        count: usize,
    },
    /// It has just been made. Trying again helps once somebody leads it.
    #[error("{shard} has not been led yet, so it stays where it is")]
    NotLed {
        /// Which.
        shard: ShardId,
    },
    /// The news was old. Nothing is to be done.
    #[error("{shard} has a leader of a later term, or another of the same: {known:?}")]
    OldTerm {
        /// Which.
        shard: ShardId,
        /// Who is known to lead it.
        known: Leader,
    },
    /// The destination has not stored the snapshot. Trying again helps once it has.
    #[error("{handoff} cannot be committed before its destination has what is in the slots")]
    TooEarly {
        /// Which.
        handoff: HandoffId,
    },
    /// The source keeps the slots. Begin another handoff.
    #[error("{handoff} was given up")]
    WasAborted {
        /// Which.
        handoff: HandoffId,
    },
    /// The destination owns the slots. Hand them back with another handoff.
    #[error("{handoff} is committed")]
    WasCommitted {
        /// Which.
        handoff: HandoffId,
    },
}
