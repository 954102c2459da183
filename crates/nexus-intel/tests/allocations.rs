//! A request costs the layers hardly an allocation, whichever level serves it.
//!
//! A file of its own, since allocations are counted for the whole process.

#[allow(dead_code, reason = "the tests of dispatching use the rest")]
mod pool;

use std::alloc::System;

use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{Strategy, StrategyName, strategy};
use nexus_intel::adaptive::LearnedSpeeds;
use nexus_intel::layers::{PoolLayers, TrialSpec};
use nexus_intel::measure::Objective;
use nexus_intel::proactive::{LearnedWork, ScheduledSpec};
use nexus_intel::safety::LadderSpec;
use pool::{Call, serve_watched, servers, shipped};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations for each request, those included that grow tables to their size. As
/// measured on the shipped trace, where it is 0.034, with some room: what waits is in
/// a tree, and leaves of models split.
const PER_REQUEST_MAX: f64 = 0.05;

fn layers(level: Level) -> PoolLayers<LearnedWork, LearnedSpeeds> {
    let enabled = vec![Level::Proactive, Level::Adaptive];
    let ladder = LadderSpec { asked: level, enabled, ..LadderSpec::default() };
    let (work, speeds) = (LearnedWork::new(), LearnedSpeeds::new());
    let spec = ScheduledSpec::new("layers");
    let layers = PoolLayers::new(Time::ZERO, ladder, spec, work, speeds, Rng::new(1));
    layers.expect("a sound ladder")
}

fn on_trial(level: Level) -> PoolLayers<LearnedWork, LearnedSpeeds> {
    let spec = TrialSpec::new(Objective::MeanSeconds);
    layers(level).with_trial(Time::ZERO, spec, Rng::new(2)).expect("a sound trial")
}

/// Allocations a request.
fn per_request(strategy: Box<dyn Strategy>) -> f64 {
    let (requests, pool) = (shipped(), servers(1, &vec![(0.0, 1.5)], &vec![(0.0, 0.5)]));
    let (mut before, mut allocations) = (0, 0);
    let mut watch = |call| match call {
        Call::Begins => before = ALLOCATOR.stats().allocations,
        Call::Ends => allocations += ALLOCATOR.stats().allocations - before,
    };
    serve_watched(&requests, &pool, strategy, 1, &mut watch);
    allocations as f64 / requests.len() as f64
}

#[test]
fn a_request_costs_hardly_an_allocation_at_any_level() {
    let all: [(&str, Box<dyn Strategy>); 5] = [
        ("reactive", strategy(StrategyName::LeastConnections)),
        ("proactive", Box::new(layers(Level::Proactive))),
        ("adaptive", Box::new(layers(Level::Adaptive))),
        ("proactive, on trial", Box::new(on_trial(Level::Proactive))),
        ("adaptive, on trial", Box::new(on_trial(Level::Adaptive))),
    ];
    for (name, strategy) in all {
        let found = per_request(strategy);
        assert!(found <= PER_REQUEST_MAX, "{name}: {found} allocations a request");
    }
}
