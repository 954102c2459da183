//! The map as it is stored: without what follows from the rest, and checked when read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Handoff, HandoffId, Kind, SLOT_COUNT, Shard, ShardId, ShardMap, Stage, check_replicas,
};
use crate::NodeId;

#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    version: u64,
    control: Vec<NodeId>,
    shards: BTreeMap<ShardId, Shard>,
    handoffs: BTreeMap<HandoffId, Handoff>,
    shard_last: ShardId,
    handoff_last: HandoffId,
    since: Vec<HandoffId>,
}

impl From<ShardMap> for Stored {
    fn from(map: ShardMap) -> Stored {
        let ShardMap {
            version,
            control,
            shards,
            handoffs,
            shard_last,
            handoff_last,
            since,
            owners: _,
        } = map;
        Stored { version, control, shards, handoffs, shard_last, handoff_last, since }
    }
}

impl TryFrom<Stored> for ShardMap {
    type Error = BadMap;

    fn try_from(stored: Stored) -> Result<ShardMap, BadMap> {
        let Stored { version, control, shards, handoffs, shard_last, handoff_last, since } = stored;
        let mut owners = vec![None; usize::from(SLOT_COUNT)];
        check_replicas(&control).map_err(|_| BadMap("replicas"))?;
        for (&id, shard) in &shards {
            check_replicas(&shard.replicas).map_err(|_| BadMap("replicas"))?;
            if shard.leader.is_some() || !shard.voters.is_empty() {
                check_replicas(&shard.voters).map_err(|_| BadMap("voters"))?;
            }
            for slot in shard.slots.iter() {
                if owners[usize::from(slot.number())].replace(id).is_some() {
                    return Err(BadMap("a slot with two owners"));
                }
            }
        }
        let owners: Option<Vec<ShardId>> = owners.into_iter().collect();
        let owners = owners.ok_or(BadMap("a slot without an owner"))?;
        for (&id, handoff) in &handoffs {
            check_handoff(handoff, &shards)?;
            // A shard that ends with a handoff is in no other.
            let ends = match (handoff.kind, handoff.stage) {
                (Kind::Merge, _) => handoff.from,
                (Kind::Split, Stage::Committed { .. }) | (Kind::Move, _) => continue,
                (Kind::Split, _) => handoff.to,
            };
            let is_in = |(&other, handoff): (&HandoffId, &Handoff)| {
                other != id && (handoff.from == ends || handoff.to == ends)
            };
            if handoffs.iter().any(is_in) {
                return Err(BadMap("a handoff of a shard that ends"));
            }
        }
        let beyond = shards.last_key_value().is_some_and(|(&id, _)| id > shard_last)
            || handoffs.last_key_value().is_some_and(|(&id, _)| id > handoff_last);
        if since.len() != usize::from(SLOT_COUNT) {
            return Err(BadMap("not as many slots as there are"));
        }
        if beyond || since.iter().any(|&id| id > handoff_last) {
            return Err(BadMap("a number that was not given out"));
        }
        Ok(ShardMap { version, control, shards, handoffs, shard_last, handoff_last, owners, since })
    }
}

fn check_handoff(handoff: &Handoff, shards: &BTreeMap<ShardId, Shard>) -> Result<(), BadMap> {
    let owner = match handoff.stage {
        Stage::Committed { .. } => handoff.to,
        _ => handoff.from,
    };
    let are_there = [handoff.from, handoff.to].iter().all(|shard| shards.contains_key(shard));
    if !are_there || handoff.from == handoff.to || !handoff.slots.is_subset(&shards[&owner].slots) {
        return Err(BadMap("a handoff of what is not there"));
    }
    Ok(())
}

/// Bytes that are no map of shards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no map of shards: {0}")]
pub(super) struct BadMap(&'static str);
