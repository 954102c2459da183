//! Which level serves, and who that picks.

use nexus::{
    EnabledLevels, FallReason, Kv, Pool, PoolSpec, Request, Routed, Routing, StrategyName,
};
use serde_json::json;

use crate::support::*;

#[test]
fn one_call_four_levels_each_falls_and_says_so() {
    let (node, _, pool) = pool(2, PoolSpec::new());
    for asked in Routing::ALL {
        let served = node.block_on(pool.ask(Quick, asked)).expect("it is served");
        let (used, reason) = match asked {
            Routing::Basic | Routing::Optimized => (asked, None),
            _ => (Routing::Optimized, Some(FallReason::NotEnabled { level: asked })),
        };
        assert_eq!(served.routed, Routed { asked, used, reason });
    }
    let counts = pool.counts();
    assert_eq!(
        counts.levels.map(|level| (level.asked, level.used)),
        [(1, 1), (1, 3), (1, 0), (1, 0)]
    );
    assert_adds_up(&counts);

    pool.set_levels(EnabledLevels::BASIC.with(Routing::Swarm));
    assert_eq!(pool.levels(), EnabledLevels::BASIC, "there is no swarm to enable");
    let served = node.block_on(pool.ask(Quick, Routing::Swarm)).expect("it is served");
    assert_eq!(served.routed.used, Routing::Basic);
}

#[test]
fn basic_calls_go_round() {
    let (node, _, pool) = pool(3, PoolSpec::new());
    let members: Vec<usize> = (0..7)
        .map(|_| node.block_on(pool.ask(Quick, Routing::Basic)).expect("it is served").member)
        .collect();
    assert_eq!(members, [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn optimized_calls_avoid_who_is_busy_at_whatever_level() {
    let (node, shared, pool) = pool(3, PoolSpec::new());
    let first = begin(pool.ask(Gated(0), Routing::Basic));
    let second = begin(pool.ask(Gated(1), Routing::Basic));
    for _ in 0..20 {
        let served = node.block_on(pool.ask(Quick, Routing::Optimized)).expect("it is served");
        assert_eq!(served.member, 2, "0 and 1 are at work");
    }
    shared.let_through(2);
    assert_eq!(first.finish(&node).expect("it is served").reply, 0);
    assert_eq!(second.finish(&node).expect("it is served").reply, 1);
    let in_flight: Vec<u32> = pool.counts().members.iter().map(|member| member.in_flight).collect();
    assert_eq!(in_flight, [0, 0, 0]);
}

#[test]
fn every_strategy_serves() {
    for strategy in StrategyName::ALL {
        let (node, _, pool) = pool(5, PoolSpec::new().basic(strategy).optimized(strategy));
        for level in [Routing::Basic, Routing::Optimized].repeat(50) {
            node.block_on(pool.ask(Quick, level)).expect("it is served");
        }
        let counts = pool.counts();
        assert_eq!((counts.done, counts.in_flight), (100, 0), "{strategy}");
        assert_adds_up(&counts);
    }
}

#[test]
fn a_request_brings_its_own_routing_and_deadline() {
    let node = start();
    let pool = Pool::<Kv>::spawn(&node, "shops", 1, PoolSpec::new()).expect("the names are free");
    let add = Request::action("add", json!({"key": "n", "by": 2})).with_routing(Routing::Adaptive);
    let served = node.block_on(pool.request(add)).expect("it is served");
    assert_eq!(served.reply.expect("it is done").value, json!(2));
    assert_eq!((served.routed.asked, served.routed.used), (Routing::Adaptive, Routing::Optimized));

    // What the member makes of it is its reply, not an error of the pool's.
    let bad = node.block_on(pool.request(Request::action("add", json!({})))).expect("it is served");
    assert!(bad.reply.is_err());
    assert_eq!((pool.counts().done, pool.counts().failed), (2, 0));
}
