//! Monitors and links: who is told when an agent goes down.

use std::sync::Arc;
use std::task::{Context as Poller, Wake, Waker};

use nexus::{
    Agent, Context, Down, Handle, Handler, KindSpec, MailboxSpec, Message, Node, ON_DOWN_MAX,
    Overflow,
};

use crate::support::{
    Never, Opener, Panic, Probe, Shared, assert_alive, assert_balanced, eventually, note, probe,
    probe_kind, probes, start, test,
};

/// Watches a probe, or is tied to it.
struct Watcher(Arc<Shared>);

impl Agent for Watcher {
    const KIND: &'static str = "watcher";

    fn new(_key: &str) -> Watcher {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
enum Watch {
    Monitor(String),
    Link(String),
    Unlink(String),
    /// Is at work until the door opens.
    Hold,
}

impl Handler<Watch> for Watcher {
    async fn handle(&mut self, watch: Watch, cx: &mut Context<Watcher>) {
        let find = |key: &str| -> Handle<Probe> { cx.find(key).expect("it runs") };
        match watch {
            Watch::Monitor(key) => cx.monitor(&find(&key)),
            Watch::Link(key) => cx.link(&find(&key)),
            Watch::Unlink(key) => cx.unlink(&find(&key)),
            Watch::Hold => {
                self.0.note("holds");
                self.0.door.pass();
            }
        }
    }
}

impl Handler<Down> for Watcher {
    async fn handle(&mut self, down: Down, _cx: &mut Context<Watcher>) {
        let Down { agent, abnormal, reason } = down;
        self.0.note(format!("{agent} down, abnormal {abnormal}: {reason}"));
    }
}

/// A node with a probe `p` and a watcher that was told to `watch` it.
fn watched(watch: Watch) -> (Node, Arc<Shared>, Handle<Probe>, Handle<Watcher>) {
    watched_with(watch, Probe::MAILBOX)
}

fn watched_with(
    watch: Watch,
    mailbox: MailboxSpec,
) -> (Node, Arc<Shared>, Handle<Probe>, Handle<Watcher>) {
    let node = start(2);
    let shared = Arc::new(Shared::default());
    node.register(probe_kind(&shared).mailbox(mailbox)).expect("nobody else has the kind");
    let inner = shared.clone();
    let spec = KindSpec::from_fn(move |_| Watcher(inner.clone()));
    node.register(spec).expect("nobody else has the kind");
    let (probe, watcher) = (probe(&node, "p"), node.spawn::<Watcher>("w").expect("free"));
    node.block_on(watcher.ask(watch)).expect("it runs");
    (node, shared, probe, watcher)
}

fn p() -> String {
    "p".to_owned()
}

fn oops() -> Panic {
    Panic("oops".to_owned())
}

#[test]
fn a_monitor_is_told_once_how_it_ended() {
    test(|| {
        let (node, shared, probe, watcher) = watched(Watch::Monitor(p()));
        probe.stop();
        shared.wait_for("probe/p down, abnormal false: stopped");
        crate::support::probe(&node, "p").kill();
        assert_alive(&node);
        assert_eq!(shared.lines("probe/p down").len(), 1, "the next of that name is another");
        assert!(watcher.is_running());
    });
}

#[test]
fn a_full_mailbox_takes_the_news_all_the_same() {
    for overflow in [Overflow::Refuse, Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest] {
        test(move || {
            let node = start(2);
            let shared = probes(&node);
            let probe = probe(&node, "p");
            let inner = shared.clone();
            let spec = KindSpec::from_fn(move |_| Watcher(inner.clone()));
            let mailbox = MailboxSpec::overflow(overflow).len_max(1);
            node.register(spec.mailbox(mailbox)).expect("nobody else has the kind");
            let watcher = node.spawn::<Watcher>("w").expect("the key is free");
            node.block_on(watcher.ask(Watch::Monitor(p()))).expect("it runs");
            let _opener = Opener(shared.clone());
            watcher.try_tell(Watch::Hold).expect("there is room");
            shared.wait_for("holds");
            watcher.try_tell(Watch::Unlink(p())).expect("there is room for one");
            probe.stop();
            eventually("it is down", || !probe.is_running());
            eventually("the news is there", || node.counts()["watcher"].accepted == 4);
            shared.door.open();
            shared.wait_for("probe/p down, abnormal false: stopped");
            assert_eq!(node.dead_letters(), []);
            assert_balanced(&node, "watcher");
        });
    }
}

#[test]
fn a_kill_and_a_crash_are_abnormal() {
    test(|| {
        let (_node, shared, probe, _watcher) = watched(Watch::Monitor(p()));
        probe.kill();
        shared.wait_for("probe/p down, abnormal true: killed");
    });
    test(|| {
        let (_node, shared, probe, _watcher) = watched(Watch::Monitor(p()));
        for _ in 0..4 {
            probe.try_tell(oops()).expect("there is room");
        }
        shared.wait_for("probe/p down, abnormal true: crashed: panic in handler: oops");
        assert_eq!(shared.lines("probe/p down").len(), 1, "restarts are not ends");
    });
}

#[test]
fn whoever_watches_one_that_is_down_is_told_at_once() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        probe.stop();
        eventually("it is down", || !probe.is_running());
        let inner = shared.clone();
        probe.on_down(move |down| inner.note(format!("told of {}", down.agent)));
        assert!(shared.has("told of probe/p"));
    });
}

#[test]
fn a_handle_from_before_watches_the_agent_there_is() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let before = probe(&node, "p");
        before.stop();
        eventually("it is down", || !before.is_running());
        let now = probe(&node, "p");
        for (handle, name) in [(&now, "new"), (&before, "old")] {
            let inner = shared.clone();
            handle.on_down(move |_| inner.note(format!("told {name}")));
        }
        assert_eq!(shared.lines("told "), [""; 0], "it runs");
        now.stop();
        shared.wait_for("told old");
        shared.wait_for("told new");
    });
}

#[test]
fn links_pass_on_abnormal_ends() {
    test(|| {
        let (_node, _shared, probe, watcher) = watched(Watch::Link(p()));
        probe.kill();
        eventually("the linked one is stopped", || !watcher.is_running());
    });
    test(|| {
        let (_node, shared, probe, watcher) = watched(Watch::Link(p()));
        watcher.kill();
        eventually("it works both ways", || !probe.is_running());
        shared.wait_for("stopping p: a linked agent went down");
    });
}

#[test]
fn links_do_not_pass_on_an_orderly_stop() {
    test(|| {
        let (node, shared, probe, watcher) = watched(Watch::Link(p()));
        probe.stop();
        shared.wait_for("dropped p");
        assert_alive(&node);
        assert!(watcher.is_running());
    });
}

#[test]
fn a_link_can_be_undone() {
    test(|| {
        let (node, shared, probe, watcher) = watched(Watch::Link(p()));
        node.block_on(watcher.ask(Watch::Unlink(p()))).expect("it runs");
        probe.kill();
        shared.wait_for("dropped p");
        assert_alive(&node);
        assert!(watcher.is_running());
    });
}

#[test]
fn the_reason_of_one_life_is_not_told_of_the_next() {
    test(|| {
        let (node, shared, probe, watcher) = watched(Watch::Link(p()));
        watcher.kill();
        eventually("the linked one is stopped", || !probe.is_running());
        let next = crate::support::probe(&node, "p");
        next.stop();
        shared.wait_for("stopping p: stopped");
    });
}

#[test]
fn a_suspended_handler_is_told_apart_from_a_stopped_agent() {
    test(|| {
        let (_node, shared, probe, _watcher) = watched(Watch::Monitor(p()));
        probe.try_tell(Never).expect("there is room");
        shared.wait_for("never p");
        probe.stop();
        probe.kill();
        shared.wait_for("probe/p down, abnormal true: killed");
    });
}

/// Watches the probe when it is woken.
struct LateWatcher(Handle<Probe>, Arc<Shared>);

impl Wake for LateWatcher {
    fn wake(self: Arc<LateWatcher>) {
        let shared = self.1.clone();
        self.0.on_down(move |down| shared.note(format!("late: {}", down.reason)));
    }
}

#[test]
fn who_starts_to_watch_while_it_goes_down_takes_no_others_along() {
    test(|| {
        let one = MailboxSpec::overflow(Overflow::Wait).len_max(1);
        let (node, shared, probe, watcher) = watched_with(Watch::Monitor(p()), one);
        node.block_on(watcher.ask(Watch::Link(p()))).expect("it runs");
        let _opener = Opener(shared.clone());
        probe.try_tell(crate::support::Hold).expect("the mailbox is empty");
        shared.wait_for("holding p");
        let inner = shared.clone();
        probe.on_down(move |down| inner.note(format!("early: {}", down.reason)));
        probe.try_tell(note("fills the mailbox")).expect("there is room for one");
        // Senders in line are woken when it has closed, before anybody is told.
        let late = Waker::from(Arc::new(LateWatcher(probe.clone(), shared.clone())));
        let mut tell = Box::pin(probe.tell(note("stands in line")));
        assert!(tell.as_mut().poll(&mut Poller::from_waker(&late)).is_pending());
        probe.kill();
        shared.door.open();
        for line in ["late: killed", "early: killed"] {
            shared.wait_for(line);
        }
        eventually("the linked one is stopped", || !watcher.is_running());
    });
}

#[test]
fn whoever_is_late_is_told_how_it_ended() {
    fn told(end: fn(&Handle<Probe>)) -> (bool, String) {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        end(&probe);
        eventually("it is down", || !probe.is_running());
        let (tell, told) = std::sync::mpsc::channel();
        probe.on_down(move |down| tell.send((down.abnormal, down.reason)).expect("it is awaited"));
        told.recv().expect("it is told")
    }
    test(|| {
        assert_eq!(told(Handle::stop), (false, "stopped".to_owned()));
        assert_eq!(told(Handle::kill), (true, "killed".to_owned()));
        let crash = |probe: &Handle<Probe>| {
            (0..4).for_each(|_| probe.try_tell(oops()).expect("there is room"));
        };
        assert_eq!(told(crash), (true, "crashed".to_owned()));
    });
}

/// Ties itself to a probe that may have ended.
struct Tied(Handle<Probe>);

impl Agent for Tied {
    const KIND: &'static str = "tied";

    fn new(_key: &str) -> Tied {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
struct Tie;

impl Handler<Tie> for Tied {
    async fn handle(&mut self, _: Tie, cx: &mut Context<Tied>) {
        cx.link(&self.0);
    }
}

#[test]
fn a_link_to_one_that_has_ended_passes_on_an_abnormal_end_alone() {
    fn tied(end: fn(&Handle<Probe>)) -> (Node, Handle<Tied>) {
        let node = start(1);
        probes(&node);
        let probe = probe(&node, "p");
        end(&probe);
        eventually("it is down", || !probe.is_running());
        node.register(KindSpec::from_fn(move |_| Tied(probe.clone()))).expect("it is free");
        let tied: Handle<Tied> = node.spawn("t").expect("the key is free");
        node.block_on(tied.ask(Tie)).expect("it runs");
        (node, tied)
    }
    test(|| {
        let (node, survivor) = tied(Handle::stop);
        assert_eq!(node.block_on(survivor.ask(Tie)), Ok(()), "it runs on");
        let (_node, other) = tied(Handle::kill);
        eventually("it is stopped", || !other.is_running());
    });
}

#[test]
fn who_watches_twice_is_told_once() {
    test(|| {
        let (node, shared, probe, watcher) = watched(Watch::Monitor(p()));
        node.block_on(watcher.ask(Watch::Monitor(p()))).expect("it runs");
        crate::support::probe(&node, "q");
        let inner = shared.clone();
        probe.on_down(move |_| inner.note("the last one is told"));
        probe.stop();
        shared.wait_for("the last one is told");
        node.block_on(watcher.ask(Watch::Unlink("q".to_owned()))).expect("it runs");
        assert_eq!(shared.lines("probe/p down").len(), 1);
    });
}

#[test]
fn a_watch_ends_with_whoever_watches() {
    test(|| {
        let (node, shared, probe, watcher) = watched(Watch::Monitor(p()));
        watcher.stop();
        eventually("the watcher is gone", || !watcher.is_running());
        let inner = shared.clone();
        probe.on_down(move |_| inner.note("told"));
        probe.stop();
        shared.wait_for("told");
        assert_eq!(node.dead_letters(), [], "nobody is told in vain");
    });
}

#[test]
fn whoever_watches_from_outside_learns_when_there_are_too_many() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let probe = probe(&node, "p");
        let watch = || {
            let inner = shared.clone();
            probe.on_down(move |_| inner.note("told"))
        };
        assert!((0..ON_DOWN_MAX).all(|_| watch()));
        assert!(!watch(), "there is no room for another");
        probe.stop();
        eventually("the others are told", || shared.lines("told").len() == ON_DOWN_MAX);
    });
}
