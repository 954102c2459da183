//! Calls that wait for a member, and calls whose callers give up.

use std::time::Duration;

use nexus::{AskError, CallSpec, Changed, PoolError, PoolSpec, Routing, StrategyName};

use crate::support::*;

fn central_queue() -> PoolSpec {
    PoolSpec::new().optimized(StrategyName::CentralQueue)
}

#[test]
fn held_calls_wait_together_and_are_served_in_turn() {
    let (node, shared, pool) = pool(2, central_queue());
    let calls: Vec<_> =
        (0..6).map(|number| begin(pool.ask(Gated(number), Routing::Optimized))).collect();
    let counts = pool.counts();
    assert_eq!((counts.in_flight, counts.held), (2, 4));
    assert_adds_up(&counts);

    shared.let_through(6);
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.finish(&node).expect("it is served").reply, number as u64);
    }
    let mut handled = lock(&shared.handled).clone();
    // The first two went to two members at once.
    handled[..2].sort_unstable();
    assert_eq!(handled, [0, 1, 2, 3, 4, 5]);
    let counts = pool.counts();
    assert_eq!((counts.done, counts.in_flight, counts.held), (6, 0, 0));
}

#[test]
fn a_held_call_waits_no_longer_than_its_deadline_and_nothing_is_sent() {
    let (node, shared, pool) = pool(1, central_queue());
    let first = begin(pool.ask(Gated(0), Routing::Optimized));
    let call = CallSpec::new(Routing::Optimized).within(Duration::from_millis(5));
    let error = node.block_on(pool.ask(Gated(1), call)).expect_err("nobody is free");
    assert!(matches!(error, PoolError::Ask(AskError::Expired { .. })), "{error}");
    assert_eq!(error.changed(), Changed::No);

    shared.let_through(1);
    first.finish(&node).expect("it is served");
    node.block_on(pool.ask(Quick, Routing::Optimized)).expect("the member is free");
    assert_eq!(*lock(&shared.handled), [0]);
    assert_eq!(pool.counts().cancelled, 1);
}

#[test]
fn the_deadline_of_a_call_at_a_member_leaves_open_what_it_did() {
    let (node, shared, pool) = pool(1, PoolSpec::new());
    let call = CallSpec::new(Routing::Basic).within(Duration::from_millis(5));
    let error = node.block_on(pool.ask(Gated(0), call)).expect_err("the gate is shut");
    // On a slow machine the handler may not have started in time.
    match error {
        PoolError::Ask(AskError::Deadline { .. }) => assert_eq!(error.changed(), Changed::Unknown),
        PoolError::Ask(AskError::Expired { .. }) => assert_eq!(error.changed(), Changed::No),
        other => panic!("{other}"),
    }
    assert_eq!((pool.counts().cancelled, pool.counts().in_flight), (1, 0));
    shared.let_through(1);
}

#[test]
fn a_call_that_is_dropped_counts_no_longer() {
    let (node, shared, pool) = pool(2, central_queue());
    let [first, second] = [0, 1].map(|number| begin(pool.ask(Gated(number), Routing::Optimized)));
    let [third, fourth] = [2, 3].map(|number| begin(pool.ask(Gated(number), Routing::Optimized)));
    let open = || (pool.counts().in_flight, pool.counts().held);
    assert_eq!(open(), (2, 2));
    drop(third);
    assert_eq!(open(), (2, 1));
    // The member counts as free: the call that waited has it, though the member
    // is still at work on what was given up.
    drop(first);
    assert_eq!(open(), (2, 0));
    drop(second);
    assert_eq!(open(), (1, 0));
    shared.let_through(3);
    assert_eq!(fourth.finish(&node).expect("it is served").reply, 3);
    assert_eq!(open(), (0, 0));
    assert_adds_up(&pool.counts());
    assert_eq!(pool.counts().cancelled, 3);
}

#[test]
fn a_call_that_was_never_awaited_never_was() {
    let (_node, _, pool) = pool(1, PoolSpec::new());
    drop(pool.ask(Quick, Routing::Basic));
    assert_eq!(pool.counts().placed, 0);
}
