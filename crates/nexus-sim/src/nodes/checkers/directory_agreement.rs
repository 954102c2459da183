//! All nodes come to agree on where agents live, and nobody else takes their steps.
//!
//! At any moment a step is accepted only by a shard that takes writes for the agent's slot
//! at that entry. In the end all nodes have the same map, each shard in it is led by the node
//! that the map names, and that one takes writes for all of the shard's slots, which no other
//! leader does. What is promised of agents that live where they were made is in
//! `directory_agreement/guests.rs`.
//!
//! # Source
//! Directory coherence as in Adya et al., "Slicer: Auto-Sharding for Datacenter
//! Applications", 2016, where slices have one owner at a time.

use std::collections::BTreeMap;

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::ShardMap;
use nexus_node::shard::{Applied, Command};
use nexus_node::{Node, Saw, group_of};

use super::{Checker, Seen};

mod guests;

use guests::Guests;

/// What nodes hold to be so at the end.
#[derive(Default)]
pub(super) struct DirectoryAgreement {
    maps: BTreeMap<NodeId, ShardMap>,
    /// Who takes writes for each slot.
    takers: BTreeMap<Slot, NodeId>,
    shards: u64,
    guests: Guests,
}

impl DirectoryAgreement {
    fn look(&mut self, node: &Node) -> Result<(), String> {
        let id = node.spec().id;
        self.maps.insert(id, node.map().clone());
        for (group, shard) in node.led() {
            for slot in shard.holding().open().iter() {
                if group_of(node.map().owner(slot)) != group {
                    return Err(format!("takes writes for slot {slot} in {group}, not its owner"));
                }
                if let Some(other) = self.takers.insert(slot, id) {
                    return Err(format!("takes writes for slot {slot}, as {other} does"));
                }
            }
        }
        Ok(())
    }

    fn over(&mut self) -> Result<(), String> {
        let Some((&first, map)) = self.maps.first_key_value() else { return Ok(()) };
        for (node, other) in &self.maps {
            if other != map {
                let (one, two) = (map.version(), other.version());
                return Err(format!("{first} has map {one}, and {node} has map {two}"));
            }
        }
        self.shards = map.shards().len() as u64;
        for slot in Slot::all() {
            let leader = map.shard(map.owner(slot)).and_then(|shard| shard.leader);
            let leader = leader.map(|leader| leader.node);
            let taker = self.takers.get(&slot).copied();
            if taker.is_none() || leader != taker {
                return Err(format!(
                    "slot {slot} of {} is led by {leader:?} in all maps, and {taker:?} takes \
                     writes for it",
                    map.owner(slot)
                ));
            }
        }
        Ok(())
    }
}

impl Checker for DirectoryAgreement {
    fn name(&self) -> &'static str {
        "directory-agreement"
    }

    fn see(&mut self, at: Time, node: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        self.guests.see(at, node, seen)?;
        match seen {
            Seen::Node(Saw::Applied { command: Command::Step(step), applied, state, .. })
                if *applied == Applied::Accepted =>
            {
                let slot = Slot::of(step.agent);
                if !state.holding().accepts(slot) {
                    return Err(format!("accepts a step of {} in slot {slot}", step.name));
                }
            }
            Seen::Final(node) => return self.look(node),
            Seen::Over => return self.over(),
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("shards", self.shards), ("guests-found", self.guests.answer_count())]
    }
}
