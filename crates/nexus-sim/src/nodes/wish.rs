//! What somebody asks of whole nodes now and then, while things go wrong: other shards, other
//! leaders, other places.

use nexus_base::{Rng, Time};
use nexus_cluster::NodeId;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::placement::CONTROL_MAX;
use nexus_cluster::shard::{Plan, Shard, ShardId, ShardMap, SlotSet};
use nexus_node::{Input, Node, shard_of};

use super::world::NodesWorld;
use crate::cluster::{Family, node_id};

/// Shards that wishes make, as a multiple of those that there shall be. A guess: some more,
/// which merges then have to end.
const SHARDS_TIMES_MAX: usize = 2;

/// Nodes that a shard is kept on.
const REPLICAS: usize = nexus_cluster::shard::placement::REPLICAS;

/// Of so many changes of members one is of those who keep the map.
const MAP_ONE_OF: u64 = 3;

/// Who asks, and of what world.
struct Asker<'a> {
    now: Time,
    nodes: u32,
    shards_max: usize,
    rng: &'a mut Rng,
}

impl NodesWorld {
    /// Asks one node after another, until one takes it up.
    pub(crate) fn handle_wish(&mut self, family: Family) {
        let nodes = self.spec.nodes;
        let start = self.nemesis.rng(family).below(u64::from(nodes)) as u32;
        for index in (0..nodes).map(|step| (start + step) % nodes) {
            if let Some(words) = self.ask_for(family, index) {
                self.out.counts.count(family);
                let now = self.out.now;
                let asked = node_id(index);
                self.out.trace.say(now, format_args!("{asked}: is asked for a {words}"));
                self.nodes[index as usize].handle(&mut self.out, Input::Agents);
                return;
            }
        }
    }

    /// Asks a node for something that is drawn; in words, if it takes it up.
    fn ask_for(&mut self, family: Family, index: u32) -> Option<String> {
        let asked = &mut self.nodes[index as usize];
        if asked.stalled.is_some() {
            return None;
        }
        let now = asked.clock.local(self.out.now);
        let shards_max = self.spec.shards as usize * SHARDS_TIMES_MAX;
        let (nodes, rng) = (self.spec.nodes, self.nemesis.rng(family));
        let mut asker = Asker { now, nodes, shards_max, rng };
        let node = &mut asked.life.as_mut()?.node;
        match family {
            Family::Transfer => asker.transfer(node),
            Family::Members => asker.keep(node),
            _ => asker.plan(family, node),
        }
    }
}

impl Asker<'_> {
    fn plan(&mut self, family: Family, node: &mut Node) -> Option<String> {
        let map = node.map();
        let plan = match family {
            Family::Split => self.split(map)?,
            Family::Merge => {
                let (from, to) = self.two_shards(map)?;
                Plan::Merge { from, to }
            }
            _ => {
                let (from, to) = self.two_shards(map)?;
                let slots = self.some_slots(map.shard(from)?)?;
                Plan::Move { from, to, slots }
            }
        };
        let words = format!("{family}: {plan:?}");
        node.plan(self.now, plan).ok().map(|()| words)
    }

    fn split(&mut self, map: &ShardMap) -> Option<Plan> {
        if map.shards().len() >= self.shards_max {
            return None;
        }
        let (shard, of) = self.pick(map.shards())?;
        let slots = self.some_slots(of)?;
        Some(Plan::Split { shard, slots, replicas: self.some_nodes(REPLICAS) })
    }

    fn transfer(&mut self, node: &mut Node) -> Option<String> {
        let led = node.led().filter_map(|(group, _)| shard_of(group));
        let shard = self.pick(led.collect::<Vec<_>>().into_iter())?;
        let me = node.spec().id;
        let others = node.map().shard(shard)?.replicas.iter().copied().filter(|one| *one != me);
        let to = self.pick(others.collect::<Vec<_>>().into_iter())?;
        let words = format!("transfer of {shard} to {to}");
        node.transfer(self.now, shard, to).ok().map(|()| words)
    }

    fn keep(&mut self, node: &mut Node) -> Option<String> {
        if self.rng.below(MAP_ONE_OF) == 0 {
            return self.keep_map(node);
        }
        let (shard, _) = self.pick(node.map().shards())?;
        let replicas = self.some_nodes(REPLICAS);
        let words = format!("change of who keeps {shard}: {replicas:?}");
        node.keep(self.now, shard, replicas).ok().map(|()| words)
    }

    fn keep_map(&mut self, node: &mut Node) -> Option<String> {
        let count = 1 + self.rng.below(CONTROL_MAX as u64) as usize;
        let replicas = self.some_nodes(count);
        let words = format!("change of who keeps the map: {replicas:?}");
        node.keep_map(self.now, replicas).ok().map(|()| words)
    }

    fn pick<T>(&mut self, mut all: impl ExactSizeIterator<Item = T>) -> Option<T> {
        let count = all.len() as u64;
        if count == 0 {
            return None;
        }
        all.nth(self.rng.below(count) as usize)
    }

    fn two_shards(&mut self, map: &ShardMap) -> Option<(ShardId, ShardId)> {
        let (one, _) = self.pick(map.shards())?;
        let others = map.shards().map(|(shard, _)| shard).filter(|shard| *shard != one);
        let other = self.pick(others.collect::<Vec<_>>().into_iter())?;
        Some((one, other))
    }

    /// Between one and all but one of a shard's slots, which lie together in it; none if it
    /// has fewer than two.
    fn some_slots(&mut self, shard: &Shard) -> Option<SlotSet> {
        let slots: Vec<Slot> = shard.slots.iter().collect();
        let most = (slots.len() as u64).checked_sub(1).filter(|most| *most > 0)?;
        let count = 1 + self.rng.below(most) as usize;
        let first = self.rng.below((slots.len() - count) as u64 + 1) as usize;
        Some(slots[first..first + count].iter().copied().collect())
    }

    fn some_nodes(&mut self, count: usize) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = (0..self.nodes).map(node_id).collect();
        self.rng.shuffle(&mut all);
        all.truncate(count);
        all
    }
}
