//! What is too much, and what makes no sense.

use nexus::measure::Objective;
use nexus::safety::LadderError;
use nexus::{
    AskError, Changed, EnabledLevels, ErrorCode, IN_FLIGHT_MAX, Level, MEMBERS_MAX, Pool,
    PoolError, PoolSpawnError, PoolSpec, Routing, SpawnError, StrategyName, TrialError, TrialSpec,
};

use tokio::sync::Semaphore;

use crate::support::*;

#[test]
fn calls_beyond_the_limits_are_refused_with_nothing_done() {
    let spec = PoolSpec::new().optimized(StrategyName::CentralQueue).in_flight_max(3).held_max(1);
    let (node, shared, pool) = pool(2, spec);
    let calls: Vec<_> =
        (0..3).map(|number| begin(pool.ask(Gated(number), Routing::Optimized))).collect();
    let error = node.block_on(pool.ask(Quick, Routing::Optimized)).expect_err("one waits");
    assert_eq!(error, PoolError::HeldFull { held_max: 1 });
    let basic = begin(pool.ask(Gated(3), Routing::Basic));
    let error = node.block_on(pool.ask(Quick, Routing::Basic)).expect_err("three are out");
    assert_eq!(error, PoolError::InFlightFull { in_flight_max: 3 });
    assert_eq!((error.changed(), error.code()), (Changed::No, ErrorCode::MailboxFull));
    assert_eq!(pool.counts().refused, 2);

    shared.let_through(4);
    for call in calls.into_iter().chain([basic]) {
        call.finish(&node).expect("it is served");
    }
    assert_adds_up(&pool.counts());
}

#[test]
fn a_pool_that_makes_no_sense_is_not_made() {
    let node = start();
    let refused =
        |count, spec| Pool::<Server>::spawn(&node, "p", count, spec).expect_err("no sense");
    for count in [0, MEMBERS_MAX + 1, usize::MAX] {
        assert_eq!(refused(count, PoolSpec::new()), PoolSpawnError::Members(count));
    }
    for calls in [0, IN_FLIGHT_MAX + 1] {
        let error = refused(1, PoolSpec::new().in_flight_max(calls));
        assert_eq!(error, PoolSpawnError::InFlight(calls));
    }
    let levels = EnabledLevels::BASIC.with(Routing::Adaptive);
    let layered = PoolSpec::new().levels(levels);
    let trial = TrialSpec { harm_cap: 0.5, ..TrialSpec::new(Objective::MeanSeconds) };
    let error = refused(1, layered.trial(trial));
    assert!(matches!(error, PoolSpawnError::Trial(TrialError::HarmCap(_))), "{error:?}");
    let error = refused(1, layered.layers([Level::Reactive]));
    assert_eq!(error, PoolSpawnError::Layers(LadderError::Reactive));
    let error = refused(1, PoolSpec::new().held_max(u32::MAX));
    assert_eq!(error, PoolSpawnError::Held(u32::MAX));
    assert_eq!(node.system().agent_count(), 0);
}

#[test]
fn a_name_is_taken_once_and_a_pool_is_made_whole_or_not_at_all() {
    let node = start();
    let pool = Pool::<Server>::spawn(&node, "p", 2, PoolSpec::new()).expect("the names are free");
    let again = Pool::<Server>::spawn(&node, "p", 2, PoolSpec::new()).expect_err("it is taken");
    let PoolSpawnError::Spawn { name, source } = again else { panic!("{again}") };
    assert_eq!(name, "nexus.pool/p");
    assert!(matches!(source, SpawnError::AlreadyRunning { .. }));
    node.block_on(pool.ask(Quick, Routing::Basic)).expect("it is as it was");

    let odd = node.spawn::<Server>("q-1").expect("the key is free");
    let error = Pool::<Server>::spawn(&node, "q", 3, PoolSpec::new()).expect_err("q-1 is taken");
    let text = "server/q-1 could not be spawned; the pool's other members were stopped again";
    assert_eq!(error.to_string(), text);
    eventually("what was made is stopped", || node.system().agent_count() == 4);
    assert!(odd.is_running());
}

#[test]
fn a_full_mailbox_is_the_member_s_own_affair() {
    let (node, shared, pool) = pool(1, PoolSpec::new());
    let first = begin(pool.ask(Gated(0), Routing::Basic));
    eventually("the first is begun", || lock(&shared.handled).len() == 1);
    let others: Vec<_> =
        (1..1_024).map(|number| begin(pool.ask(Gated(number), Routing::Basic))).collect();
    // There is room for one or two more, and what is given up keeps its place.
    eventually("the mailbox is full", || {
        matches!(
            begin_or_ready(pool.ask(Gated(9_999), Routing::Basic)),
            Some(Err(PoolError::Ask(AskError::MailboxFull { .. })))
        )
    });
    assert!(pool.counts().failed > 0, "it counts against the member");
    shared.let_through(Semaphore::MAX_PERMITS);
    for call in std::iter::once(first).chain(others) {
        call.finish(&node).expect("it had its place");
    }
    assert_eq!(pool.counts().in_flight, 0);
    assert_adds_up(&pool.counts());
}

/// What the future comes to at its first poll.
fn begin_or_ready<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut poller = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut poller) {
        std::task::Poll::Ready(ready) => Some(ready),
        std::task::Poll::Pending => None,
    }
}
