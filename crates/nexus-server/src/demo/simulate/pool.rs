//! A pool of agents in a world of its own.
//!
//! A request crosses five mailboxes: the balancer's, that of a server, that of
//! the server's engine, where it waits its turn, and on the way back the
//! server's and the balancer's again. Messages take no time, engines do.

use std::sync::{Arc, Mutex};

use nexus::{Handle, KindSpec, Time};
use nexus_base::Rng;
use nexus_coord::balance::{self, Balancer, Limits, Strategy, StrategyName};
use nexus_sim::World;

use super::balancer::{Arrive, Balance, Join, Look, TakeAnswers, Terms, Watches};
use super::engine::Engine;
use super::job::{Answer, Job};
use super::server::Server;
use super::stopwatch::Stopwatch;
use crate::demo;
use crate::demo::speeds::SpeedPlan;

/// Messages in a mailbox of the pool, at most. Never reached: a trace has
/// fewer requests than memory has room for, and this is more.
pub const LINE_MAX: u32 = 1 << 30;

/// What a pool is made of.
pub struct PoolSpec<'a> {
    /// Makes who chooses servers.
    pub strategy: Arc<dyn Fn() -> Box<dyn Strategy> + Send + Sync>,
    /// One server for each; at least one.
    pub speeds: &'a [SpeedPlan],
    /// On which terms requests are taken.
    pub terms: Terms,
    /// Who looks at the balancer after each end, if anybody.
    pub look: Option<Arc<Mutex<dyn Look>>>,
    /// Whether decisions are measured.
    pub timing: bool,
}

impl<'a> PoolSpec<'a> {
    /// A pool that takes whatever comes, with servers chosen by this strategy.
    pub fn named(strategy: demo::Strategy, speeds: &'a [SpeedPlan]) -> PoolSpec<'a> {
        let name: StrategyName = strategy.name().parse().expect("both list the same strategies");
        let strategy = Arc::new(move || balance::strategy(name));
        PoolSpec { strategy, speeds, terms: Terms::default(), look: None, timing: false }
    }
}

/// A pool at work.
pub struct Pool {
    world: World,
    balancer: Handle<Balance>,
    watches: Watches,
}

impl Pool {
    /// A pool with nothing to do. All its chances come from `seed`.
    pub fn new(spec: &PoolSpec<'_>, seed: u64) -> Pool {
        // However many requests a trace has at one moment, they are not without end.
        let mut world = World::builder(seed).fast().events_per_instant_max(u64::MAX).build();
        let watch = || Stopwatch::new(spec.timing);
        let watches = Watches { decisions: watch(), ends: watch() };
        let balancer = spawn_balancer(&world, spec, &watches, seed);
        spawn_servers(&world, spec, &balancer);
        for server in 0..spec.speeds.len() as u32 {
            world.tell(&balancer, Join { server }).expect("the balancer is there");
        }
        world.run_until_idle();
        Pool { world, balancer, watches }
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
        self.watches.decisions.mean_ns()
    }

    /// Mean nanoseconds that a request costs the balancer from its arrival to its
    /// end, if they are measured.
    pub fn cost_ns(&self) -> Option<f64> {
        Some(self.watches.decisions.mean_ns()? + self.watches.ends.mean_ns()?)
    }
}

fn spawn_balancer(
    world: &World,
    spec: &PoolSpec<'_>,
    watches: &Watches,
    seed: u64,
) -> Handle<Balance> {
    let (strategy, terms, look) = (spec.strategy.clone(), spec.terms.clone(), spec.look.clone());
    let watches = watches.clone();
    let rng = Rng::new(seed).fork("demo.balancer");
    let limits = Limits {
        servers_max: spec.speeds.len() as u32,
        in_flight_max: LINE_MAX,
        held_max: LINE_MAX,
    };
    world.register(KindSpec::from_fn(move |_| {
        let balancer = Balancer::new(strategy(), limits);
        Balance::new(balancer, rng.clone(), terms.clone(), look.clone(), watches.clone())
    }));
    world.spawn("pool")
}

fn spawn_servers(world: &World, spec: &PoolSpec<'_>, balancer: &Handle<Balance>) {
    let balancer = balancer.clone();
    world.register(KindSpec::from_fn(move |key| Server::new(key, balancer.clone())));
    let (speeds, contexts) = (spec.speeds, spec.terms.contexts.clone());
    let by_number = speeds.to_vec();
    world.register(KindSpec::from_fn(move |key| {
        let number: usize = key.parse().expect("engines are numbered");
        Engine::new(by_number[number], contexts.as_ref())
    }));
    for number in 0..speeds.len() {
        world.spawn::<Server>(&number.to_string());
        world.spawn::<Engine>(&number.to_string());
    }
}
