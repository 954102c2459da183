//! Monitors and links: who is told when an agent goes down.

use std::sync::Arc;

use nexus::{Agent, Context, Down, Handle, Handler, KindSpec, Message, Node};

use crate::support::{
    Never, Panic, Probe, Shared, assert_alive, eventually, probe, probes, start, test,
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
}

impl Handler<Watch> for Watcher {
    async fn handle(&mut self, watch: Watch, cx: &mut Context<Watcher>) {
        let find = |key: &str| -> Handle<Probe> { cx.find(key).expect("it runs") };
        match watch {
            Watch::Monitor(key) => cx.monitor(&find(&key)),
            Watch::Link(key) => cx.link(&find(&key)),
            Watch::Unlink(key) => cx.unlink(&find(&key)),
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
    let node = start(2);
    let shared = probes(&node);
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
