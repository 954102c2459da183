//! Kinds that block have threads of their own.

use std::sync::Arc;

use nexus::{
    Agent, BLOCKING_THREADS_MAX, Context, Execution, Handle, Handler, KindSpec, MailboxSpec,
    Message, Node,
};

use crate::support::{
    Echo, Opener, Probe, Shared, assert_alive, eventually, ms, note, probe, probes, start, test,
};

/// Sends in one run of an agent before it lets others go first.
const SENDS_PER_RUN: u32 = 512;

struct Blocker(Arc<Shared>);

impl Agent for Blocker {
    const KIND: &'static str = "blocker";
    const EXECUTION: Execution = Execution::Blocking;

    fn new(_key: &str) -> Blocker {
        unreachable!("made by its kind's constructor")
    }
}

/// Blocks until the door opens.
#[derive(Message)]
#[message(reply = String)]
struct Pass;

impl Handler<Pass> for Blocker {
    async fn handle(&mut self, _: Pass, cx: &mut Context<Blocker>) -> String {
        self.0.note(format!("blocks {}", cx.key()));
        self.0.door.pass();
        std::thread::current().name().unwrap_or_default().to_owned()
    }
}

impl Handler<Echo> for Blocker {
    async fn handle(&mut self, Echo(number): Echo, cx: &mut Context<Blocker>) -> u64 {
        cx.sleep(ms(1)).await;
        cx.after(ms(1), Noted(number));
        tokio::time::sleep(ms(1)).await;
        number
    }
}

#[derive(Message)]
struct Noted(u64);

impl Handler<Noted> for Blocker {
    async fn handle(&mut self, Noted(number): Noted, _cx: &mut Context<Blocker>) {
        self.0.note(note(number).0);
    }
}

fn blockers(node: &Node, count: usize) -> (Arc<Shared>, Vec<Handle<Blocker>>, Opener) {
    let shared = Arc::new(Shared::default());
    let inner = shared.clone();
    let spec = KindSpec::from_fn(move |_| Blocker(inner.clone()));
    node.register(spec).expect("nobody else has the kind");
    let spawn = |number: usize| node.spawn(&number.to_string()).expect("the key is free");
    let opener = Opener(shared.clone());
    (shared, (0..count).map(spawn).collect(), opener)
}

#[test]
fn they_stop_nobody_and_never_run_in_place() {
    test(|| {
        let node = start(1);
        let (shared, blockers, _opener) = blockers(&node, 4);
        let asks: Vec<_> = blockers
            .iter()
            .cloned()
            .map(|blocker| node.task(async move { blocker.ask(Pass).await }).expect("it runs"))
            .collect();
        eventually("all four block at once", || shared.lines("blocks ").len() == 4);
        assert_alive(&node);
        shared.door.open();
        for ask in asks {
            assert_eq!(node.block_on(ask), Ok(Ok("nexus-blocking".to_owned())));
        }
        assert_eq!(node.counts()["blocker"].in_place, 0);
    });
}

#[test]
fn more_of_them_than_threads_wait_for_their_turn() {
    test(|| {
        let node = start(1);
        let count = BLOCKING_THREADS_MAX + 40;
        let (shared, blockers, _opener) = blockers(&node, count);
        for blocker in &blockers {
            blocker.try_tell(Pass).expect("there is room");
        }
        let blocking = || shared.lines("blocks ").len();
        eventually("every thread there may be is taken", || blocking() == BLOCKING_THREADS_MAX);
        assert_alive(&node);
        assert!(node.metrics().contains("nexus_blocking_threads 512\n"));
        shared.door.open();
        eventually("all have passed", || node.counts()["blocker"].handled == count as u64);
    });
}

#[test]
fn each_has_a_thread_though_others_are_about_to_block() {
    test(|| {
        let node = start(1);
        let (shared, blockers, _opener) = blockers(&node, 9);
        // Leaves one thread idle, to be fought over.
        node.block_on(blockers[8].ask(Echo(1))).expect("it runs");
        shared.wait_for("1");
        for blocker in &blockers[..8] {
            blocker.try_tell(Pass).expect("there is room");
        }
        eventually("all eight block at once", || shared.lines("blocks ").len() == 8);
    });
}

#[test]
fn timers_and_sleeps_work_there_too() {
    test(|| {
        let node = start(1);
        let (shared, blockers, _opener) = blockers(&node, 3);
        for (number, blocker) in blockers.iter().enumerate() {
            assert_eq!(node.block_on(blocker.ask(Echo(number as u64))), Ok(number as u64));
            shared.wait_for(&number.to_string());
        }
    });
}

/// Tells a probe this often, and blocks on each.
#[derive(Message)]
struct Pour(u64);

impl Handler<Pour> for Blocker {
    async fn handle(&mut self, Pour(count): Pour, cx: &mut Context<Blocker>) {
        let probe: Handle<Probe> = cx.find("p").expect("it runs");
        for number in 0..count {
            let runtime = tokio::runtime::Handle::current();
            runtime.block_on(probe.tell(note(number))).expect("there is room");
        }
    }
}

#[test]
fn one_may_block_on_any_number_of_tells() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        let (_, blockers, _opener) = blockers(&node, 1);
        let count = 2 * u64::from(SENDS_PER_RUN);
        let mailbox = MailboxSpec::DEFAULT;
        assert!(count <= u64::from(mailbox.len_max), "nobody waits for room");
        node.block_on(blockers[0].ask(Pour(count))).expect("it runs to its end");
        eventually("all are handled", || node.counts()["probe"].handled == count);
        assert!(probe.is_running());
    });
}
