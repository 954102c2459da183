//! Answers that are kept, at which level and for how long.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nexus::{Handle, KindLayers, Level, Reactive, ReactiveAgent, ReactiveKind, Request};
use serde_json::{Value, json};

use crate::support::{adaptive, ask, caching, eventually, layers, start};

/// A kind of its own for each test, which counts its runs.
macro_rules! kind {
    ($Kind:ident, $name:literal, $spec:expr) => {
        struct $Kind;

        impl $Kind {
            fn runs() -> &'static AtomicU64 {
                static RUNS: AtomicU64 = AtomicU64::new(0);
                &RUNS
            }
        }

        impl ReactiveKind for $Kind {
            const KIND: &'static str = $name;

            fn rules() -> &'static Reactive {
                static RULES: LazyLock<Reactive> = LazyLock::new(|| {
                    Reactive::kv().with_query("count", |state, args| {
                        $Kind::runs().fetch_add(1, Ordering::Relaxed);
                        assert!(args["panic"].is_null(), "told to");
                        Ok(state.get("n").cloned().unwrap_or_default())
                    })
                });
                &RULES
            }

            fn layers() -> Option<KindLayers> {
                Some(KindLayers::new($spec).expect("it holds together"))
            }
        }
    };
}

fn count() -> Request {
    Request::query("count", json!({}))
}

fn put(n: u64) -> Request {
    Request::update("put", json!({"key": "n", "value": n}))
}

fn told(answer: &nexus::Answer) -> Value {
    serde_json::to_value(&answer.level).expect("it is data")
}

kind!(Off, "off", caching(100, 3_600.0));

#[test]
fn a_level_that_is_not_enabled_or_not_built_falls_and_says_so() {
    let node = start();
    let agent = node.spawn::<ReactiveAgent<Off>>("a").expect("the key is free");
    let layers = layers::<Off>(node.system());
    let check = |level: Level, used: &str, reason: Value| {
        agent.set_level(level);
        let level = told(&ask(&node, &agent, count()));
        assert_eq!((&level["used"], &level["reason"]), (&json!(used), &reason));
    };
    check(Level::Adaptive, "reactive", json!("adaptive is not enabled"));
    check(Level::Emergent, "reactive", json!("emergent is not built"));
    layers.enable(Level::Adaptive).expect("it can be enabled");
    check(Level::Adaptive, "adaptive", json!(null));
    check(Level::Emergent, "adaptive", json!("emergent is not built"));
    check(Level::Reactive, "reactive", json!(null));
    layers.disable(Level::Adaptive).expect("it can be disabled");
    check(Level::Adaptive, "reactive", json!("adaptive: switched off by an operator"));
}

kind!(Kept, "kept", caching(100, 3_600.0));

#[test]
fn a_second_query_is_answered_without_its_handler_until_its_own_agent_changes() {
    let node = start();
    let (a, b) = (adaptive::<Kept>(&node, "a"), adaptive::<Kept>(&node, "b"));
    let check = |of: &Handle<ReactiveAgent<Kept>>, value: Value, runs: u64| {
        assert_eq!(ask(&node, of, count()).value, value);
        assert_eq!(Kept::runs().load(Ordering::Relaxed), runs);
    };
    ask(&node, &a, put(1));
    check(&a, json!(1), 1);
    check(&a, json!(1), 1);
    check(&b, json!(null), 2);
    ask(&node, &b, put(2));
    check(&a, json!(1), 2);
    check(&b, json!(2), 3);
    ask(&node, &a, Request::action("add", json!({"key": "n", "by": 4})));
    check(&a, json!(5), 4);
    // A change at another level counts as well.
    a.set_level(Level::Reactive);
    ask(&node, &a, put(7));
    a.set_level(Level::Adaptive);
    check(&a, json!(7), 5);
    let answers = layers::<Kept>(node.system()).status().answers;
    assert_eq!((answers.hits, answers.kept), (2, 2));
}

kind!(Again, "again", caching(100, 3_600.0));

#[test]
fn an_agent_that_starts_again_tells_nothing_of_before() {
    let node = start();
    let agent = adaptive::<Again>(&node, "a");
    ask(&node, &agent, put(1));
    assert_eq!(ask(&node, &agent, count()).value, json!(1));
    let panics = Request::query("count", json!({"panic": true}));
    node.block_on(agent.ask(panics)).expect_err("the rule panics");
    agent.set_level(Level::Adaptive);
    assert_eq!(ask(&node, &agent, count()).value, json!(null));
    ask(&node, &agent, put(2));
    assert_eq!(ask(&node, &agent, count()).value, json!(2));
    agent.stop();
    eventually("it ends", || node.find::<ReactiveAgent<Again>>("a").is_none());
    let agent = node.spawn::<ReactiveAgent<Again>>("a").expect("the key is free again");
    agent.set_level(Level::Adaptive);
    assert_eq!(ask(&node, &agent, count()).value, json!(null));
    let layers = layers::<Again>(node.system()).status().ladder.layers;
    assert!(layers.iter().all(|layer| layer.inside == 0), "{layers:?}");
}

/// An agent's first state is looked at ...
static LOOKS: AtomicBool = AtomicBool::new(false);
/// ... until that is enough.
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// A kind whose agents may take long to be made.
struct Late;

impl ReactiveKind for Late {
    const KIND: &'static str = "late";

    fn rules() -> &'static Reactive {
        static RULES: LazyLock<Reactive> = LazyLock::new(|| {
            Reactive::kv().with_validator(|state| {
                if state.get("late").is_some() {
                    LOOKS.store(true, Ordering::Relaxed);
                    eventually("it was looked at enough", || ENOUGH.load(Ordering::Relaxed));
                }
                Ok(())
            })
        });
        &RULES
    }

    fn layers() -> Option<KindLayers> {
        Some(KindLayers::new(caching(100, 3_600.0)).expect("it holds together"))
    }
}

#[test]
fn an_agent_that_takes_long_to_be_made_tells_nothing_of_who_had_its_name_meanwhile() {
    let node = start();
    let n = || Request::query("get", json!({"key": "n"}));
    node.spawn::<ReactiveAgent<Late>>("other").expect("now the kind is known");
    std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            let state = json!({"late": true, "n": 2});
            node.system().spawn_by_name("late", "a", Some(state))
        });
        eventually("its state is looked at", || LOOKS.load(Ordering::Relaxed));
        let early = adaptive::<Late>(&node, "a");
        ask(&node, &early, put(1));
        assert_eq!(ask(&node, &early, n()).value, json!(1));
        early.stop();
        eventually("it ends", || node.find::<ReactiveAgent<Late>>("a").is_none());
        ENOUGH.store(true, Ordering::Relaxed);
        made.join().expect("nothing panics").expect("the name is free by now");
    });
    let late = node.find::<ReactiveAgent<Late>>("a").expect("it runs");
    late.set_level(Level::Adaptive);
    assert_eq!(ask(&node, &late, n()).value, json!(2));
}

kind!(Forgotten, "forgotten", caching(100, 3_600.0));

#[test]
fn answers_are_forgotten_with_any_layer_that_is_taken_away() {
    let node = start();
    let agent = adaptive::<Forgotten>(&node, "a");
    let layers = layers::<Forgotten>(node.system());
    layers.enable(Level::Proactive).expect("it can be enabled");
    for level in [Level::Adaptive, Level::Proactive] {
        let runs = Forgotten::runs().load(Ordering::Relaxed);
        ask(&node, &agent, count());
        ask(&node, &agent, count());
        assert_eq!(Forgotten::runs().load(Ordering::Relaxed), runs + 1);
        layers.disable(level).expect("it can be disabled");
        assert_eq!(layers.status().answers.kept, 0);
        layers.enable(level).expect("it can be enabled");
    }
    ask(&node, &agent, count());
    let answers = layers.status().answers;
    assert_eq!((answers.hits, answers.misses), (2, 3));
}

kind!(Few, "few", caching(1, 3_600.0));
kind!(Brief, "brief", caching(100, 0.001));

#[test]
fn what_is_kept_has_a_bound_and_grows_old() {
    let node = start();
    let few = adaptive::<Few>(&node, "a");
    for args in [json!({}), json!({"other": 1}), json!({})] {
        ask(&node, &few, Request::query("count", args));
    }
    assert_eq!(Few::runs().load(Ordering::Relaxed), 3);
    let brief = adaptive::<Brief>(&node, "a");
    // Each query takes time itself; polled until a millisecond has passed between two.
    let runs = || Brief::runs().load(Ordering::Relaxed);
    let aged = (0..1_000_000).any(|_| {
        ask(&node, &brief, count());
        runs() > 1
    });
    assert!(aged, "an answer was given again for too long");
}

kind!(Switched, "switched", caching(100, 3_600.0));

#[test]
fn a_level_that_is_switched_while_requests_are_inside_loses_none() {
    let node = start();
    let agent = adaptive::<Switched>(&node, "a");
    let layers = layers::<Switched>(node.system());
    let add = || Request::action("add", json!({"key": "n", "by": 1}));
    let asked: Vec<_> = (0..600)
        .map(|index| {
            agent.set_level([Level::Reactive, Level::Adaptive, Level::Emergent][index % 3]);
            match index % 50 {
                0 => layers.disable(Level::Adaptive).expect("it can be disabled"),
                25 => layers.enable(Level::Adaptive).expect("it can be enabled"),
                _ => (),
            }
            (agent.ask(add()), agent.ask(count()))
        })
        .collect();
    let mut sum = 0;
    for (added, counted) in asked {
        sum += 1;
        assert_eq!(node.block_on(added).expect("it answers").expect("it is done").value, sum);
        node.block_on(counted).expect("it answers").expect("it is done");
    }
    assert_eq!(ask(&node, &agent, count()).value, json!(600));
}
