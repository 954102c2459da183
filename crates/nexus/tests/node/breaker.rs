//! The circuit breaker around calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use nexus::{
    BREAKERS_MAX, BreakerConfig, BreakerError, BreakerState, CircuitBreaker, Outcome, Time,
};

use crate::support::{Woken, err, eventually, ms, start, test};

const CONFIG: BreakerConfig = BreakerConfig {
    failures_max: 2,
    open_for: Duration::from_secs(10),
    probes: 1,
    doubling: true,
    open_for_max: Duration::from_secs(60),
    probe_timeout: Duration::from_secs(5),
};

/// A breaker whose clock stands until it is moved.
fn breaker() -> (CircuitBreaker, impl Fn(u64)) {
    let seconds = Arc::new(AtomicU64::new(0));
    let clock = seconds.clone();
    let now = move || Time::from_nanos(clock.load(Ordering::Relaxed) * 1_000_000_000);
    let breaker = CircuitBreaker::new("db", CONFIG, now);
    (breaker, move |to| seconds.store(to, Ordering::Relaxed))
}

/// Calls what returns `result`; whether it was called.
fn call(breaker: &CircuitBreaker, result: Result<u32, &'static str>) -> bool {
    let mut called = false;
    let call = breaker.call(async {
        called = true;
        result
    });
    let answer = Arc::new(Woken::default()).poll(&mut Box::pin(call));
    match answer {
        Poll::Ready(Ok(value)) => assert_eq!(Ok(value), result),
        Poll::Ready(Err(BreakerError::Failed(error))) => assert_eq!(Err(error), result),
        Poll::Ready(Err(_)) => assert!(!called, "an open breaker calls nothing"),
        Poll::Pending => panic!("nothing here waits"),
    }
    called
}

#[test]
fn it_opens_probes_and_closes() {
    let (breaker, at) = breaker();
    assert!(call(&breaker, Ok(1)));
    assert!(call(&breaker, Err("down")));
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(call(&breaker, Err("down")));
    assert_eq!(breaker.state(), BreakerState::Open);
    at(9);
    assert!(!call(&breaker, Ok(2)));
    at(10);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(call(&breaker, Err("still down")));
    assert_eq!(breaker.state(), BreakerState::Open);
    at(29);
    assert!(!call(&breaker, Ok(3)), "twice as long after a failed probe");
    at(30);
    assert!(call(&breaker, Ok(4)));
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(call(&breaker, Ok(5)));
}

#[test]
fn an_open_one_says_when_to_try_again() {
    test(|| {
        let node = start(1);
        let (breaker, at) = breaker();
        for _ in 0..2 {
            call(&breaker, Err("down"));
        }
        at(4);
        let error = err(node.block_on(breaker.call(async { Ok::<(), String>(()) })));
        let text = "circuit breaker db is open; nothing was called; try again in 6s";
        assert_eq!(error.to_string(), text);
        let ten = Time::from_nanos(10_000_000_000);
        assert!(matches!(error, BreakerError::Open { retry_at, .. } if retry_at == ten));
        assert_eq!(format!("{breaker:?}"), "CircuitBreaker(db: Open)");
    });
}

#[test]
fn the_caller_says_what_a_failure_is() {
    test(|| {
        let node = start(1);
        let (breaker, _) = breaker();
        for _ in 0..5 {
            let judge = |result: &Result<(), &str>| match result {
                Err("not found") | Ok(()) => Outcome::Success,
                Err(_) => Outcome::Failure,
            };
            let call = breaker.call_judged(async { Err("not found") }, judge);
            assert_eq!(err(node.block_on(call)).to_string(), "not found");
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    });
}

#[test]
fn a_call_that_is_dropped_has_failed() {
    let (breaker, at) = breaker();
    for _ in 0..2 {
        let mut call = Box::pin(breaker.call(std::future::pending::<Result<(), String>>()));
        assert!(Arc::new(Woken::default()).poll(&mut call).is_pending());
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    at(10);
    let mut probe = Box::pin(breaker.call(std::future::pending::<Result<(), String>>()));
    assert!(Arc::new(Woken::default()).poll(&mut probe).is_pending());
    assert!(!call(&breaker, Ok(1)), "one probe at a time");
    at(15);
    assert_eq!(breaker.state(), BreakerState::Open, "a probe may not take for ever");
    drop(probe);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_nodes_breakers_are_shared_by_name_and_use_its_clock() {
    test(|| {
        let node = start(1);
        let config = BreakerConfig { open_for: ms(20), ..CONFIG };
        for _ in 0..2 {
            assert!(call(&node.breaker("db", config), Err("down")));
        }
        let same = node.breaker("db", config);
        assert_eq!(node.breaker("other", config).state(), BreakerState::Closed);
        eventually("it may be tried again", || same.state() == BreakerState::HalfOpen);
        assert!(call(&same, Ok(1)));
        assert_eq!(node.breaker("db", config).state(), BreakerState::Closed);
        for number in 0..2 * BREAKERS_MAX {
            assert!(call(&node.breaker(&number.to_string(), config), Ok(1)));
        }
        let shown = node.metrics().matches("nexus_breaker_state{").count();
        assert_eq!(shown, 3 * BREAKERS_MAX, "three states each, of as many as are known");
    });
}
