//! A pool of agents in a world of its own.
//!
//! A request crosses five mailboxes: the balancer's, that of a server, that of
//! the server's engine, where it waits its turn, and on the way back the
//! server's and the balancer's again. Messages take no time, engines do.

use nexus::{Handle, KindSpec, Time};
use nexus_base::Rng;
use nexus_coord::balance::{Balancer, Limits, StrategyName, strategy};
use nexus_sim::World;

use super::balancer::{Arrive, Balance, Join, TakeAnswers};
use super::engine::Engine;
use super::job::{Answer, Job};
use super::server::Server;
use super::stopwatch::Stopwatch;
use crate::demo::Strategy;
use crate::demo::speeds::Speed;

/// Messages in a mailbox of the pool, at most. Never reached: a trace has
/// fewer requests than memory has room for, and this is more.
pub const LINE_MAX: u32 = 1 << 30;

/// What a pool is made of.
#[derive(Clone, Copy, Debug)]
pub struct PoolSpec<'a> {
    /// How servers are chosen.
    pub strategy: Strategy,
    /// One server for each; at least one.
    pub speeds: &'a [Speed],
    /// Whether decisions are measured.
    pub timing: bool,
}

/// A pool at work.
pub struct Pool {
    world: World,
    balancer: Handle<Balance>,
    stopwatch: Stopwatch,
}

impl Pool {
    /// A pool with nothing to do. All its chances come from `seed`.
    pub fn new(spec: &PoolSpec<'_>, seed: u64) -> Pool {
        // However many requests a trace has at one moment, they are not without end.
        let mut world = World::builder(seed).fast().events_per_instant_max(u64::MAX).build();
        let stopwatch = Stopwatch::new(spec.timing);
        let balancer = spawn_balancer(&world, spec, &stopwatch, seed);
        spawn_servers(&world, spec.speeds, &balancer);
        for server in 0..spec.speeds.len() as u32 {
            world.tell(&balancer, Join { server }).expect("the balancer is there");
        }
        world.run_until_idle();
        Pool { world, balancer, stopwatch }
    }

    /// Has `job` arrive at `at`, not before the job offered last.
    pub fn offer(&mut self, at: Time, job: Job) {
        self.world.run_until(at);
        self.balancer.try_tell(Arrive { job }).expect("there is room for one more");
    }

    /// The answers that have come since they were taken last.
    #[cfg(test)]
    pub fn take_answers(&mut self) -> Vec<Answer> {
        self.world.ask(&self.balancer, TakeAnswers).expect("the balancer is there")
    }

    /// Waits until all is done; the answers that have not been taken yet.
    pub fn finish(&mut self) -> Vec<Answer> {
        while self.world.step() {}
        self.world.ask(&self.balancer, TakeAnswers).expect("the balancer is there")
    }

    /// Mean nanoseconds of one decision, if they are measured.
    pub fn decision_ns(&self) -> Option<f64> {
        self.stopwatch.mean_ns()
    }
}

fn spawn_balancer(
    world: &World,
    spec: &PoolSpec<'_>,
    stopwatch: &Stopwatch,
    seed: u64,
) -> Handle<Balance> {
    let name: StrategyName = spec.strategy.name().parse().expect("both list the same strategies");
    let stopwatch = stopwatch.clone();
    let rng = Rng::new(seed).fork("demo.balancer");
    let limits = Limits {
        servers_max: spec.speeds.len() as u32,
        in_flight_max: LINE_MAX,
        held_max: LINE_MAX,
    };
    world.register(KindSpec::from_fn(move |_| {
        Balance::new(Balancer::new(strategy(name), limits), rng.clone(), stopwatch.clone())
    }));
    world.spawn("pool")
}

fn spawn_servers(world: &World, speeds: &[Speed], balancer: &Handle<Balance>) {
    let balancer = balancer.clone();
    world.register(KindSpec::from_fn(move |key| Server::new(key, balancer.clone())));
    let by_number = speeds.to_vec();
    world.register(KindSpec::from_fn(move |key| {
        let number: usize = key.parse().expect("engines are numbered");
        Engine::new(by_number[number])
    }));
    for number in 0..speeds.len() {
        world.spawn::<Server>(&number.to_string());
        world.spawn::<Engine>(&number.to_string());
    }
}
