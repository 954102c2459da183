//! Timers, set from everywhere.

use std::sync::Arc;

use nexus::{Agent, Context, Handle, Handler, KindSpec, Message, Node, Timer};

use crate::support::{
    Nap, Shared, assert_balanced, eventually, ms, now, probe, probes, start, test,
};

struct Clock {
    shared: Arc<Shared>,
    set: Vec<Timer>,
}

impl Agent for Clock {
    const KIND: &'static str = "clock";

    fn new(_key: &str) -> Clock {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
struct Ring(u64);

impl Handler<Ring> for Clock {
    async fn handle(&mut self, Ring(number): Ring, _cx: &mut Context<Clock>) {
        self.shared.note(format!("ring {number}"));
    }
}

/// Sets one timer for each number of milliseconds.
#[derive(Message)]
struct Set(Vec<u64>);

impl Handler<Set> for Clock {
    async fn handle(&mut self, Set(delays): Set, cx: &mut Context<Clock>) {
        self.set.extend(delays.into_iter().map(|delay| cx.after(ms(delay), Ring(delay))));
    }
}

/// Cancels all timers; how many were still to ring.
#[derive(Message)]
#[message(reply = u32)]
struct CancelAll;

impl Handler<CancelAll> for Clock {
    async fn handle(&mut self, _: CancelAll, _cx: &mut Context<Clock>) -> u32 {
        self.set.drain(..).map(|timer| u32::from(timer.cancel())).sum()
    }
}

/// Goes to sleep as often as it says, for a millisecond each time.
#[derive(Message)]
#[message(reply = u64)]
struct Doze(u64);

impl Handler<Doze> for Clock {
    async fn handle(&mut self, Doze(times): Doze, cx: &mut Context<Clock>) -> u64 {
        let start = cx.now();
        for _ in 0..times {
            cx.sleep(ms(1)).await;
        }
        cx.now().since(start).as_millis() as u64
    }
}

#[derive(Message)]
struct Crash;

impl Handler<Crash> for Clock {
    async fn handle(&mut self, _: Crash, _cx: &mut Context<Clock>) {
        panic!("stopped");
    }
}

fn clock(node: &Node) -> (Arc<Shared>, Handle<Clock>) {
    let shared = Arc::new(Shared::default());
    let inner = shared.clone();
    let spec = KindSpec::from_fn(move |_| Clock { shared: inner.clone(), set: Vec::new() });
    node.register(spec).expect("nobody else has the kind");
    (shared, node.spawn("c").expect("the key is free"))
}

#[test]
fn timers_ring_in_order_and_not_early() {
    test(|| {
        let node = start(2);
        let (shared, clock) = clock(&node);
        let start = now();
        node.block_on(clock.ask(Set(vec![30, 10, 20, 11, 0]))).expect("it runs");
        shared.wait_for("ring 30");
        assert!(start.elapsed() >= ms(30));
        assert_eq!(shared.lines("ring "), ["0", "10", "11", "20", "30"]);
    });
}

#[test]
fn a_timer_can_be_taken_back_until_it_rings() {
    test(|| {
        let node = start(1);
        let (shared, clock) = clock(&node);
        node.block_on(clock.ask(Set(vec![1, 60_000, 60_001]))).expect("it runs");
        shared.wait_for("ring 1");
        assert_eq!(node.block_on(clock.ask(CancelAll)), Ok(2));
        assert_eq!(shared.log(), ["ring 1"]);
        assert!(node.metrics().contains("nexus_alarms 0\n"));
    });
}

#[test]
fn a_timer_outlives_a_restart_but_not_its_agent() {
    test(|| {
        let node = start(1);
        let (shared, clock) = clock(&node);
        node.block_on(clock.ask(Set(vec![30]))).expect("it runs");
        node.block_on(clock.ask(Crash)).expect_err("it panics");
        eventually("it is made afresh", || clock.epoch() == 1);
        shared.wait_for("ring 30");
        node.block_on(clock.ask(Set(vec![20]))).expect("it runs");
        clock.stop();
        eventually("it is a dead letter", || {
            node.dead_letters().iter().any(|letter| letter.message == "Ring")
        });
        assert_balanced(&node, "clock");
    });
}

#[test]
fn sleeping_takes_as_long_as_it_says() {
    test(|| {
        let node = start(2);
        let (_, clock) = clock(&node);
        let took = node.block_on(clock.ask(Doze(20))).expect("it runs");
        assert!((20..1_000).contains(&took), "{took} ms");
    });
}

#[test]
fn many_sleepers_all_wake() {
    test(|| {
        let node = start(2);
        probes(&node);
        let asks: Vec<_> = (0..1_000u64)
            .map(|number| {
                let sleeper = probe(&node, &number.to_string());
                let ask = async move { sleeper.ask(Nap(number % 50)).await };
                node.task(ask).expect("it is running")
            })
            .collect();
        for (number, ask) in asks.into_iter().enumerate() {
            assert_eq!(node.block_on(ask), Ok(Ok(number as u64 % 50)));
        }
    });
}

/// Sleeps on many workers are woken on many others: none may be lost, though
/// an agent may be woken while it runs, by a clock that is ahead of its own.
#[test]
fn no_sleep_is_lost_between_workers() {
    test(|| {
        let node = start(4);
        let (_, clock) = clock(&node);
        let mut clocks = vec![clock];
        clocks.extend((0..63).map(|number| node.spawn(&number.to_string()).expect("free")));
        let asks: Vec<_> = clocks
            .into_iter()
            .map(|clock: Handle<Clock>| node.task(async move { clock.ask(Doze(100)).await }))
            .collect();
        for ask in asks {
            let took = node.block_on(ask.expect("it is running"));
            assert!(matches!(took, Ok(Ok(took)) if took >= 100), "{took:?}");
        }
    });
}
