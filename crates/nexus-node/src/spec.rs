//! What a node is like: who it is, whom it knows, how it behaves.

use std::time::Duration;

use nexus_base::{IdSecret, Time};
use nexus_cluster::membership::{self, Address, Me};
use nexus_cluster::shard::placement::CONTROL_MAX;
use nexus_cluster::shard::{MapError, ShardMap};
use nexus_cluster::{NodeId, raft};

use crate::LOCKS_MAX;

/// What a node is like.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Who it is.
    pub id: NodeId,
    /// Which start of it: at least 1, and higher in each. Where there is membership its
    /// [`Me::start`] is taken instead.
    pub incarnation: u64,
    /// The nodes that begin the cluster, the same list at all of them, in the same order. The
    /// first [`CONTROL_MAX`] keep the map of shards, the first three the first shard, until
    /// others have come or they have gone. Of an even number who would keep something the last
    /// one listens.
    pub founders: Vec<NodeId>,
    /// Turns names into ids; the same in all of a cluster.
    pub secret: IdSecret,
    /// As many shards as there shall be; more are made by splitting.
    pub shards: usize,
    /// How its groups behave; the identity and the members in it are not used.
    pub raft: raft::Spec,
    /// What the wall clock said when the node's own clock was at zero. Reminders are due by
    /// the wall clock, since they outlive nodes.
    pub wall: Time,
    /// How it finds out who is alive; without it, it takes its founders for alive.
    pub membership: Option<MembershipSpec>,
    /// How long a node is down before the shards that it keeps, and the map, are kept elsewhere.
    pub replace_after: Duration,
    /// Entries of a group that are applied before a snapshot takes their place.
    pub snapshot_every: u64,
    /// Agents that are active at once, at most; beyond it one that has not been used for long
    /// and waits for nothing leaves memory.
    pub activations_max: usize,
    /// Bytes that active agents take, at most: of each its state, as it was read or written
    /// last, and [`ACTIVE_BYTES`]. Beyond it those leave memory that have not been used for
    /// long and wait for nothing. It is no limit of the process: handlers, mailboxes and what
    /// shards keep are not in it.
    pub active_bytes_max: u64,
    /// Locks of the cluster that are held at once, at most; at least one. Whoever leads the
    /// control group when the first lock is asked for says so to all, for good: what the others
    /// have here, or what it is changed to later, is of no account.
    pub locks_max: usize,
    /// The bug this node has.
    #[cfg(feature = "mutants")]
    pub planted: Option<crate::Planted>,
}

/// How a node finds out who is alive.
#[derive(Clone, Debug)]
pub struct MembershipSpec {
    /// How the protocol behaves.
    pub spec: membership::Spec,
    /// What it tells of itself.
    pub me: Me,
    /// Whom it asks to be let in.
    pub seeds: Vec<Address>,
}

/// How long a node is down before others keep what it kept. A guess: longer than a restart,
/// since copying costs more than waiting.
const REPLACE_AFTER: Duration = Duration::from_secs(30);

/// Entries applied before a snapshot. A guess: some seconds of a busy shard.
const SNAPSHOT_EVERY: u64 = 10_000;

/// Agents active at once. A guess: the runtime's own target for one node.
pub const ACTIVATIONS_MAX: usize = 1_000_000;

/// What an active agent counts for beside its state: its cell, its name, and its places in
/// the tables of its node. Source: the project's budget for an idle agent, which is an upper
/// bound.
pub const ACTIVE_BYTES: u64 = 1_024;

/// Bytes of active agents. A guess: a sixth of a machine of 24 GiB, and so much that a
/// million agents, the other limit, may have three kilobytes of state each.
const ACTIVE_BYTES_MAX: u64 = 4 << 30;

impl NodeSpec {
    /// The defaults for one node of a cluster that `founders` begin.
    pub fn new(id: NodeId, founders: Vec<NodeId>, secret: IdSecret) -> NodeSpec {
        NodeSpec {
            id,
            incarnation: 1,
            shards: nexus_cluster::shard::placement::shard_count(founders.len()),
            founders,
            secret,
            raft: raft::Spec::new(id, []),
            wall: Time::ZERO,
            membership: None,
            replace_after: REPLACE_AFTER,
            snapshot_every: SNAPSHOT_EVERY,
            activations_max: ACTIVATIONS_MAX,
            active_bytes_max: ACTIVE_BYTES_MAX,
            locks_max: LOCKS_MAX,
            #[cfg(feature = "mutants")]
            planted: None,
        }
    }

    /// Who keeps the map of shards when the cluster begins.
    pub(crate) fn control(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.founders.iter().copied().take(CONTROL_MAX)
    }

    /// Who keeps the first shard when the cluster begins.
    pub(crate) fn first_replicas(&self) -> Vec<NodeId> {
        let replicas = nexus_cluster::shard::placement::REPLICAS;
        self.founders.iter().copied().take(replicas).collect()
    }

    /// The map that the cluster begins with.
    pub(crate) fn first_map(&self) -> Result<ShardMap, MapError> {
        ShardMap::new(self.first_replicas())?.founded_on(self.control().collect())
    }

    /// Which start of the node this is.
    pub(crate) fn start(&self) -> u64 {
        let start = self.membership.as_ref().map_or(self.incarnation, |with| with.me.start);
        start.max(1)
    }

    /// The wall clock's time at `now`.
    pub(crate) fn wall_at(&self, now: Time) -> Time {
        self.wall.after(Duration::from_nanos(now.as_nanos()))
    }
}
