//! Asks that would wait for themselves.

use std::sync::{Arc, Barrier, Mutex};

use nexus::{
    Agent, AskError, Changed, Context, ErrorCode, Handle, Handler, KindSpec, Message, Node,
};

use crate::support::{Probe, assert_alive, lock, probe, probes, relay, says, start, test};

fn paths(errors: &[AskError]) -> Vec<String> {
    errors
        .iter()
        .map(|error| match error {
            AskError::Cycle { path, changed: Changed::No } => path.to_string(),
            other => panic!("a cycle was expected, not {other}"),
        })
        .collect()
}

/// Asks `path[0]` to relay along the rest; the cycle found must read `expected`.
#[track_caller]
fn check(path: &'static [&'static str], expected: &'static str) {
    test(move || {
        for in_place in [true, false] {
            let node = start(2);
            let shared = probes(&node);
            for key in ["a", "b", "c"] {
                probe(&node, key);
            }
            let first = node.find::<Probe>(path[0]).expect("it runs");
            let ask = relay(&path[1..]);
            let reached = match in_place {
                true => node.run(async move { first.ask(ask).await }),
                false => node.block_on(first.ask(ask)),
            };
            assert_eq!(reached, Ok(false), "in place: {in_place}");
            assert_eq!(paths(&shared.errors()), [expected], "in place: {in_place}");
            assert_alive(&node);
        }
    });
}

#[test]
fn an_agent_cannot_ask_itself() {
    check(&["a", "a"], "probe/a -> probe/a");
}

#[test]
fn a_cycle_is_named_with_its_whole_path() {
    check(&["a", "b", "a"], "probe/a -> probe/b -> probe/a");
    check(&["a", "b", "c", "a"], "probe/a -> probe/b -> probe/c -> probe/a");
}

#[test]
fn who_only_leads_to_the_cycle_is_not_on_its_path() {
    check(&["a", "b", "c", "b"], "probe/b -> probe/c -> probe/b");
}

#[test]
fn the_error_says_that_nothing_changed() {
    test(|| {
        let node = start(1);
        let shared = probes(&node);
        let a = probe(&node, "a");
        assert_eq!(node.block_on(a.ask(relay(&["a"]))), Ok(false));
        let text = "asking would wait for itself: probe/a -> probe/a; nothing changed";
        says(&shared.errors()[0], text);
    });
}

/// Meets another at a barrier and then asks it.
struct Rival {
    barrier: Arc<Barrier>,
    seen: Seen,
}

impl Agent for Rival {
    const KIND: &'static str = "rival";

    fn new(_key: &str) -> Rival {
        unreachable!("made by its kind's constructor")
    }
}

#[derive(Message)]
#[message(reply = u32)]
struct Meet(String);

#[derive(Message)]
#[message(reply = u32)]
struct Greet;

impl Handler<Meet> for Rival {
    async fn handle(&mut self, Meet(other): Meet, cx: &mut Context<Rival>) -> u32 {
        let other: Handle<Rival> = cx.find(&other).expect("it runs");
        // Both are in their handlers, hence on two workers.
        self.barrier.wait();
        let answer = other.ask(Greet).await;
        lock(&self.seen).push(answer.clone());
        answer.unwrap_or(0)
    }
}

impl Handler<Greet> for Rival {
    async fn handle(&mut self, _: Greet, _cx: &mut Context<Rival>) -> u32 {
        1
    }
}

/// What rivals were answered.
type Seen = Arc<Mutex<Vec<Result<u32, AskError>>>>;

fn rivals(node: &Node) -> Seen {
    let barrier = Arc::new(Barrier::new(2));
    let seen: Seen = Arc::default();
    let inner = seen.clone();
    let make = move |_: &str| Rival { barrier: barrier.clone(), seen: inner.clone() };
    node.register(KindSpec::from_fn(make)).expect("nobody else has the kind");
    seen
}

#[test]
fn two_chains_that_close_a_cycle_across_workers_are_told_apart() {
    test(|| {
        for _ in 0..50 {
            let node = start(2);
            let seen = rivals(&node);
            let [a, b] = ["a", "b"].map(|key| node.spawn::<Rival>(key).expect("the key is free"));
            let asks = [(a, "b"), (b, "a")].map(|(rival, other)| {
                let ask = async move { rival.ask(Meet(other.to_owned())).queued().await };
                node.task(ask).expect("it is running")
            });
            let mut answers = asks.map(|task| {
                node.block_on(task).expect("it does not panic").expect("it answers in time")
            });
            answers.sort_unstable();
            assert_eq!(answers, [0, 1], "one is refused, which frees the other");
            let refused = lock(&seen).iter().find_map(|answer| answer.clone().err());
            let error = refused.expect("one is refused");
            let AskError::Cycle { path, .. } = &error else { panic!("a cycle, not {error}") };
            let names = path.0.iter().map(String::as_str).collect::<Vec<_>>();
            assert_eq!(names.first(), names.last());
            assert_eq!(names.len(), 3, "{names:?}");
        }
    });
}

#[test]
fn a_chain_without_a_cycle_may_be_long() {
    test(|| {
        let node = start(2);
        probes(&node);
        let keys: Vec<String> = (0..600).map(|number| number.to_string()).collect();
        for key in &keys {
            probe(&node, key);
        }
        let first = node.find::<Probe>("0").expect("it runs");
        let path: Vec<&str> = keys[1..].iter().map(String::as_str).collect();
        let ask = relay(&path);
        assert_eq!(node.run(async move { first.ask(ask).await }), Ok(true));
    });
}

#[test]
fn a_chain_without_end_is_refused() {
    test(|| {
        let node = start(2);
        let shared = probes(&node);
        // A chain is looked at where an ask leaves the stack, which is after 256
        // asks in place at the latest: beyond 1,024 that comes before 1,400.
        let keys: Vec<String> = (0..1_400).map(|number| number.to_string()).collect();
        for key in &keys {
            probe(&node, key);
        }
        let first = node.find::<Probe>("0").expect("it runs");
        let path: Vec<&str> = keys[1..].iter().map(String::as_str).collect();
        assert_eq!(node.block_on(first.ask(relay(&path))), Ok(false));
        let error = shared.errors().swap_remove(0);
        assert!(matches!(error, AskError::ChainTooLong { .. }), "{error}");
        assert_eq!((error.changed(), error.code()), (Changed::No, ErrorCode::Cycle));
        let text = error.to_string();
        assert!(text.starts_with("1024 asks wait for one another already, the last "), "{text}");
    });
}
