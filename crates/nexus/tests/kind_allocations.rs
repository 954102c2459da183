//! What the layers of a kind cost a request in allocations.
//!
//! A file of its own, since allocations are counted for the whole process.

use std::alloc::System;
use std::sync::LazyLock;

use nexus::adaptive::AdapterSpec;
use nexus::{
    Handle, KindLayers, Kv, Level, Node, NodeSpec, Reactive, ReactiveAgent, ReactiveKind, Request,
};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests that are counted together.
const REQUESTS: u32 = 2_000;

/// As [`Kv`], with layers.
struct Layered;

impl ReactiveKind for Layered {
    const KIND: &'static str = "layered";

    fn rules() -> &'static Reactive {
        static RULES: LazyLock<Reactive> = LazyLock::new(Reactive::kv);
        &RULES
    }

    fn layers() -> Option<KindLayers> {
        Some(KindLayers::new(AdapterSpec::default()).expect("the default holds together"))
    }
}

/// Allocations of a request, after as many that are not counted.
fn per_request<K: ReactiveKind>(node: &Node, agent: &Handle<ReactiveAgent<K>>) -> f64 {
    let request = Request::query("get", json!({"key": "n", "default": 0}));
    let ask = |_| {
        let answer = node.block_on(agent.ask(request.clone())).expect("it answers");
        answer.expect("it is a query");
    };
    (0..REQUESTS).for_each(ask);
    let before = ALLOCATOR.stats().allocations;
    (0..REQUESTS).for_each(ask);
    (ALLOCATOR.stats().allocations - before) as f64 / f64::from(REQUESTS)
}

#[test]
fn the_layers_of_a_kind_cost_a_few_allocations_a_request_and_none_below_them() {
    let node = NodeSpec::new().workers(1).hand_in_readings().start().expect("one worker");
    let plain = node.spawn::<Kv>("a").expect("the key is free");
    let agent = node.spawn::<ReactiveAgent<Layered>>("a").expect("the key is free");
    let layers = KindLayers::of(node.system(), Layered::KIND).expect("it has some");
    let without = per_request(&node, &plain);
    for (level, at_most) in
        [(Level::Reactive, 0.1), (Level::Proactive, 5.0), (Level::Adaptive, 4.0)]
    {
        if level != Level::Reactive {
            layers.enable(level).expect("it can be enabled");
        }
        agent.set_level(level);
        let more = per_request(&node, &agent) - without;
        assert!(more <= at_most, "{level}: {more} allocations more than without layers");
    }
}
