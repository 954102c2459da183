//! What each level costs a request: time, allocations and bytes.
//!
//! ```text
//! cargo run --release -p nexus-intel --example level_cost
//! cargo run --release -p nexus-intel --example level_cost -- adaptive 1
//! ```
//!
//! The shipped hour of requests is served by 31 servers of mixed speed. Counted is what
//! a request costs the balancer from its coming to its end, and each level beyond the
//! first; of some rounds the fastest counts, since a shared machine only ever adds.
//! With the name of one level and a number of rounds, that one alone is served, for a
//! profiler: all that counts is below `Pool::arrive` and `Pool::end`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "it measures the time that pure code takes, and prints it"
)]

#[allow(dead_code, reason = "the tests of dispatching use the rest")]
#[path = "../tests/pool/mod.rs"]
mod pool;

use std::alloc::System;
use std::time::{Duration, Instant};

use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{Balancer, Strategy, StrategyName, strategy};
use nexus_intel::adaptive::LearnedSpeeds;
use nexus_intel::layers::PoolLayers;
use nexus_intel::proactive::{LearnedWork, ScheduledSpec};
use nexus_intel::safety::LadderSpec;
use pool::{Call, Request, Speeds, serve_watched, servers, shipped};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rounds of which the fastest counts.
const ROUNDS: usize = 15;

/// One when it comes and one when it ends: nobody is refused here.
const CALLS_PER_REQUEST: f64 = 2.0;

/// The longest one in so many calls are left out: the machine did something else
/// meanwhile.
const OUTLIERS_OF: usize = 100;

type Layers = PoolLayers<LearnedWork, LearnedSpeeds>;

fn main() {
    let (requests, pool) = (shipped(), servers(1, &vec![(0.0, 1.5)], &vec![(0.0, 0.5)]));
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [name, rounds] = &words[..] {
        let level = name.parse().expect("the name of a level");
        let rounds = rounds.parse().expect("how many rounds");
        (0..rounds)
            .for_each(|_| drop(serve_watched(&requests, &pool, make(level), 1, &mut |_| {})));
        return;
    }
    println!("{:<10} {:>12} {:>14} {:>12}", "", "ns a request", "allocations", "bytes");
    let base = best(&requests, &pool, Level::Reactive);
    for level in [Level::Reactive, Level::Proactive, Level::Adaptive] {
        let cost = best(&requests, &pool, level);
        let ns = if level == Level::Reactive { base.ns } else { cost.ns - base.ns };
        println!("{level:<10} {ns:>12.0} {:>14.4} {:>12}", cost.allocations, cost.bytes);
    }
}

/// What one level came to.
struct Cost {
    ns: f64,
    /// Allocations a request.
    allocations: f64,
    /// What the layers hold at the end.
    bytes: usize,
}

fn make(level: Level) -> Box<dyn Strategy> {
    if level == Level::Reactive {
        return strategy(StrategyName::LeastConnections);
    }
    let enabled = vec![Level::Proactive, Level::Adaptive];
    let ladder = LadderSpec { asked: level, enabled, ..LadderSpec::default() };
    let (work, speeds) = (LearnedWork::new(), LearnedSpeeds::new());
    let spec = ScheduledSpec::new("layers");
    let layers = PoolLayers::new(Time::ZERO, ladder, spec, work, speeds, Rng::new(1));
    Box::new(layers.expect("a sound ladder"))
}

fn best(requests: &[Request], pool: &[Speeds], level: Level) -> Cost {
    let empty = empty_ns();
    let rounds = (0..ROUNDS).map(|_| one(requests, pool, level, empty));
    rounds.min_by(|a, b| a.ns.total_cmp(&b.ns)).expect("there are rounds")
}

fn one(requests: &[Request], pool: &[Speeds], level: Level, empty_ns: f64) -> Cost {
    let (mut calls_ns, mut allocations) = (Vec::with_capacity(2 * requests.len()), 0);
    let (mut began, mut before) = (Instant::now(), ALLOCATOR.stats().allocations);
    let mut watch = |call| match call {
        Call::Begins => (before, began) = (ALLOCATOR.stats().allocations, Instant::now()),
        Call::Ends => {
            calls_ns.push(nanos(began.elapsed()) - empty_ns);
            allocations += ALLOCATOR.stats().allocations - before;
        }
    };
    let mut balancer = serve_watched(requests, pool, make(level), 1, &mut watch);
    let count = requests.len() as f64;
    Cost {
        ns: trimmed_mean(calls_ns) * CALLS_PER_REQUEST,
        allocations: allocations as f64 / count,
        bytes: bytes(&mut balancer),
    }
}

fn bytes(balancer: &mut Balancer) -> usize {
    balancer.strategy_as::<Layers>(0).map_or(0, Layers::size_bytes)
}

/// The mean without the outliers.
fn trimmed_mean(mut calls_ns: Vec<f64>) -> f64 {
    calls_ns.sort_unstable_by(f64::total_cmp);
    calls_ns.truncate(calls_ns.len() - calls_ns.len() / OUTLIERS_OF);
    calls_ns.iter().sum::<f64>() / calls_ns.len() as f64
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// What looking at the clock takes by itself.
fn empty_ns() -> f64 {
    const LOOKS: u32 = 100_000;
    trimmed_mean((0..LOOKS).map(|_| nanos(Instant::now().elapsed())).collect())
}
