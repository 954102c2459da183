//! Members that end, pools that end, nodes that end.

use std::time::Duration;

use nexus::{
    AskError, Changed, EventName, Handle, Intensity, Node, Pool, PoolError, PoolSpec, Routing,
    StrategyName,
};

use crate::support::*;

fn never_replaced() -> PoolSpec {
    PoolSpec::new().replacing(Intensity { restarts_max: 0, within: Duration::ZERO })
}

fn member(node: &Node, index: usize) -> Handle<Server> {
    node.find(&format!("p-{index}")).expect("the member runs")
}

#[track_caller]
fn left_out(pool: &Pool<Server>) -> Vec<Option<String>> {
    pool.counts().members.into_iter().map(|member| member.left_out).collect()
}

#[test]
fn a_member_that_crashes_is_its_supervisors_affair() {
    let (node, _, pool) = pool(2, PoolSpec::new());
    let error = node.block_on(pool.ask(Panic, Routing::Basic)).expect_err("it panicked");
    assert!(matches!(error, PoolError::Ask(AskError::Crashed(_))), "{error}");
    assert_eq!(error.changed(), Changed::Unknown);
    for _ in 0..4 {
        node.block_on(pool.ask(Quick, Routing::Basic)).expect("both serve on");
    }
    let counts = pool.counts();
    assert_eq!(counts.members[0].failed, 1);
    let members: Vec<_> = counts.members.iter().map(|one| (one.done, one.replaced)).collect();
    assert_eq!(members, [(2, 0), (2, 0)]);
}

#[test]
fn a_member_that_ends_is_replaced_by_a_fresh_one() {
    let (node, _, pool) = pool(1, PoolSpec::new());
    for served in 1..=3 {
        let reply = node.block_on(pool.ask(Quick, Routing::Basic)).expect("it is served").reply;
        assert_eq!(reply, served);
    }
    member(&node, 0).stop();
    eventually("it is replaced", || pool.counts().members[0].replaced == 1);
    let served = node.block_on(pool.ask(Quick, Routing::Basic)).expect("it is served");
    assert_eq!((served.reply, served.member), (1, 0), "it begins anew");
    eventually("it is reported", || {
        node.events().iter().any(|event| {
            (event.name, &*event.agent) == (EventName::AgentRestarted, "server/p-0")
                && event.detail == "made anew for pool p"
        })
    });
}

#[test]
fn what_a_killed_member_was_at_work_on_is_unknown_and_what_waited_was_not_done() {
    let (node, shared, pool) = pool(1, PoolSpec::new());
    let [first, second] = [0, 1].map(|number| begin(pool.ask(Gated(number), Routing::Basic)));
    eventually("the first is begun", || lock(&shared.handled).len() == 1);
    member(&node, 0).kill();
    let first = first.finish(&node).expect_err("it was killed");
    assert_eq!(first, PoolError::Ask(AskError::Stopped { changed: Changed::Unknown }));
    let second = second.finish(&node).expect_err("it was killed");
    assert_eq!(second, PoolError::Ask(AskError::Stopped { changed: Changed::No }));
    eventually("it is replaced", || pool.counts().members[0].replaced == 1);
    node.block_on(pool.ask(Quick, Routing::Basic)).expect("it is served");
    assert_eq!((pool.counts().failed, pool.counts().done), (2, 1));
}

#[test]
fn a_member_that_is_left_out_is_not_missed_until_the_pool_is_refilled() {
    let (node, _, pool) = pool(3, never_replaced());
    member(&node, 1).stop();
    eventually("it is left out", || left_out(&pool)[1].is_some());
    assert_eq!(left_out(&pool), [None, Some("stopped".to_owned()), None]);
    for _ in 0..6 {
        let served = node.block_on(pool.ask(Quick, Routing::Basic)).expect("the others serve");
        assert_ne!(served.member, 1);
    }
    [0, 2].iter().for_each(|&index| member(&node, index).stop());
    eventually("all are left out", || left_out(&pool).iter().all(Option::is_some));
    let error = node.block_on(pool.ask(Quick, Routing::Basic)).expect_err("nobody is there");
    assert_eq!((error.changed(), error), (Changed::No, PoolError::NoMember));

    assert_eq!(pool.refill(), 3);
    assert_eq!(pool.refill(), 0);
    assert_eq!(left_out(&pool), [None, None, None]);
    node.block_on(pool.ask(Quick, Routing::Basic)).expect("it is served");
    assert!(node.events().iter().any(|event| {
        (event.name, &*event.agent) == (EventName::SupervisorGaveUp, "server/p-1")
    }));
}

#[test]
fn a_member_that_cannot_be_made_anew_is_left_out() {
    let (node, shared, pool) = pool(2, PoolSpec::new());
    *lock(&shared.doomed) = 1;
    member(&node, 0).stop();
    eventually("it is left out", || left_out(&pool)[0].is_some());
    let reason = left_out(&pool).remove(0).expect("it is left out");
    assert_eq!(reason, "panic in constructor: no server today; nothing changed");
    node.block_on(pool.ask(Quick, Routing::Optimized)).expect("the other serves");
    assert_eq!(pool.refill(), 1);
}

#[test]
fn held_calls_go_to_the_member_that_comes_next() {
    let spec = PoolSpec::new().optimized(StrategyName::CentralQueue);
    let (node, shared, pool) = pool(1, spec);
    let first = begin(pool.ask(Gated(0), Routing::Optimized));
    let second = begin(pool.ask(Gated(1), Routing::Optimized));
    member(&node, 0).kill();
    eventually("it is replaced", || pool.counts().members[0].replaced == 1);
    shared.let_through(1);
    first.finish(&node).expect_err("it was killed");
    assert_eq!(second.finish(&node).expect("it is served").reply, 1);
}

#[test]
fn a_pool_that_is_stopped_refuses_and_its_names_are_free_again() {
    let spec = PoolSpec::new().optimized(StrategyName::CentralQueue);
    let (node, shared, pool) = pool(1, spec);
    let first = begin(pool.ask(Gated(0), Routing::Optimized));
    let second = begin(pool.ask(Gated(1), Routing::Optimized));
    eventually("the first is begun", || lock(&shared.handled).len() == 1);
    pool.stop();
    pool.stop();
    assert_eq!(second.finish(&node).expect_err("it has no member"), PoolError::Stopped);
    let error = node.block_on(pool.ask(Quick, Routing::Basic)).expect_err("it is stopped");
    assert_eq!((error.changed(), error), (Changed::No, PoolError::Stopped));
    shared.let_through(1);
    assert_eq!(first.finish(&node).expect("what was begun is done").reply, 0);
    assert_eq!(pool.refill(), 0);
    eventually("all have ended", || node.system().agent_count() == 0);
    Pool::<Server>::spawn(&node, "p", 1, PoolSpec::new()).expect("the names are free");
}

#[test]
fn the_members_end_with_the_last_clone() {
    let (node, _, pool) = pool(2, PoolSpec::new());
    let clone = pool.clone();
    drop(pool);
    node.block_on(clone.ask(Quick, Routing::Basic)).expect("it is served");
    assert_eq!(node.system().agent_count(), 3);
    drop(clone);
    eventually("all have ended", || node.system().agent_count() == 0);
    let counts = node.counts()["server"];
    assert_eq!((counts.spawned, counts.stopped), (2, 2), "none was replaced");
}

/// Whoever waits when a node ends is told, whether its member ends or not.
#[test]
fn nobody_waits_for_a_node_that_has_ended() {
    in_time(|| {
        let spec = PoolSpec::new().optimized(StrategyName::CentralQueue);
        let (node, shared, pool) = pool(1, spec);
        let [first, second, third] =
            [0, 1, 2].map(|number| begin(pool.ask(Gated(number), Routing::Optimized)));
        eventually("the first is begun", || lock(&shared.handled).len() == 1);
        let shutdown = node.shutdown(Duration::from_millis(20));
        assert!(!shutdown.drained, "a handler waits for the gate");

        let other = start();
        let first = first.finish(&other).expect_err("its node has ended");
        assert_eq!(first.changed(), Changed::Unknown);
        for held in [second, third] {
            let error = held.finish(&other).expect_err("its node has ended");
            assert_eq!(error, PoolError::Ask(AskError::ShuttingDown));
        }
        let error = other.block_on(pool.ask(Quick, Routing::Basic)).expect_err("it has ended");
        assert_eq!(error, PoolError::Ask(AskError::ShuttingDown));
        assert_adds_up(&pool.counts());
    });
}
