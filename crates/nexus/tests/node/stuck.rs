//! Handlers that never return.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use nexus::{Agent, AskError, Context, Handle, Handler, KindSpec, Message, Node};

use crate::support::{
    Echo, Echoer, Hold, Nap, Never, Opener, Shared, Woken, assert_alive, err, eventually, held, ms,
    note, now, probe, probes, start, test,
};

#[test]
fn others_go_on_while_a_handler_blocks_a_worker() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let stuck = held(&node, &shared, "stuck");
        let _opener = Opener(shared.clone());
        for _ in 0..20 {
            assert_alive(&node);
        }
        let error = err(node.block_on(stuck.ask(Echo(1)).within(ms(50))));
        assert!(matches!(error, AskError::Expired { .. }), "{error}");
    });
}

#[test]
fn deadlines_hold_even_if_the_only_worker_is_blocked() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        held(&node, &shared, "stuck");
        let _opener = Opener(shared.clone());
        let other = probe(&node, "other");
        let error = err(node.block_on(other.ask(Echo(1)).within(ms(50))));
        assert!(matches!(error, AskError::Expired { .. }), "{error}");
        shared.door.open();
        assert_eq!(node.block_on(other.ask(Echo(1))), Ok(1));
    });
}

/// Wakes others and then blocks; or keeps its worker busy for ever.
struct Nuisance(Arc<Shared>);

impl Agent for Nuisance {
    const KIND: &'static str = "nuisance";

    fn new(_key: &str) -> Nuisance {
        unreachable!("made by its kind's constructor")
    }
}

/// Tells all others something, then blocks the worker they are queued on.
#[derive(Message)]
struct WakeAllThenHold(u64);

impl Handler<WakeAllThenHold> for Nuisance {
    async fn handle(&mut self, WakeAllThenHold(others): WakeAllThenHold, cx: &mut Context<Self>) {
        for number in 0..others {
            let other: Handle<Echoer> = cx.find(&number.to_string()).expect("it runs");
            other.try_tell(Echo(number)).expect("there is room");
        }
        self.0.note("blocks");
        self.0.door.pass();
    }
}

/// Goes on for ever, a short message at a time.
#[derive(Message)]
struct Churn;

impl Handler<Churn> for Nuisance {
    async fn handle(&mut self, _: Churn, cx: &mut Context<Self>) {
        cx.me().try_tell(Churn).expect("there is room for one");
    }
}

/// Registers nuisances, and spawns one.
fn nuisance(node: &Node) -> (Handle<Nuisance>, Arc<Shared>, Opener) {
    let shared = Arc::new(Shared::default());
    let inner = shared.clone();
    let spec = KindSpec::from_fn(move |_| Nuisance(inner.clone()));
    node.register(spec).expect("nobody else has the kind");
    (node.spawn("0").expect("the key is free"), shared.clone(), Opener(shared))
}

#[test]
fn what_waits_behind_a_blocked_worker_is_done_by_busy_ones() {
    test(|| {
        let node = start(2);
        let (blocker, shared, _opener) = nuisance(&node);
        for number in 0..10 {
            node.spawn::<Echoer>(&number.to_string()).expect("the key is free");
        }
        let churner = node.spawn::<Nuisance>("churner").expect("the key is free");
        churner.try_tell(Churn).expect("there is room");
        blocker.try_tell(WakeAllThenHold(10)).expect("there is room");
        shared.wait_for("blocks");
        eventually("all ten are done", || node.counts()["echoer"].handled == 10);
        churner.kill();
    });
}

#[test]
fn timers_ring_though_the_worker_they_were_set_on_is_blocked() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let _opener = Opener(shared.clone());
        let sleepers: Vec<_> = (0..8).map(|number| probe(&node, &number.to_string())).collect();
        let naps: Vec<_> = sleepers
            .into_iter()
            .map(|sleeper| node.task(async move { sleeper.ask(Nap(60)).await }).expect("it runs"))
            .collect();
        held(&node, &shared, "stuck");
        for nap in naps {
            assert_eq!(node.block_on(nap), Ok(Ok(60)));
        }
    });
}

#[test]
fn a_future_that_never_resolves_blocks_its_agent_alone() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let stuck = probe(&node, "stuck");
        let error = err(node.block_on(stuck.ask(Never).within(ms(20))));
        assert!(matches!(error, AskError::Deadline { .. }), "{error}");
        let error = err(node.block_on(stuck.ask(Echo(1)).within(ms(20))));
        assert!(matches!(error, AskError::Expired { .. }), "{error}");
        assert_alive(&node);
        stuck.stop();
        assert!(stuck.is_running(), "stop waits for the handler");
        stuck.kill();
        shared.wait_for("dropped stuck");
        eventually("it is gone", || !stuck.is_running());
    });
}

#[test]
fn a_kill_waits_for_a_handler_that_blocks() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let stuck = held(&node, &shared, "stuck");
        let _opener = Opener(shared.clone());
        stuck.try_tell(Hold).expect("there is room");
        stuck.kill();
        assert_alive(&node);
        assert!(!shared.has("dropped stuck"));
        shared.door.open();
        shared.wait_for("dropped stuck");
        eventually("its mail is dead", || node.counts()["probe"].dead == 1);
    });
}

/// Has tokio run a task on its worker that blocks it once it is told to go.
struct Smuggler {
    shared: Arc<Shared>,
    go: Arc<tokio::sync::Notify>,
}

impl Agent for Smuggler {
    const KIND: &'static str = "smuggler";

    fn new(_key: &str) -> Smuggler {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
struct Smuggle;

impl Handler<Smuggle> for Smuggler {
    async fn handle(&mut self, _: Smuggle, _cx: &mut Context<Smuggler>) {
        let (shared, go) = (self.shared.clone(), self.go.clone());
        #[allow(clippy::disallowed_methods, reason = "what users do all the same is tested")]
        tokio::spawn(async move {
            go.notified().await;
            shared.note("blocks");
            shared.door.pass();
        });
    }
}

/// Runs `meanwhile` while tokio keeps a worker that has nothing to do for us in a task.
fn smuggled(before: fn(&Node), meanwhile: fn(&Node)) {
    test(move || {
        let node = start(2);
        let (shared, go) = (Arc::new(Shared::default()), Arc::new(tokio::sync::Notify::new()));
        let _opener = Opener(shared.clone());
        let inner = (shared.clone(), go.clone());
        let make = move |_: &str| Smuggler { shared: inner.0.clone(), go: inner.1.clone() };
        node.register(KindSpec::from_fn(make)).expect("nobody else has the kind");
        let smuggler: Handle<Smuggler> = node.spawn("s").expect("the key is free");
        node.block_on(smuggler.ask(Smuggle)).expect("it runs");
        before(&node);
        go.notify_one();
        shared.wait_for("blocks");
        meanwhile(&node);
        shared.door.open();
    });
}

#[test]
fn work_from_outside_does_not_wait_behind_a_task_of_tokios() {
    smuggled(|_| {}, assert_alive);
}

#[test]
fn timers_ring_though_tokio_keeps_their_worker_in_a_task() {
    let set = |node: &Node| {
        let shared = probes(node);
        let sleepers: Vec<_> = (0..8).map(|number| probe(node, &number.to_string())).collect();
        for sleeper in sleepers {
            let (inner, nap) = (shared.clone(), Nap(60));
            let nap = node.task(async move {
                sleeper.ask(nap).await.expect("it runs");
                inner.note("awake");
            });
            drop(nap.expect("it is running"));
        }
        eventually("all sleep", || node.counts()["probe"].accepted == 8);
    };
    let rung = |node: &Node| {
        eventually("all are awake", || node.counts()["nexus.task"].agents() == 0);
    };
    smuggled(set, rung);
}

/// Asks an echoer a number of times, without leaving its handler in between.
#[derive(Message)]
#[message(reply = u64)]
struct AskWithoutAwaiting(u64);

impl Handler<AskWithoutAwaiting> for Nuisance {
    async fn handle(&mut self, ask: AskWithoutAwaiting, cx: &mut Context<Nuisance>) -> u64 {
        let echoer: Handle<Echoer> = cx.find("0").expect("it runs");
        let woken = Arc::new(Woken::default());
        (0..ask.0).filter(|number| woken.poll(&mut echoer.ask(Echo(*number))).is_ready()).count()
            as u64
    }
}

#[test]
fn a_handler_that_cannot_yield_is_not_asked_to() {
    test(|| {
        let node = start(1);
        let (nuisance, _shared, _opener) = nuisance(&node);
        assert_alive(&node);
        assert_eq!(node.block_on(nuisance.ask(AskWithoutAwaiting(2_000))), Ok(2_000));
    });
}

/// Works for some milliseconds.
#[derive(Message)]
struct Toil(u64);

fn work(milliseconds: u64) {
    let start = now();
    while start.elapsed() < ms(milliseconds) {
        std::hint::spin_loop();
    }
}

impl Handler<Toil> for Nuisance {
    async fn handle(&mut self, Toil(milliseconds): Toil, _cx: &mut Context<Nuisance>) {
        work(milliseconds);
        self.0.note("toil");
    }
}

/// Has the nuisance called `1` toil so often, in place.
#[derive(Message)]
struct HaveToil(u64);

impl Handler<HaveToil> for Nuisance {
    async fn handle(&mut self, HaveToil(count): HaveToil, cx: &mut Context<Nuisance>) {
        let other: Handle<Nuisance> = cx.find("1").expect("it runs");
        for _ in 0..count {
            other.ask(Toil(5)).await.expect("it runs");
        }
    }
}

/// With one worker: after how much toil somebody else had a turn.
fn toil_before_others(send: impl FnOnce(&Handle<Nuisance>)) -> usize {
    let node = start(1);
    let (nuisance, shared, _opener) = nuisance(&node);
    let _other: Handle<Nuisance> = node.spawn("1").expect("the key is free");
    let probe_shared = probes(&node);
    let _probe_opener = Opener(probe_shared.clone());
    let holder = held(&node, &probe_shared, "holder");
    send(&nuisance);
    let waiting = probe(&node, "waiting");
    waiting.try_tell(note("turn")).expect("there is room");
    probe_shared.door.open();
    probe_shared.wait_for("turn");
    let toil = shared.lines("toil").len();
    holder.kill();
    toil
}

#[test]
fn long_handlers_let_others_have_their_turn_between_them() {
    test(|| {
        let toil = toil_before_others(|nuisance| {
            (0..40).for_each(|_| nuisance.try_tell(Toil(5)).expect("there is room"));
        });
        assert!(toil < 20, "{toil} long handlers before anybody else");
    });
}

#[test]
fn long_handlers_in_place_let_others_have_their_turn_between_them() {
    test(|| {
        let toil = toil_before_others(|nuisance| {
            nuisance.try_tell(HaveToil(40)).expect("there is room");
        });
        assert!(toil < 20, "{toil} long handlers before anybody else");
    });
}

/// Keeps its worker busy for a millisecond a message, and always has another.
struct Drudge(Arc<Drudgery>);

/// What drudges share.
#[derive(Default)]
struct Drudgery {
    threads: Mutex<Vec<ThreadId>>,
    over: AtomicBool,
}

impl Agent for Drudge {
    const KIND: &'static str = "drudge";

    fn new(_key: &str) -> Drudge {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
struct Go;

impl Handler<Go> for Drudge {
    async fn handle(&mut self, _: Go, cx: &mut Context<Self>) {
        let begun = now();
        while begun.elapsed() < ms(1) {
            std::hint::spin_loop();
        }
        let mut threads = self.0.threads.lock().expect("nobody panics with it");
        let thread = std::thread::current().id();
        if !threads.contains(&thread) {
            threads.push(thread);
        }
        if !self.0.over.load(Ordering::Relaxed) {
            cx.me().try_tell(Go).expect("there is room for one");
        }
    }
}

/// Has four drudges begin on the worker it runs on.
#[derive(Message)]
struct StartAll;

impl Handler<StartAll> for Drudge {
    async fn handle(&mut self, _: StartAll, cx: &mut Context<Self>) {
        for key in ["1", "2", "3", "4"] {
            let other: Handle<Drudge> = cx.find(key).expect("it runs");
            other.try_tell(Go).expect("there is room");
        }
    }
}

#[test]
fn agents_that_wait_long_are_shared_with_a_worker_that_sleeps() {
    test(|| {
        let node = start(2);
        let drudgery = Arc::new(Drudgery::default());
        let shared = drudgery.clone();
        let spec = KindSpec::from_fn(move |_| Drudge(shared.clone()));
        node.register(spec).expect("nobody else has the kind");
        for key in ["0", "1", "2", "3", "4"] {
            node.spawn::<Drudge>(key).expect("the key is free");
        }
        let first: Handle<Drudge> = node.find("0").expect("it runs");
        first.try_tell(StartAll).expect("there is room");
        let workers = || drudgery.threads.lock().expect("nobody panics with it").len();
        eventually("both workers take part", || workers() == 2);
        drudgery.over.store(true, Ordering::Relaxed);
    });
}
