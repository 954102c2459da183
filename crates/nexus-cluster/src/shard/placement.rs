//! Where shards are kept and led, and how many there are.
//!
//! Where a shard is kept follows from the members alone (the ring, with bounded loads), so a
//! change of members moves about the share that it must. Who leads does not: whoever leads
//! stays where he can, since each change of leader is a pause for the shard's agents.
//!
//! Shards are split as nodes come, so that there are always enough for leadership to
//! spread: with [`SHARDS_PER_MEMBER`] or more, one more or less on a member is less than a
//! fifth of its share.
//!
//! Absent on purpose: merging as nodes go. Fewer nodes lead more shards each, which is as
//! even, and a cluster that shrank may grow again.

use std::collections::{BTreeMap, BTreeSet};

use nexus_base::Ratio;

use super::handoff::Plan;
use super::map::{HANDOFFS_MAX, SHARDS_MAX, Shard, ShardId, ShardMap};
use crate::NodeId;
use crate::ring::{Ring, position_of};

mod control;
mod spread;
mod voters;

pub use control::{CONTROL_MAX, control};
pub use voters::{Voting, founding, next, voters};

/// Shards for each member, at the least; up to 2,048 members, beyond which slots run out.
pub const SHARDS_PER_MEMBER: usize = 8;

/// Nodes a shard is kept on, where there are as many.
pub const REPLICAS: usize = 3;

/// How many shards a cluster of `members` should have: a power of two, so that all have
/// equally many slots.
pub fn shard_count(members: usize) -> usize {
    members.saturating_mul(SHARDS_PER_MEMBER).clamp(1, SHARDS_MAX).next_power_of_two()
}

/// The splits that bring the map to [`shard_count`] shards: the largest in two, each at most
/// once. Ask again when they are over. None while there are enough.
pub fn splits(map: &ShardMap, members: usize) -> Vec<Plan> {
    let missing = shard_count(members).saturating_sub(map.shards().len());
    let room = HANDOFFS_MAX.saturating_sub(map.handoffs().len());
    let is_free = |id| map.handoffs().all(|(_, handoff)| handoff.from != id && handoff.to != id);
    let mut largest: Vec<(usize, ShardId, &Shard)> =
        map.shards().map(|(id, shard)| (shard.slots.len(), id, shard)).collect();
    largest.sort_unstable_by_key(|&(slots, id, _)| (std::cmp::Reverse(slots), id));
    let splittable = largest.into_iter().filter(|&(slots, id, _)| slots > 1 && is_free(id));
    let plan = |(_, id, shard): (usize, ShardId, &Shard)| Plan::Split {
        shard: id,
        slots: shard.slots.upper_half(),
        // Where the other half is: what a split copies stays on the machine.
        replicas: leader_first(shard),
    };
    splittable.take(missing.min(room)).map(plan).collect()
}

/// Where a shard is kept, whoever leads it before the others: of two that begin the new half
/// only the first votes, and it had better be led where the agents are.
fn leader_first(shard: &Shard) -> Vec<NodeId> {
    let leader = shard.leader.map(|leader| leader.node);
    let mut replicas = shard.replicas.clone();
    // Stable, so the others stay in order.
    replicas.sort_by_key(|node| Some(*node) != leader);
    replicas
}

/// On which members each shard should be kept: [`REPLICAS`] of them, or all there are.
pub fn replicas(
    ring: &Ring,
    shards: impl Iterator<Item = ShardId>,
    slack: Ratio,
) -> BTreeMap<ShardId, Vec<NodeId>> {
    let shards: Vec<ShardId> = shards.collect();
    // By its number, not by its slots: a slot that moves must not move two shards.
    let positions = shards.iter().map(|shard| position_of(u64::from(shard.0)));
    let placed = ring.place(positions, REPLICAS, slack);
    shards.into_iter().zip(placed).collect()
}

/// Who could lead each shard: whoever keeps it, votes in it, and is alive. A learner cannot,
/// whatever is wished for.
pub fn candidates(map: &ShardMap, alive: &BTreeSet<NodeId>) -> BTreeMap<ShardId, Vec<NodeId>> {
    let could = |shard: &Shard| {
        let keep = shard.replicas.iter().copied();
        keep.filter(|node| shard.voters.contains(node) && alive.contains(node)).collect()
    };
    map.shards().map(|(id, shard)| (id, could(shard))).collect()
}

/// Who should lead each shard, so that no member leads two more than another one that could
/// take a shard from it, directly or along others.
///
/// Whoever leads now stays where that does not stand in the way. A shard without replicas
/// has no leader.
pub fn leaders(
    replicas: &BTreeMap<ShardId, Vec<NodeId>>,
    now: &BTreeMap<ShardId, NodeId>,
) -> BTreeMap<ShardId, NodeId> {
    spread::leaders(replicas, now)
}

#[cfg(test)]
mod tests;
