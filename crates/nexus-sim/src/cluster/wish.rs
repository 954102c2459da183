//! What somebody wants changed in a shard now and then: another leader, other members, a
//! shorter log.

use nexus_base::Rng;
use nexus_cluster::NodeId;

use super::event::Event;
use super::node::some_nodes;
use super::outside::node_index;
use super::spec::REPLICAS;
use super::world::ClusterWorld;

/// What was wanted and begun, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Changes {
    /// Leadership was to be handed over.
    pub transfers: u64,
    /// Members were to change.
    pub members: u64,
    /// The log was shortened.
    pub compactions: u64,
}

impl ClusterWorld {
    pub(crate) fn plan_wish(&mut self, shard: u32) {
        let mean = self.out.plan.wish;
        let later = mean.mul_f64(self.wishes[shard as usize].exponential().min(5.0));
        self.out.after(later, Event::Wish { shard });
    }

    pub(crate) fn handle_wish(&mut self, shard: u32) {
        if self.healed {
            return;
        }
        self.plan_wish(shard);
        let rng = &mut self.wishes[shard as usize];
        let (kind, start) = (rng.below(3), rng.below(u64::from(self.spec.nodes)) as u32);
        let order = some_nodes(self.spec.nodes, rng);
        let nodes = self.spec.nodes;
        let leader = (0..nodes).map(|step| (start + step) % nodes).find(|&node| {
            let node = &self.nodes[node as usize];
            let replica = node.replicas[shard as usize].as_ref();
            node.up && node.stalled.is_none() && replica.is_some_and(|replica| replica.leads())
        });
        let Some(leader) = leader else { return };
        match kind {
            0 => self.wish_leader(shard, leader, &order),
            1 => self.wish_members(shard, leader, &order),
            _ => self.wish_shorter(shard, leader),
        }
        self.nodes[leader as usize].after(&mut self.out, shard);
    }

    fn wish_leader(&mut self, shard: u32, leader: u32, order: &[NodeId]) {
        let node = &mut self.nodes[leader as usize];
        let now = node.clock.local(self.out.now);
        let Some(replica) = &mut node.replicas[shard as usize] else { return };
        let others = order.iter().filter(|node| replica.members().voters.contains(node));
        let other = others.copied().find(|other| *other != replica.place.node);
        let Some(other) = other.filter(|other| replica.transfer(now, *other)) else { return };
        self.changes.transfers += 1;
        self.out.trace.say(self.out.now, format_args!("{} hands over", replica.place));
        self.plays_with_call(leader, node_index(other));
    }

    fn wish_members(&mut self, shard: u32, leader: u32, order: &[NodeId]) {
        let count = (REPLICAS as usize).min(order.len());
        let learner = sometimes(&mut self.wishes[shard as usize]);
        let (voters, rest) = order.split_at(count);
        let learners = &rest[..self.learners_of(learner, rest.len())];
        let node = &mut self.nodes[leader as usize];
        let now = node.clock.local(self.out.now);
        let Some(replica) = &mut node.replicas[shard as usize] else { return };
        if replica.change(now, voters, learners) {
            self.changes.members += 1;
            let place = replica.place;
            self.out.trace.say(self.out.now, format_args!("{place} changes to {voters:?}"));
        }
    }

    fn wish_shorter(&mut self, shard: u32, leader: u32) {
        let node = &mut self.nodes[leader as usize];
        let now = node.clock.local(self.out.now);
        let Some(replica) = &mut node.replicas[shard as usize] else { return };
        if replica.compact(now) {
            self.changes.compactions += 1;
        }
    }
}

fn sometimes(rng: &mut Rng) -> bool {
    rng.below(3) == 0
}
