//! One group keeps the map, whoever is in it.
//!
//! At any moment two maps of one version are the same, so nobody decides beside the others. In
//! the end as many nodes keep the map as should, those whom it names, an odd number of them
//! votes, and they agree on who.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 4.1 (safety of changes of
//! members: no two disjoint majorities).

use std::collections::BTreeMap;

use nexus_base::{FixedMap, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::Members;
use nexus_cluster::shard::ShardMap;
use nexus_cluster::shard::placement::CONTROL_MAX;
use nexus_node::{CONTROL, Node, Saw};

use super::{Checker, Seen};

/// What maps were seen, and who keeps the map at the end.
#[derive(Default)]
pub(super) struct OneControlGroup {
    /// The numbers of a map, by its version, and who had it first.
    maps: FixedMap<u64, (Vec<u64>, NodeId)>,
    keepers: Vec<Vec<NodeId>>,
    nodes: usize,
    members: BTreeMap<NodeId, Members>,
    named: Vec<NodeId>,
}

impl OneControlGroup {
    fn compare(&mut self, node: NodeId, map: &ShardMap) -> Result<(), String> {
        let (version, numbers) = (map.version(), numbers(map));
        let (known, first) = self.maps.entry(version).or_insert_with(|| {
            let keepers = map.control().to_vec();
            if self.keepers.last() != Some(&keepers) {
                self.keepers.push(keepers);
            }
            (numbers.clone(), node)
        });
        if *known == numbers {
            return Ok(());
        }
        Err(format!("has another map {version} than {first} had"))
    }

    fn look(&mut self, node: &Node) {
        self.nodes += 1;
        self.named = node.map().control().to_vec();
        if let Some(members) = node.members(CONTROL) {
            self.members.insert(node.spec().id, members.clone());
        }
    }

    fn over(&self) -> Result<(), String> {
        let Some(members) = self.members.values().next() else { return Ok(()) };
        let is_odd = members.voters.len() % 2 == 1 && !members.is_joint();
        let keepers: Vec<NodeId> = self.members.keys().copied().collect();
        let is_one = self.members.values().all(|others| others == members)
            && keepers.iter().all(|node| members.contains(*node))
            && keepers == self.named
            && keepers.len() == self.nodes.min(CONTROL_MAX);
        if is_odd && is_one {
            return Ok(());
        }
        Err(format!("the map is to be kept on {:?}, and is on {:?}", self.named, self.members))
    }
}

/// What tells maps of one version apart.
fn numbers(map: &ShardMap) -> Vec<u64> {
    let mut numbers: Vec<u64> = map.control().iter().map(|node| node.0).collect();
    for (id, shard) in map.shards() {
        let leader = shard.leader.map_or((0, 0), |leader| (leader.node.0, leader.term.0));
        numbers.extend([u64::from(id.0), shard.slots.len() as u64, leader.0, leader.1]);
        numbers.extend(shard.replicas.iter().map(|node| node.0));
    }
    for (id, handoff) in map.handoffs() {
        numbers.extend([id.0, u64::from(handoff.from.0), u64::from(handoff.to.0)]);
    }
    numbers
}

impl Checker for OneControlGroup {
    fn name(&self) -> &'static str {
        "one-control-group"
    }

    fn see(&mut self, _: Time, node: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Node(Saw::Map(map)) => return self.compare(node, map),
            Seen::Final(node) => self.look(node),
            Seen::Over => return self.over(),
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("keepers-of-the-map-changed", self.keepers.len().saturating_sub(1) as u64)]
    }
}
