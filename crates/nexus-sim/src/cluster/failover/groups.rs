//! Failover of groups alone: a write is a command of the group, asked of its members.

use std::time::Duration;

use nexus_base::Time;

use super::{Elections, Failover, FailoverSpec, Measured};
use crate::cluster::checkers::Violation;
use crate::cluster::client::{Outcome, Request};
use crate::cluster::kv::{ClientId, Op};
use crate::cluster::nemesis::Attacked;
use crate::cluster::node::{Death, founders};
use crate::cluster::replica::Replica;
use crate::cluster::world::ClusterWorld;

impl Failover<ClusterWorld> {
    /// Groups that have just started.
    ///
    /// # Panics
    /// As [`ClusterWorld::new`].
    pub fn of_groups(spec: FailoverSpec) -> Failover<ClusterWorld> {
        let mut world = ClusterWorld::new(spec.calm());
        world.be_calm(spec.latency, spec.sync);
        let elections = Elections::default();
        world.add_checker(Box::new(elections.clone()));
        Failover::start(spec, world, elections)
    }
}

impl ClusterWorld {
    /// From now on frames and syncs take this long, and nobody wants anything.
    fn be_calm(&mut self, latency: Duration, sync: Duration) {
        (self.out.plan.latency, self.out.plan.sync) = (latency, sync);
        // No wishes are carried out and no client begins anything.
        (self.healed, self.quiet) = (true, true);
    }
}

impl Measured for ClusterWorld {
    fn now(&self) -> Time {
        self.out.now
    }

    fn pass(&mut self, time: Duration) -> Option<Violation> {
        self.run_for(time);
        self.violations().first().cloned()
    }

    fn shards(&self) -> Vec<u32> {
        (0..self.spec.shards).collect()
    }

    fn led_by(&self, node: u32) -> Vec<u32> {
        let node = &self.nodes[node as usize];
        let replicas = node.replicas.iter().zip(0..);
        let led = replicas.filter(|(one, _)| one.as_ref().is_some_and(Replica::leads));
        led.map(|(_, shard)| shard).collect()
    }

    fn kill(&mut self, node: u32, down: Duration) {
        Attacked::kill(self, node, Death::Process, down);
    }

    /// At all members of the shard: whoever leads it takes it.
    fn probe(&mut self, shard: u32, number: u64) {
        let client = ClientId(self.client_count() + shard);
        let op = Op::Put { key: 0, value: number as i64 };
        for node in founders(shard, self.spec.nodes) {
            self.out.ask(node, Request { client, shard, number, op });
        }
    }

    fn take_acknowledged(&mut self) -> Vec<(Time, u32, u64)> {
        let answers = std::mem::take(&mut self.answers);
        let done =
            answers.into_iter().filter(|(_, reply)| matches!(reply.outcome, Outcome::Done(_)));
        let clients = self.client_count();
        done.map(|(at, reply)| (at, reply.client.0 - clients, reply.number)).collect()
    }
}
