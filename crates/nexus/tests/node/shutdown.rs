//! Shutting down: what has begun is finished, within the limit, and whoever
//! still waits for something is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use nexus::{
    Agent, AgentId, AskError, Changed, Context, Counts, Delivery, DeliveryHook, Execution, Gate,
    Handle, Handler, KindSpec, MailboxSpec, Message, Node, Overflow, Shutdown, SpawnError,
    StepOutput, System, TellError, Time,
};

use crate::support::{
    Echo, Nap, Never, Opener, Probe, Shared, Woken, assert_alive, churn, err, eventually, held, ms,
    note, now, probe, probes, probes_with, says, start, test,
};

fn drained() -> Shutdown {
    Shutdown { drained: true, ..cut_short(&[]) }
}

fn cut_short(names: &[&str]) -> Shutdown {
    Shutdown {
        drained: false,
        cut_short: names.iter().map(|name| (*name).to_owned()).collect(),
        stuck: Vec::new(),
        left_queued: 0,
        timers_dropped: 0,
        counts: BTreeMap::new(),
    }
}

/// Shuts down, and checks that what was accepted is accounted for.
#[track_caller]
fn shut_down(node: Node, limit: Duration) -> Shutdown {
    let system = node.system().clone();
    let shutdown = node.shutdown(limit);
    assert_eq!(system.counts(), shutdown.counts, "the last counts stay");
    let queued = |counts: &Counts| counts.queued();
    assert_eq!(shutdown.counts.values().map(queued).sum::<u64>(), shutdown.left_queued);
    Shutdown { counts: BTreeMap::new(), ..shutdown }
}

#[test]
fn what_is_queued_is_still_handled() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let probe = held(&node, &shared, "p");
        for number in 0..100 {
            probe.try_tell(note(number)).expect("there is room");
        }
        let system = node.system().clone();
        let stopping = std::thread::spawn(move || shut_down(node, ms(10_000)));
        eventually("it is shutting down", || system.is_shutting_down());
        shared.door.open();
        assert_eq!(stopping.join().expect("it does not panic"), drained());
        let log = shared.log();
        assert_eq!(log.len(), 2 + 100 + 2);
        assert_eq!(log[102..], ["stopping p: node shut down", "dropped p"]);
        assert_eq!(system.dead_letters(), []);
    });
}

/// Passes a number on until it is zero.
struct Ring(Option<Handle<Ring>>);

impl Agent for Ring {
    const KIND: &'static str = "ring";

    fn new(_key: &str) -> Ring {
        Ring(None)
    }
}

#[derive(Message)]
struct Pass(u32);

impl Handler<Pass> for Ring {
    async fn handle(&mut self, Pass(left): Pass, cx: &mut Context<Ring>) {
        let next = if cx.key() == "a" { "b" } else { "a" };
        let next = self.0.get_or_insert_with(|| cx.find(next).expect("both run"));
        if left > 0 {
            next.tell(Pass(left - 1)).await.expect("the others finish what they began");
        }
    }
}

#[test]
fn work_that_moves_from_agent_to_agent_is_finished() {
    test(|| {
        for _ in 0..5 {
            let node = start(2);
            let [a, _b] = ["a", "b"].map(|key| node.spawn::<Ring>(key).expect("the key is free"));
            let system = node.system().clone();
            a.try_tell(Pass(300_000)).expect("there is room");
            assert_eq!(shut_down(node, ms(15_000)), drained());
            assert_eq!(system.dead_letters(), []);
        }
    });
}

#[test]
fn nothing_new_is_taken_while_it_lasts() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let _opener = Opener(shared.clone());
        let busy = held(&node, &shared, "busy");
        let system = node.system().clone();
        let stopping = std::thread::spawn(move || shut_down(node, ms(10_000)));
        eventually("it is shutting down", || system.is_shutting_down());
        let error = err(system.spawn::<Probe>("new"));
        assert_eq!(error, SpawnError::ShuttingDown);
        says(&error, "node is shutting down; nothing changed; try another node");
        assert!(matches!(system.spawn::<Ring>("new").map(drop), Err(SpawnError::ShuttingDown)));
        let error = err(busy.try_tell(note("no")));
        says(&error, "node is shutting down; nothing changed; try another node");
        assert!(matches!(error, TellError::ShuttingDown(_)));
        let woken = Arc::new(Woken::default());
        let answer = woken.poll(&mut busy.ask(Echo(1)));
        assert_eq!(answer, std::task::Poll::Ready(Err(AskError::ShuttingDown)));
        says(&AskError::ShuttingDown, "node is shutting down; nothing changed; try another node");
        shared.door.open();
        assert_eq!(stopping.join().expect("it does not panic"), drained());
        assert!(!shared.has("no"));
    });
}

#[test]
fn agents_may_finish_what_they_began() {
    test(|| {
        let node = start(2);
        probes(&node);
        let (p, q) = (probe(&node, "p"), probe(&node, "q"));
        let task = node.task(async move {
            p.ask(Nap(20)).await?;
            q.ask(Nap(20)).await?;
            p.ask(Echo(3)).await
        });
        let task = task.expect("it is running");
        assert_eq!(shut_down(node, ms(10_000)), drained());
        let woken = Arc::new(Woken::default());
        assert_eq!(woken.poll(&mut Box::pin(task)), std::task::Poll::Ready(Ok(Ok(3))));
    });
}

#[test]
fn the_limit_is_kept_and_tells_who_was_cut_short() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let [sleeper, waiter] = ["sleeper", "waiter"].map(|key| probe(&node, key));
        sleeper.try_tell(Nap(60_000)).expect("there is room");
        waiter.try_tell(Never).expect("there is room");
        waiter.try_tell(note("unread")).expect("there is room");
        eventually("both wait", || node.counts()["probe"].handled == 2);
        let system = node.system().clone();
        let begun = now();
        let mut shutdown = shut_down(node, ms(50));
        assert!(begun.elapsed() < ms(3_000), "{:?}", begun.elapsed());
        shutdown.cut_short.sort_unstable();
        assert_eq!(shutdown, cut_short(&["probe/sleeper: suspended", "probe/waiter: suspended"]),);
        assert_eq!(system.dead_letters()[0].message, "Note");
        assert!(shared.has("dropped sleeper") && shared.has("dropped waiter"));
    });
}

/// What a handler that never returned leaves behind stays in memory for ever.
/// Kept here, where a leak checker sees that it is meant.
static LEFT_BEHIND: OnceLock<Arc<System>> = OnceLock::new();

#[test]
fn a_handler_that_never_returns_is_left_behind_and_nobody_waits_for_it() {
    test(|| {
        let node = start(2);
        let shared = probes_with(&node, MailboxSpec::overflow(Overflow::Wait).len_max(1));
        let _opener = Opener(shared.clone());
        let stuck = held(&node, &shared, "stuck");
        let woken: [Arc<Woken>; 2] = Default::default();
        let mut ask = stuck.ask(Echo(1));
        assert!(woken[0].poll(&mut ask).is_pending());
        let mut tell = stuck.tell(note("waits for room"));
        assert!(woken[1].poll(&mut tell).is_pending());
        let inner = shared.clone();
        let held_task = node.task(async move { inner.door.pass() }).expect("it is running");
        eventually("the task runs", || node.counts()["nexus.task"].accepted == 1);
        let begun = now();
        let _ = LEFT_BEHIND.set(node.system().clone());
        let shutdown = shut_down(node, ms(20));
        assert!(begun.elapsed() < ms(3_000), "{:?}", begun.elapsed());
        assert!(shutdown.stuck.contains(&"probe/stuck: running".to_owned()), "{shutdown:?}");
        assert_eq!(shutdown.left_queued, 1, "the ask whose handler never began");
        assert!(woken[0].is() && woken[1].is(), "whoever waits is woken");
        let stopped = AskError::Stopped { changed: Changed::No };
        assert_eq!(woken[0].poll(&mut ask), std::task::Poll::Ready(Err(stopped)));
        let std::task::Poll::Ready(Err(error)) = woken[1].poll(&mut tell) else {
            panic!("the tell waits on")
        };
        assert!(matches!(error, TellError::ShuttingDown(_)), "{error}");
        drop(held_task);
    });
}

#[test]
fn dropping_a_node_shuts_it_down() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        for number in 0..100 {
            probe.try_tell(note(number)).expect("there is room");
        }
        drop(node);
        assert_eq!(shared.log().len(), 103);
        assert!(!probe.is_running());
        assert!(matches!(probe.try_tell(note("late")), Err(TellError::ShuttingDown(_))));
    });
}

#[test]
fn a_node_may_be_shut_down_by_its_own_task() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        probe(&node, "p");
        let (give, take) = std::sync::mpsc::channel::<Node>();
        let inner = shared.clone();
        let task = node.task(async move {
            let node = take.recv().expect("the node is sent");
            let shutdown = shut_down(node, ms(20));
            inner.note(format!("shut down, stuck: {:?}", shutdown.stuck));
        });
        drop(task);
        give.send(node).expect("the task is there");
        shared.wait_for(r#"shut down, stuck: ["nexus.task/0: running"]"#);
        assert!(shared.has("dropped p"));
    });
}

struct Blocker(Arc<Shared>);

impl Agent for Blocker {
    const KIND: &'static str = "blocker";
    const EXECUTION: Execution = Execution::Blocking;

    fn new(_key: &str) -> Blocker {
        unreachable!("made by its kind's constructor")
    }
}

impl Handler<Echo> for Blocker {
    async fn handle(&mut self, Echo(number): Echo, _cx: &mut Context<Blocker>) -> u64 {
        self.0.note("blocks");
        self.0.door.pass();
        self.0.note("passed");
        number
    }
}

#[test]
fn blocking_agents_are_waited_for_too() {
    test(|| {
        let node = start(1);
        let shared = Arc::new(Shared::default());
        let inner = shared.clone();
        let spec = KindSpec::from_fn(move |_| Blocker(inner.clone()));
        node.register(spec).expect("nobody else has the kind");
        let blocker: Handle<Blocker> = node.spawn("b").expect("the key is free");
        for number in 0..3 {
            blocker.try_tell(Echo(number)).expect("there is room");
        }
        shared.wait_for("blocks");
        let system = node.system().clone();
        let stopping = std::thread::spawn(move || shut_down(node, ms(10_000)));
        eventually("it is shutting down", || system.is_shutting_down());
        shared.door.open();
        assert_eq!(stopping.join().expect("it does not panic"), drained());
        assert_eq!(shared.lines("passed").len(), 3);
    });
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Holds things that have to be given back one day.
struct Keeper {
    _state: Counted,
    dropped: Arc<AtomicUsize>,
}

impl Agent for Keeper {
    const KIND: &'static str = "keeper";

    fn new(_key: &str) -> Keeper {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
enum Keep {
    SetTimer,
    Wait,
}

impl Handler<Keep> for Keeper {
    async fn handle(&mut self, keep: Keep, cx: &mut Context<Keeper>) {
        match keep {
            Keep::SetTimer => drop(cx.after(ms(3_600_000), Keep::Wait)),
            Keep::Wait => {
                let _local = Counted(self.dropped.clone());
                std::future::pending().await
            }
        }
    }
}

/// Nothing of a node is left when it has shut down: no state, no handler, no
/// timer, no kind, and no system once the last handle has gone.
#[test]
fn everything_is_given_back() {
    test(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let node = start(2);
        let inner = dropped.clone();
        let make = move |_: &str| Keeper { _state: Counted(inner.clone()), dropped: inner.clone() };
        node.register(KindSpec::from_fn(make)).expect("nobody else has the kind");
        let keepers: Vec<Handle<Keeper>> =
            (0..10).map(|number| node.spawn(&number.to_string()).expect("it is free")).collect();
        for keeper in &keepers {
            keeper.try_tell(Keep::SetTimer).expect("there is room");
            keeper.try_tell(Keep::Wait).expect("there is room");
            keeper.try_tell(Keep::Wait).expect("there is room");
        }
        drop(node.task(std::future::pending::<()>()));
        eventually("all wait", || node.counts()["keeper"].handled == 20);
        let system = Arc::downgrade(node.system());
        assert_alive(&node);
        let shutdown = shut_down(node, ms(10));
        assert_eq!((shutdown.timers_dropped, shutdown.stuck.len()), (10, 0));
        assert_eq!(dropped.load(Ordering::Relaxed), 20, "states and handlers");
        assert!(system.upgrade().is_some(), "the handles keep what they point at");
        drop(keepers);
        assert!(system.upgrade().is_none(), "nothing else does");
        assert_eq!(Arc::strong_count(&dropped), 1, "the constructor is gone too");
    });
}

#[test]
fn nodes_come_and_go_quickly() {
    test(|| {
        for round in 0..30 {
            let node = start(1 + round % 3);
            if round % 2 == 0 {
                assert_alive(&node);
            }
            assert!(shut_down(node, ms(5_000)).drained);
        }
    });
}

#[test]
fn a_shutdown_that_is_cut_short_gives_everything_back_too() {
    test(|| {
        let node = start(2);
        let churned = churn(&node, 64);
        let system = Arc::downgrade(node.system());
        let shutdown = shut_down(node, ms(10));
        assert!(!shutdown.drained && shutdown.stuck.is_empty(), "{shutdown:?}");
        drop(churned);
        eventually("what was left in the run queues is gone", || system.upgrade().is_none());
    });
}

/// Looks at the node when it is dropped, and then panics.
struct Bomb {
    system: Weak<System>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        let system = self.system.upgrade().expect("the test holds it");
        assert_eq!(system.kind_names(), [""; 0], "the kinds are forgotten by now");
        self.dropped.fetch_add(1, Ordering::Relaxed);
        panic!("drop of what a kind was made with");
    }
}

impl Gate for Bomb {
    fn hold(&self, output: StepOutput) {
        output.outbox.release();
    }
}

impl DeliveryHook for Bomb {
    fn delivered(&self, _delivery: Delivery) {}

    fn resumed(&self, _id: AgentId, _now: Time) {}
}

#[test]
fn what_a_kind_was_made_with_may_do_as_it_likes_when_it_is_dropped() {
    test(|| {
        let node = start(1);
        let (system, dropped) = (node.system().clone(), Arc::new(AtomicUsize::new(0)));
        let bomb = || Bomb { system: Arc::downgrade(&system), dropped: dropped.clone() };
        let made = bomb();
        let spec = KindSpec::from_fn(move |_| {
            let _kept = &made;
            Ring(None)
        });
        node.register(spec.gate(Arc::new(bomb())).hook(Arc::new(bomb()))).expect("it is free");
        node.spawn::<Ring>("a").expect("the key is free");
        assert_eq!(shut_down(node, ms(5_000)), drained());
        assert_eq!(dropped.load(Ordering::Relaxed), 3, "constructor, gate and hook");
    });
}
