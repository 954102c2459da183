//! What the layers of a kind cost a request in allocations.
//!
//! A file of its own, since allocations are counted for the whole process.

mod layered;

use std::alloc::System;

use layered::{Layered, Plain, assert_used, requests};
use nexus::{Handle, KindLayers, Level, Node, NodeSpec, ReactiveAgent, ReactiveKind};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of a request, those included that make room for more, after a round that
/// is not counted.
fn per_request<K: ReactiveKind>(node: &Node, agent: &Handle<ReactiveAgent<K>>) -> f64 {
    let requests = requests();
    let ask_all = || {
        for request in &requests {
            let answer = node.block_on(agent.ask(request.clone())).expect("it answers");
            answer.expect("it is a query");
        }
    };
    let counted = || {
        let stats = ALLOCATOR.stats();
        stats.allocations + stats.reallocations
    };
    ask_all();
    let before = counted();
    ask_all();
    (counted() - before) as f64 / requests.len() as f64
}

fn check<K: ReactiveKind>(node: &Node, level: Level, without: f64, at_most: f64) {
    let agent = node.find::<ReactiveAgent<K>>("a");
    let agent = agent.unwrap_or_else(|| node.spawn("a").expect("the key is free"));
    let layers = KindLayers::of(node.system(), K::KIND).expect("it has some");
    for below in Level::ALL[1..].iter().filter(|below| **below <= level) {
        layers.enable(*below).expect("it can be enabled");
    }
    agent.set_level(level);
    let more = per_request(node, &agent) - without;
    assert_used(&layers.status(), level);
    println!("{} {level}: {more:.2} allocations a request", K::KIND);
    assert!(more <= at_most, "{} {level}: {more} more than without layers", K::KIND);
}

#[test]
fn the_layers_of_a_kind_cost_a_few_allocations_a_request_and_none_below_them() {
    let node = NodeSpec::new().workers(1).hand_in_readings().start().expect("one worker");
    let plain = node.spawn::<ReactiveAgent<Plain>>("a").expect("the key is free");
    let without = per_request(&node, &plain);
    check::<Layered<false>>(&node, Level::Reactive, without, 0.1);
    check::<Layered<false>>(&node, Level::Proactive, without, 2.5);
    check::<Layered<false>>(&node, Level::Adaptive, without, 2.5);
    check::<Layered<true>>(&node, Level::Adaptive, without, 9.0);
}
