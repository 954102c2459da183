//! Failover of whole nodes: a write is asked of an agent through a node that lives, which finds
//! it where its shard is led now, and there it is made anew from what is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_base::Time;
use nexus_cluster::ring::Slot;
use nexus_node::shard_of;

use super::kinds::Kinds;
use super::node::SimNode;
use super::op::Op;
use super::world::NodesWorld;
use crate::cluster::{
    Attacked, Death, Elections, Failover, FailoverError, FailoverSpec, Measured, Violation,
};

/// How long a cluster has until there are as many shards as there shall be, and each is led.
/// A guess: splits take a second or two each.
const FORMED_WITHIN: Duration = Duration::from_secs(600);

/// How long a node is given for a write. A guess: longer than all but the worst outages.
const WITHIN: Duration = Duration::from_secs(2);

/// Nodes that a write is asked through, of those that live. Source: all of them where one of
/// five has died.
const ASKED_MAX: usize = 4;

/// Writes that are asked of one agent's shard and of which the answer counts, at most: those
/// that were begun last. Source: twice as long as a node is given, one every 10 ms at each
/// that is asked.
const WRITES_MAX: usize = 2 * 200 * ASKED_MAX;

/// Registers that are looked at for one of each shard. A guess: far more than there are slots.
const REGISTERS_TRIED: u32 = 1 << 20;

/// A world whose agents are written to, one for each shard.
pub struct MeasuredNodes {
    world: NodesWorld,
    /// An agent of each shard. Shards have other numbers than the first few where a split was
    /// given up.
    agents: BTreeMap<u32, u32>,
    /// What was asked and not answered, the first first: by ticket, shard and number.
    writes: BTreeMap<u64, (u32, u64)>,
}

impl Failover<MeasuredNodes> {
    /// Whole nodes, which have split their shards and lead each of them.
    ///
    /// # Errors
    /// [`FailoverError::Violation`] if a promise was broken by then.
    ///
    /// # Panics
    /// As [`NodesWorld::new`], and if the cluster is not formed after ten minutes.
    pub fn of_nodes(spec: FailoverSpec) -> Result<Failover<MeasuredNodes>, FailoverError> {
        let mut world = NodesWorld::with_kinds(spec.calm(), &Kinds::own());
        (world.out.plan.latency, world.out.plan.sync) = (spec.latency, spec.sync);
        let elections = Elections::default();
        world.add_checker(Box::new(elections.clone()));
        let by = world.now().after(FORMED_WITHIN);
        while !world.is_formed() {
            assert!(world.now() < by, "the cluster is not formed by {by}");
            world.run_for(Duration::from_secs(1));
            if let Some(first) = world.violations().first() {
                return Err(FailoverError::Violation(first.clone()));
            }
        }
        let agents = world.register_of_each_shard();
        let measured = MeasuredNodes { world, agents, writes: BTreeMap::new() };
        Ok(Failover::start(spec, measured, elections))
    }
}

impl NodesWorld {
    /// Whether there are as many shards as there shall be, each has its slots, all maps say so,
    /// and each is led.
    fn is_formed(&self) -> bool {
        let shards = self.spec.shards as usize;
        let led: usize = self.nodes.iter().map(|node| led_by(node).len()).sum();
        let knows = |node: &SimNode| {
            let map = node.life.as_ref().map(|life| life.node.map());
            map.is_some_and(|map| map.shards().len() == shards && map.handoffs().len() == 0)
        };
        led == shards && self.nodes.iter().all(knows)
    }

    /// A register that lives on each shard.
    ///
    /// # Panics
    /// If there is none among the first [`REGISTERS_TRIED`].
    fn register_of_each_shard(&self) -> BTreeMap<u32, u32> {
        let node = &self.nodes[0].life.as_ref().expect("nobody has died yet").node;
        let mut found = BTreeMap::new();
        for register in 0..REGISTERS_TRIED {
            let id = Op::Get { register }.agent().id(&node.spec().secret);
            found.entry(node.map().owner(Slot::of(id)).0).or_insert(register);
            if found.len() == node.map().shards().len() {
                return found;
            }
        }
        panic!("{} shards have a register of {REGISTERS_TRIED}", found.len())
    }
}

fn led_by(node: &SimNode) -> Vec<u32> {
    let led = node.life.iter().flat_map(|life| life.node.led());
    led.filter_map(|(group, _)| shard_of(group)).map(|shard| shard.0).collect()
}

impl Measured for MeasuredNodes {
    fn now(&self) -> Time {
        self.world.now()
    }

    fn pass(&mut self, time: Duration) -> Option<Violation> {
        self.world.run_for(time);
        self.world.violations().first().cloned()
    }

    fn shards(&self) -> Vec<u32> {
        self.agents.keys().copied().collect()
    }

    fn led_by(&self, node: u32) -> Vec<u32> {
        led_by(&self.world.nodes[node as usize])
    }

    fn kill(&mut self, node: u32, down: Duration) {
        Attacked::kill(&mut self.world, node, Death::Process, down);
    }

    /// Through nodes that live, as clients would that know which do; through others each time,
    /// where there are more than are asked.
    fn probe(&mut self, shard: u32, number: u64) {
        let op = Op::Put { register: self.agents[&shard], value: number as i64 };
        let live: Vec<u32> = (0..self.world.spec.nodes)
            .filter(|node| self.world.nodes[*node as usize].life.is_some())
            .collect();
        let from = number as usize % live.len().max(1);
        for &node in live.iter().cycle().skip(from).take(ASKED_MAX.min(live.len())) {
            let (message, bytes) = op.message();
            let ticket = self.world.begin_ask(node, op.agent(), message, bytes, WITHIN);
            self.writes.insert(ticket, (shard, number));
        }
        let many = WRITES_MAX * self.agents.len();
        while self.writes.len() > many {
            let oldest = self.writes.pop_first().map(|(ticket, _)| ticket);
            self.world.by_hand.forget(oldest);
        }
    }

    fn take_acknowledged(&mut self) -> Vec<(Time, u32, u64)> {
        let by_hand = &mut self.world.by_hand;
        let mut acknowledged = Vec::new();
        self.writes.retain(|&ticket, &mut (shard, number)| match by_hand.take(ticket) {
            Some((at, answer)) => {
                acknowledged.extend(answer.is_ok().then_some((at, shard, number)));
                false
            }
            None => true,
        });
        acknowledged.sort_unstable();
        acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: FailoverSpec, rest_max: Duration) {
        let mut failover = Failover::of_nodes(spec).expect("nothing goes wrong");
        assert_eq!(failover.world.shards().len(), spec.shards as usize);
        for _ in 0..5 {
            let kill = failover.next_kill().unwrap_or_else(|error| panic!("{error}"));
            assert!(!kill.outages.is_empty());
            for outage in &kill.outages {
                assert!(outage.elected >= Duration::from_millis(249), "{kill:?}");
                assert!(outage.acknowledged > outage.elected, "{kill:?}");
                let rest = outage.acknowledged - outage.elected;
                assert!(rest < rest_max, "{kill:?}");
            }
        }
    }

    #[test]
    fn agents_answer_again_once_their_shard_is_led_by_another() {
        // In some a split is under way when there are enough shards, or one was given up.
        for seed in 1..6 {
            check(FailoverSpec::new(seed), Duration::from_millis(700));
        }
    }

    #[test]
    fn nobody_is_asked_to_lead_who_may_be_dead_nor_kept_out_by_others() {
        for seed in 1..4 {
            let spec = FailoverSpec { nodes: 3, shards: 16, ..FailoverSpec::new(seed) };
            check(spec, Duration::from_millis(250));
        }
    }
}
