//! Deadlines: not done is told from unknown.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Poller, Poll, Wake, Waker};
use std::time::Duration;

use nexus::{Agent, AskError, Changed, Context, Execution, Handle, Handler, Message, OnCancel};

use crate::support::{
    Echo, Nap, Never, Opener, Probe, Woken, assert_alive, assert_balanced, err, eventually, held,
    lock, ms, note, now, probe, probes, says, start, test,
};

#[test]
fn a_deadline_that_has_passed_sends_nothing() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        let error = err(node.block_on(probe.ask(Echo(1)).within(Duration::ZERO)));
        assert!(matches!(error, AskError::Expired { .. }));
        assert_eq!(error.changed(), Changed::No);
        assert_eq!(node.counts()["probe"].accepted, 0);
        let in_place = async move { probe.ask(Echo(1)).within(Duration::ZERO).await };
        assert!(matches!(node.run(in_place), Err(AskError::Expired { .. })));
    });
}

#[test]
fn a_message_that_waited_too_long_is_never_handled() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let probe = held(&node, &shared, "p");
        let _opener = Opener(shared.clone());
        let error = err(node.block_on(probe.ask(Echo(1)).within(ms(20))));
        assert!(matches!(error, AskError::Expired { .. }), "not done, not {error}");
        let text = "the deadline passed before the handler started; nothing changed; \
                    try again with more time";
        says(&error, text);
        shared.door.open();
        assert_balanced(&node, "probe");
        let counts = node.counts()["probe"];
        assert_eq!((counts.handled, counts.dropped), (1, 1), "the echo was not handled");
    });
}

#[test]
fn a_handler_that_is_late_may_have_run() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        for in_place in [false, true] {
            let asker = probe.clone();
            let ask = async move { asker.ask(Nap(60_000)).within(ms(20)).await };
            let answer = if in_place { node.run(ask) } else { node.block_on(ask) };
            let error = err(answer);
            assert!(matches!(error, AskError::Deadline { .. }), "unknown, not {error}");
            assert_eq!(error.changed(), Changed::Unknown);
            let text = "the deadline passed while the handler was running; it may have run; \
                        look before trying again";
            says(&error, text);
            probe.kill();
            eventually("it is gone", || !probe.is_running());
            node.spawn::<Probe>("p").expect("the key is free again");
        }
        drop(shared);
    });
}

#[test]
fn a_handlers_own_deadline_holds_for_what_it_asks() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        for key in ["a", "b"] {
            probe(&node, key);
        }
        let a: Handle<Probe> = node.find("a").expect("it runs");
        let b: Handle<Probe> = node.find("b").expect("it runs");
        b.try_tell(Never).expect("there is room");
        shared.wait_for("never b");
        let relay = crate::support::relay(&["b"]);
        // Both run out at the same time; either may be told first.
        let answer = node.block_on(a.ask(relay).within(ms(50)));
        assert!(matches!(answer, Ok(false) | Err(AskError::Deadline { .. })), "{answer:?}");
        eventually("the inner ask has ended too", || {
            matches!(shared.errors()[..], [AskError::Expired { .. }])
        });
        b.kill();
    });
}

/// Does as it is told with its handlers when nobody waits any more.
struct Quitter;

impl Agent for Quitter {
    const KIND: &'static str = "quitter";
    const ON_CANCEL: OnCancel = OnCancel::Drop;
    const DEADLINE: Duration = Duration::from_millis(30);

    fn new(_key: &str) -> Quitter {
        Quitter
    }
}

impl Handler<Never> for Quitter {
    async fn handle(&mut self, _: Never, _cx: &mut Context<Quitter>) -> u64 {
        std::future::pending().await
    }
}

impl Handler<Echo> for Quitter {
    async fn handle(&mut self, Echo(number): Echo, _cx: &mut Context<Quitter>) -> u64 {
        number
    }
}

#[test]
fn a_kind_may_have_its_handlers_dropped_when_their_asker_gives_up() {
    test(|| {
        let node = start(2);
        let quitter: Handle<Quitter> = node.spawn("q").expect("the key is free");
        for _ in 0..3 {
            let error = err(node.block_on(quitter.ask(Never)));
            assert!(matches!(error, AskError::Deadline { .. }), "{error}");
            assert_eq!(node.block_on(quitter.ask(Echo(4)).within(ms(5_000))), Ok(4));
        }
    });
}

/// Says when its handler saw that nobody waits.
#[derive(Message)]
#[message(reply = u64)]
struct UntilCancelled;

impl Handler<UntilCancelled> for Probe {
    async fn handle(&mut self, _: UntilCancelled, cx: &mut Context<Probe>) -> u64 {
        cx.cancelled().await;
        cx.me().try_tell(note("cancelled")).expect("there is room");
        0
    }
}

#[test]
fn a_handler_can_see_that_its_asker_gave_up() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        let error = err(node.block_on(probe.ask(UntilCancelled).within(ms(20))));
        assert!(matches!(error, AskError::Deadline { .. }), "{error}");
        shared.wait_for("cancelled");
        let asker = probe.clone();
        let task = node.task(async move { asker.ask(UntilCancelled).await }).expect("it runs");
        eventually("the handler waits", || node.counts()["probe"].handled == 3);
        task.cancel();
        eventually("it is cancelled again", || shared.lines("cancelled").len() == 2);
    });
}

/// Works for long on its own thread, then asks.
struct Worker;

impl Agent for Worker {
    const KIND: &'static str = "worker";
    const EXECUTION: Execution = Execution::Blocking;

    fn new(_key: &str) -> Worker {
        Worker
    }
}

#[derive(Message)]
#[message(reply = Option<u64>)]
struct WorkThenAsk(u64);

impl Handler<WorkThenAsk> for Worker {
    async fn handle(
        &mut self,
        WorkThenAsk(milliseconds): WorkThenAsk,
        cx: &mut Context<Worker>,
    ) -> Option<u64> {
        let until = now() + ms(milliseconds);
        while now() < until {
            std::hint::spin_loop();
        }
        let probe: Handle<Probe> = cx.find("p").expect("it runs");
        probe.ask(Echo(5)).within(ms(milliseconds / 2)).await.ok()
    }
}

#[test]
fn an_ask_after_long_work_has_all_its_time() {
    test(|| {
        let node = start(1);
        probes(&node);
        probe(&node, "p");
        let worker: Handle<Worker> = node.spawn("w").expect("the key is free");
        assert_eq!(node.block_on(worker.ask(WorkThenAsk(300))), Ok(Some(5)));
        assert_alive(&node);
    });
}

#[test]
fn whoever_polled_last_is_woken() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        let woken: [Arc<Woken>; 2] = Default::default();
        let mut ask = probe.ask(Never).within(ms(30));
        for woken in &woken {
            assert!(woken.poll(&mut ask).is_pending());
        }
        eventually("the second is woken at the deadline", || woken[1].is());
        assert!(woken[1].poll(&mut ask).is_ready());
        shared.wait_for("never p");
        probe.kill();
    });
}

/// Asks for what never comes, having shown the ask to somebody else first.
#[derive(Message)]
#[message(reply = bool)]
struct AskOddly;

impl Handler<AskOddly> for Probe {
    async fn handle(&mut self, _: AskOddly, cx: &mut Context<Probe>) -> bool {
        let other: Handle<Probe> = cx.find("other").expect("it runs");
        let mut ask = other.ask(Never).within(ms(30));
        assert!(Arc::new(Woken::default()).poll(&mut ask).is_pending());
        let late = ask.await.is_err();
        let mut nap = cx.sleep(ms(10));
        assert!(Arc::new(Woken::default()).poll(&mut nap).is_pending());
        nap.await;
        late
    }
}

#[test]
fn a_handler_may_take_over_a_wait_somebody_else_began() {
    test(|| {
        let node = start(2);
        probes(&node);
        let (p, other) = (probe(&node, "p"), probe(&node, "other"));
        assert_eq!(node.block_on(p.ask(AskOddly).within(ms(5_000))), Ok(true));
        other.kill();
    });
}

#[test]
fn the_longest_of_deadlines_is_no_deadline() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        assert_eq!(node.block_on(probe.ask(Nap(1)).within(Duration::MAX)), Ok(1));
        assert_eq!(node.run(async move { probe.ask(Nap(1)).within(Duration::MAX).await }), Ok(1));
    });
}

/// Polls what is inside only when that was woken itself, as joins of many futures do.
struct Picky<F> {
    inner: F,
    knock: Arc<Knock>,
}

#[derive(Default)]
struct Knock {
    woken: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Wake for Knock {
    fn wake(self: Arc<Knock>) {
        self.woken.store(true, Ordering::SeqCst);
        if let Some(outer) = lock(&self.outer).as_ref() {
            outer.wake_by_ref();
        }
    }
}

impl<F: Future> Picky<F> {
    fn new(inner: F) -> Pin<Box<Picky<F>>> {
        let knock = Knock { woken: AtomicBool::new(true), outer: Mutex::default() };
        Box::pin(Picky { inner, knock: Arc::new(knock) })
    }
}

impl<F: Future + Unpin> Future for Picky<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<F::Output> {
        *lock(&self.knock.outer) = Some(poller.waker().clone());
        if !self.knock.woken.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let waker = Waker::from(self.knock.clone());
        Pin::new(&mut self.inner).poll(&mut Poller::from_waker(&waker))
    }
}

/// Waits until nobody waits for it, among others.
#[derive(Message)]
struct Idle;

impl Handler<Idle> for Probe {
    async fn handle(&mut self, _: Idle, cx: &mut Context<Probe>) {
        Picky::new(cx.cancelled()).await;
        cx.me().try_tell(note("cancelled")).expect("there is room");
    }
}

#[test]
fn a_handler_is_told_among_others_that_nobody_waits() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        let error = err(node.block_on(probe.ask(Idle).within(ms(20))));
        assert!(matches!(error, AskError::Deadline { .. }), "{error}");
        shared.wait_for("cancelled");
        let in_place = async move { probe.ask(Idle).within(ms(20)).await };
        assert!(matches!(node.run(in_place), Err(AskError::Deadline { .. })));
        eventually("it is told again", || shared.lines("cancelled").len() == 2);
    });
}
