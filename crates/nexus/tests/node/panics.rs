//! Panics in users' code end where they happened: no worker dies, nobody waits
//! for ever, nothing is lost uncounted.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use nexus::{
    Agent, AgentId, AskError, Changed, Context, Crash, Delivery, DeliveryHook, During, EventName,
    Gate, Handle, Handler, KindSpec, MailboxSpec, Message, Node, Overflow, StepOutput, StopReason,
    Time, Wire,
};

use crate::support::{
    Echo, Never, Note, Opener, Panic, Probe, Shared, Woken, assert_alive, assert_balanced, err,
    eventually, held, lock, ms, note, probe, probes, says, start, test,
};

fn oops() -> Panic {
    Panic("oops".to_owned())
}

#[test]
fn a_handler_that_panics_is_made_afresh_and_keeps_its_mail() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        let probe = held(&node, &shared, "p");
        let _opener = Opener(shared.clone());
        let woken = Arc::new(Woken::default());
        let mut ask = probe.ask(oops());
        assert!(woken.poll(&mut ask).is_pending());
        probe.try_tell(note("after")).expect("there is room");
        shared.door.open();
        let error = err(node.block_on(ask));
        let crash = Crash { during: During::Handler, message: "oops".into() };
        assert_eq!((&error, error.changed()), (&AskError::Crashed(crash), Changed::Unknown));
        says(
            &error,
            "agent crashed while handling: panic in handler: oops; it may have run in part",
        );
        shared.wait_for("after");
        assert_eq!(shared.log(), ["made p", "holding p", "dropped p", "made p", "after"]);
        assert_eq!(probe.epoch(), 1);
        let events = node.events();
        let crashed = events.iter().find(|event| event.name == EventName::AgentCrashed);
        let crashed = crashed.expect("a crash is an event");
        assert_eq!((&*crashed.agent, &*crashed.detail), ("probe/p", "panic in handler: oops"));
        assert_alive(&node);
    });
}

#[test]
fn a_panic_in_place_does_not_reach_the_asker() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        let answers = node.run(async move {
            (probe.ask(oops()).await, probe.ask(Echo(1)).await, probe.ask(oops()).await)
        });
        assert!(matches!(answers, (Err(AskError::Crashed(_)), Ok(1), Err(AskError::Crashed(_)))));
        assert_alive(&node);
    });
}

#[test]
fn a_constructor_that_panics_at_a_restart_is_tried_again() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        *lock(&shared.doomed) = 2;
        assert!(node.block_on(probe.ask(oops())).is_err());
        assert_eq!(node.block_on(probe.ask(Echo(1))), Ok(1));
        assert_eq!(node.counts()["probe"].crashed, 3);
    });
}

#[test]
fn a_constructor_that_always_panics_ends_its_agent() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        *lock(&shared.doomed) = u32::MAX;
        assert!(node.block_on(probe.ask(oops())).is_err());
        eventually("it is given up", || !probe.is_running());
        assert_eq!(node.block_on(probe.ask(Echo(1))), Err(AskError::NotRunning));
        assert_balanced(&node, "probe");
        assert_alive(&node);
    });
}

/// What does not panic in this agent?
struct Grenade {
    shared: Arc<Shared>,
    drop: bool,
    stopping: bool,
}

impl Agent for Grenade {
    const KIND: &'static str = "grenade";
    const MAILBOX: MailboxSpec = MailboxSpec::overflow(Overflow::DropOldest).len_max(2);
    const DEADLINE: Duration = Duration::from_secs(5);

    fn new(_key: &str) -> Grenade {
        unreachable!("made by its kind's constructor")
    }

    fn stopping(&mut self, _reason: &StopReason) {
        assert!(!self.stopping, "stopping");
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        self.shared.note("dropped");
        assert!(!self.drop, "drop of the state");
    }
}

/// A reply that panics when nobody takes it.
#[derive(Wire)]
struct Shrapnel(bool);

impl Drop for Shrapnel {
    fn drop(&mut self) {
        assert!(!self.0, "drop of a reply");
    }
}

/// A message that panics when it is dropped unhandled.
#[derive(Message)]
#[message(reply = Shrapnel)]
struct Fuse {
    live: bool,
}

impl Drop for Fuse {
    fn drop(&mut self) {
        assert!(!self.live, "drop of a message");
    }
}

impl Handler<Fuse> for Grenade {
    async fn handle(&mut self, mut fuse: Fuse, _cx: &mut Context<Grenade>) -> Shrapnel {
        fuse.live = false;
        self.shared.note("defused");
        Shrapnel(true)
    }
}

/// Answers late, with a reply that panics when nobody takes it.
#[derive(Message)]
#[message(reply = Shrapnel)]
struct Slow;

impl Handler<Slow> for Grenade {
    async fn handle(&mut self, _: Slow, cx: &mut Context<Grenade>) -> Shrapnel {
        cx.cancelled().await;
        self.shared.note("late");
        Shrapnel(true)
    }
}

#[derive(Message)]
struct Hold;

impl Handler<Hold> for Grenade {
    async fn handle(&mut self, _: Hold, _cx: &mut Context<Grenade>) {
        self.shared.note("holding");
        self.shared.door.pass();
    }
}

/// Sets timers that will find the mailbox full, and holds.
#[derive(Message)]
struct SetTimers;

impl Handler<SetTimers> for Grenade {
    async fn handle(&mut self, _: SetTimers, cx: &mut Context<Grenade>) {
        for _ in 0..5 {
            cx.after(ms(1), Fuse { live: true });
        }
        self.shared.note("holding");
        self.shared.door.pass();
    }
}

fn grenades(node: &Node, drop: bool, stopping: bool) -> (Arc<Shared>, Handle<Grenade>) {
    let shared = Arc::new(Shared::default());
    let inner = shared.clone();
    let make = move |_: &str| Grenade { shared: inner.clone(), drop, stopping };
    node.register(KindSpec::from_fn(make)).expect("nobody else has the kind");
    (shared, node.spawn("g").expect("the key is free"))
}

#[test]
fn a_state_that_panics_when_dropped_is_gone_all_the_same() {
    test(|| {
        for (drop, stopping) in [(true, false), (false, true), (true, true)] {
            let node = start(1);
            let (shared, grenade) = grenades(&node, drop, stopping);
            grenade.stop();
            eventually("it is gone", || !grenade.is_running());
            shared.wait_for("dropped");
            assert_alive(&node);
            let crashed = node.counts()["grenade"].crashed;
            assert_eq!(crashed, u64::from(drop) + u64::from(stopping));
            node.shutdown(ms(1_000));
        }
    });
}

#[test]
fn a_state_that_panics_when_dropped_can_be_restarted() {
    test(|| {
        let node = start(1);
        let (shared, grenade) = grenades(&node, true, false);
        grenade.restart();
        eventually("it is restarted", || grenade.epoch() == 1);
        assert!(shared.has("dropped"));
        assert_alive(&node);
        let shutdown = node.shutdown(ms(1_000));
        assert!(shutdown.drained, "{shutdown:?}");
    });
}

/// Runs `hurt` against a grenade that is held, and sees who is hurt.
#[track_caller]
fn check_held(hurt: fn(&Node, &Handle<Grenade>)) {
    test(move || {
        let node = start(2);
        let (shared, grenade) = grenades(&node, false, false);
        let _opener = Opener(shared.clone());
        grenade.try_tell(Hold).expect("the mailbox is empty");
        shared.wait_for("holding");
        hurt(&node, &grenade);
        shared.door.open();
        assert_balanced(&node, "grenade");
        assert_alive(&node);
    });
}

#[test]
fn messages_that_panic_when_dropped_can_expire() {
    check_held(|node, grenade| {
        let answer = node.block_on(grenade.ask(Fuse { live: true }).within(ms(20)));
        assert!(matches!(answer.map(std::mem::forget), Err(AskError::Expired { .. })));
    });
}

#[test]
fn messages_that_panic_when_dropped_can_be_shed() {
    check_held(|_, grenade| {
        for _ in 0..5 {
            grenade.try_tell(Fuse { live: true }).expect("it always takes");
        }
    });
}

#[test]
fn messages_that_panic_when_dropped_can_die_with_their_agent() {
    check_held(|_, grenade| {
        let woken = Arc::new(Woken::default());
        let mut ask = grenade.ask(Fuse { live: true });
        assert!(woken.poll(&mut ask).is_pending());
        grenade.try_tell(Fuse { live: true }).expect("it always takes");
        grenade.stop();
    });
}

#[test]
fn messages_that_panic_when_dropped_can_come_from_timers() {
    test(|| {
        let node = start(1);
        let (shared, grenade) = grenades(&node, false, false);
        let _opener = Opener(shared.clone());
        grenade.try_tell(SetTimers).expect("the mailbox is empty");
        shared.wait_for("holding");
        eventually("the timers have rung", || node.counts()["grenade"].dropped == 3);
        shared.door.open();
        assert_balanced(&node, "grenade");
        assert_alive(&node);
    });
}

#[test]
fn replies_that_panic_when_dropped_harm_nobody() {
    test(|| {
        let node = start(1);
        let (shared, grenade) = grenades(&node, false, false);
        grenade.try_tell(Fuse { live: true }).expect("the mailbox is empty");
        shared.wait_for("defused");
        assert_alive(&node);
        let answer = node.block_on(grenade.ask(Slow).within(ms(20)));
        assert!(matches!(answer.map(std::mem::forget), Err(AskError::Deadline { .. })));
        shared.wait_for("late");
        assert_alive(&node);
        assert_balanced(&node, "grenade");
    });
}

/// A panic payload that panics itself.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("drop of a panic's payload");
    }
}

#[derive(Message)]
struct PanicTwice;

impl Handler<PanicTwice> for Probe {
    async fn handle(&mut self, _: PanicTwice, _cx: &mut Context<Probe>) {
        std::panic::panic_any(Payload);
    }
}

#[test]
fn a_panic_may_carry_anything() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        let error = err(node.block_on(probe.ask(PanicTwice)));
        let AskError::Crashed(crash) = error else { panic!("it crashed, not {error}") };
        assert_eq!(&*crash.message, "a panic without a text");
        assert_alive(&node);
    });
}

#[test]
fn one_monitor_that_panics_does_not_keep_the_others_uninformed() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        probe.on_down(|_| panic!("a monitor"));
        let inner = shared.clone();
        probe.on_down(move |down| inner.note(format!("told of {}", down.agent)));
        probe.stop();
        shared.wait_for("told of probe/p");
        assert_alive(&node);
        probe.on_down(|_| panic!("a monitor that comes late"));
    });
}

/// A gate and a hook that panic.
struct Broken;

impl Gate for Broken {
    fn hold(&self, _output: StepOutput) {
        panic!("the gate");
    }
}

impl DeliveryHook for Broken {
    fn delivered(&self, delivery: Delivery) {
        assert!(delivery.message != "Note", "the hook");
    }

    fn resumed(&self, _id: AgentId, _now: Time) {
        panic!("the hook, later");
    }
}

#[track_caller]
fn check_broken(spec: fn(KindSpec<Probe>) -> KindSpec<Probe>, ask: fn(&Node, &Handle<Probe>)) {
    test(move || {
        let node = start(1);
        let shared = Arc::new(Shared::default());
        let probes = spec(crate::support::probe_kind(&shared));
        node.register(probes).expect("nobody else has the kind");
        let probe = probe(&node, "p");
        ask(&node, &probe);
        eventually("the agent is made afresh", || probe.epoch() == 1);
        assert_alive(&node);
        assert_balanced(&node, "probe");
    });
}

#[test]
fn a_gate_that_panics_lets_nothing_out_and_crashes_the_agent() {
    check_broken(
        |spec| spec.gate(Arc::new(Broken)),
        |node, probe| {
            let answer = node.block_on(probe.ask(Echo(1)));
            assert_eq!(answer, Err(AskError::Stopped { changed: Changed::Unknown }));
        },
    );
}

#[test]
fn a_hook_that_panics_crashes_the_agent_before_it_handles_the_message() {
    check_broken(
        |spec| spec.hook(Arc::new(Broken)),
        |node, probe| {
            assert_eq!(node.block_on(probe.ask(Echo(1))), Ok(1));
            let error = err(node.block_on(probe.ask(note("unseen"))));
            assert!(matches!(error, AskError::Crashed(_)), "{error}");
        },
    );
}

#[test]
fn a_hook_that_panics_when_a_handler_goes_on_crashes_the_agent() {
    check_broken(
        |spec| spec.hook(Arc::new(Broken)),
        |node, probe| {
            let error = err(node.block_on(probe.ask(crate::support::Nap(1))));
            assert!(matches!(error, AskError::Crashed(_)), "{error}");
        },
    );
}

#[test]
fn a_message_that_is_dropped_by_its_sender_never_was() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        drop(probe.tell(note("never sent")));
        drop(probe.ask(Note("nor this".to_owned())));
        assert_eq!(node.counts()["probe"].accepted, 0);
    });
}

/// Bytes that say what becomes of them.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Moody(u8);

impl serde::Serialize for Moody {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => panic!("serialize"),
            1 => Err(serde::ser::Error::custom("not today")),
            mood => serializer.serialize_u8(mood),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Moody {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Moody, D::Error> {
        let mood: u8 = serde::Deserialize::deserialize(deserializer)?;
        assert!(mood != 9, "deserialize");
        Ok(Moody(mood))
    }
}

impl Wire for Moody {
    const ID: nexus::WireId = nexus::WireId::named("moody");
}

impl Message for Moody {
    type Reply = Moody;
    const NAME: &'static str = "Moody";
}

/// Answers with a mood one lower.
struct Damper;

impl Agent for Damper {
    const KIND: &'static str = "damper";

    fn new(_key: &str) -> Damper {
        Damper
    }

    fn accepts(kind: &mut nexus::Accepts<Damper>) {
        kind.message::<Moody>();
    }
}

impl Handler<Moody> for Damper {
    async fn handle(&mut self, Moody(mood): Moody, _cx: &mut Context<Damper>) -> Moody {
        Moody(mood - 1)
    }
}

#[test]
fn bytes_that_cannot_be_read_or_written_are_errors_that_say_what_changed() {
    test(|| {
        let node = start(1);
        node.spawn::<Damper>("d").expect("the key is free");
        let ask =
            |mood: u8| node.block_on(node.system().ask_by_name("damper", "d", "Moody", vec![mood]));
        assert_eq!(ask(8), Ok(vec![7]));
        let unread = err(ask(9));
        says(
            &unread,
            "message Moody could not be decoded: panic in handler: deserialize; nothing changed",
        );
        for (mood, reason) in [(1, "panic in handler: serialize"), (2, "")] {
            let unwritten = err(ask(mood));
            assert_eq!(unwritten.changed(), Changed::Unknown);
            let text = unwritten.to_string();
            assert!(text.starts_with("the reply to Moody could not be encoded: "), "{text}");
            assert!(text.contains(reason) && text.ends_with("; the handler has run"), "{text}");
        }
        let json = node.system().read_json("damper", "Moody", b"9").expect("it is taken");
        assert!(json.is_err_and(|error| error.reason.ends_with("deserialize")));
        assert_alive(&node);
    });
}

/// A waker that panics when it is called.
struct Firecracker;

impl Wake for Firecracker {
    fn wake(self: Arc<Firecracker>) {
        panic!("woken");
    }
}

#[test]
fn a_waker_that_panics_when_its_alarm_rings_harms_nobody() {
    test(|| {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        let waker = Waker::from(Arc::new(Firecracker));
        let mut poller = std::task::Context::from_waker(&waker);
        let limits = [ms(5), Duration::from_secs(3_600)];
        let mut asks = limits.map(|limit| probe.ask(Never).within(limit));
        for ask in &mut asks {
            assert!(Pin::new(ask).poll(&mut poller).is_pending());
        }
        eventually("the first alarm has rung", || !node.metrics().contains("nexus_alarms 2\n"));
        assert_alive(&node);
        // The other rings when the node ends.
        node.shutdown(ms(100));
    });
}
