//! What is predicted of requests, and what follows: who is refused, and what runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use nexus::adaptive::AdapterSpec;
use nexus::learn::ModelFileError;
use nexus::{
    Changed, ErrorCode, Features, Handle, KindLayers, Level, Node, Reactive, ReactiveAgent,
    ReactiveKind, Request, Variant,
};
use serde_json::{Value, json};

use crate::support::{ask, at_level, layers, start};

/// A kind of its own for each test. A long query takes ten seconds of its clock, or a
/// tenth of one in a quick variant; a short one a tenth.
macro_rules! kind {
    ($Kind:ident, $name:literal) => {
        struct $Kind;

        impl $Kind {
            crate::clock!($Kind);

            fn runs() -> &'static AtomicU64 {
                static RUNS: AtomicU64 = AtomicU64::new(0);
                &RUNS
            }

            fn run(millis: u64, says: &str) -> Value {
                $Kind::runs().fetch_add(1, Ordering::Relaxed);
                $Kind::pass(millis);
                json!(says)
            }
        }

        impl ReactiveKind for $Kind {
            const KIND: &'static str = $name;

            fn rules() -> &'static Reactive {
                static RULES: LazyLock<Reactive> = LazyLock::new(|| {
                    Reactive::kv()
                        .with_query("long", |_, _| Ok($Kind::run(10_000, "long")))
                        .with_query("moody", |_, args| {
                            let millis = if args["quick"] == json!(true) { 100 } else { 10_000 };
                            Ok($Kind::run(millis, "moody"))
                        })
                        .with_query("short", |_, _| Ok($Kind::run(100, "short")))
                        .with_query("varied", |_, _| Ok($Kind::run(10_000, "usual")))
                        .with_query_variant("varied", Variant::Quick, |_, _| {
                            Ok($Kind::run(100, "quick"))
                        })
                        .with_query("leave", |_, args| {
                            let layers = LEFT.get().expect("it is told which");
                            layers.disable(Level::Proactive).expect("it can be disabled");
                            assert!(args["panic"].is_null(), "told to");
                            Ok($Kind::run(100, "left"))
                        })
                });
                &RULES
            }

            fn layers() -> Option<KindLayers> {
                let layers = KindLayers::new(AdapterSpec::default());
                Some(layers.expect("it holds together").with_clock($Kind::now))
            }
        }
    };
}

/// Each is another one, so that none is answered from what was fetched before.
fn query(name: &str) -> Request {
    static NUMBER: AtomicU64 = AtomicU64::new(100_000);
    Request::query(name, json!({"number": NUMBER.fetch_add(1, Ordering::Relaxed)}))
}

fn within(name: &str, seconds: u64) -> Request {
    query(name).with_deadline(Duration::from_secs(seconds))
}

fn proactive<K: ReactiveKind>(node: &Node) -> Handle<ReactiveAgent<K>> {
    at_level(node.system(), "a", Level::Proactive)
}

/// So many of each of these, in turn.
fn teach<K: ReactiveKind>(node: &Node, of: &Handle<ReactiveAgent<K>>, names: &[&str], rounds: u32) {
    for _ in 0..rounds {
        for name in names {
            ask(node, of, within(name, 60));
        }
    }
}

kind!(Admitting, "admitting");

#[test]
fn a_request_that_would_surely_be_late_is_refused_before_it_begins() {
    let node = start();
    let agent = proactive::<Admitting>(&node);
    teach(&node, &agent, &["long", "short"], 499);
    ask(&node, &agent, within("long", 5));
    teach(&node, &agent, &["long", "short"], 100);
    let layers = layers::<Admitting>(node.system());
    let status = layers.status();
    let model = status.model.expect("it learns");
    assert!(model.in_use && model.learned >= 1_000, "{model}");
    assert!(model.model_error < model.baseline_error, "{model}");

    let runs = Admitting::runs().load(Ordering::Relaxed);
    let ask_in_vain = agent.ask(within("long", 5)).within(Duration::from_secs(5));
    let refused = node.block_on(ask_in_vain).expect("it answers");
    let refused = refused.expect_err("it takes ten seconds");
    assert_eq!((refused.code, refused.changed), (ErrorCode::Deadline, Changed::No));
    let predicted = refused.detail["predicted_s"].as_f64().expect("a number");
    assert!((9.0..11.0).contains(&predicted), "{predicted}");
    assert!(refused.message.ends_with("s are left; it was not begun"), "{}", refused.message);
    assert_eq!(Admitting::runs().load(Ordering::Relaxed), runs);
    ask(&node, &agent, within("long", 30));
    ask(&node, &agent, within("short", 5));
    agent.set_level(Level::Reactive);
    ask(&node, &agent, within("long", 5));
    let counts = layers.status().admission.expect("it is enabled");
    assert_eq!((counts.refused, counts.hastened), (1, 0));
}

kind!(Moody, "moody");

#[test]
fn what_takes_long_no_more_is_found_out_though_it_is_refused() {
    let node = start();
    let agent = proactive::<Moody>(&node);
    teach(&node, &agent, &["moody", "short"], 600);
    let quick = || {
        let request = Request::query("moody", json!({"quick": true, "number": 0}));
        let request = request.with_deadline(Duration::from_secs(5));
        node.block_on(agent.ask(request).within(Duration::from_secs(5)))
            .expect("it answers")
            .is_ok()
    };
    let let_in: Vec<bool> = (0..2_000).map(|_| quick()).collect();
    assert_eq!(let_in.iter().position(|is_in| *is_in), Some(19), "one in twenty is let in");
    assert!(let_in[1_000..].iter().all(|is_in| *is_in), "all are, once that is known");
}

kind!(Failing, "failing");

#[test]
fn what_fails_teaches_nothing() {
    let node = start();
    let agent = proactive::<Failing>(&node);
    ask(&node, &agent, query("short"));
    let learned = || {
        let status = layers::<Failing>(node.system()).status();
        status.model.expect("it is enabled").learned
    };
    assert_eq!(learned(), 1);
    for number in 0..100 {
        let unknown = query(&format!("unknown-{number}"));
        node.block_on(agent.ask(unknown)).expect("it answers").expect_err("nobody knows it");
    }
    assert_eq!(learned(), 1);
}

kind!(Hastened, "hastened");

#[test]
fn a_quick_variant_runs_where_the_usual_one_would_be_late() {
    let node = start();
    let agent = proactive::<Hastened>(&node);
    teach(&node, &agent, &["varied", "short"], 600);
    let says = |request| ask(&node, &agent, request).value;
    assert_eq!(says(within("varied", 30)), json!("usual"));
    assert_eq!(says(within("varied", 5)), json!("quick"));
    assert_eq!(says(within("varied", 5)), json!("quick"));
    let status = layers::<Hastened>(node.system()).status();
    assert_eq!(status.admission.expect("it is enabled").hastened, 2);
    assert_eq!(status.variants["varied"].quick, 2);
}

kind!(Waiting, "waiting");

#[test]
fn who_names_no_deadline_waits_as_long_as_is_predicted_within_a_bound() {
    let node = start();
    let agent = proactive::<Waiting>(&node);
    let layers = layers::<Waiting>(node.system());
    let waits = |name: &str, level| layers.deadline(level, &query(name)).as_secs_f64();
    assert_eq!(waits("long", Level::Proactive), 5.0);
    teach(&node, &agent, &["long", "short"], 600);
    assert!((9.9..=15.0).contains(&waits("long", Level::Proactive)));
    assert_eq!(waits("short", Level::Proactive), 5.0, "never less than usual");
    assert_eq!(waits("long", Level::Reactive), 5.0);
    assert_eq!(layers.deadline(Level::Proactive, &within("long", 1)), Duration::from_secs(1));
}

/// The layers that a query of this kind leaves.
static LEFT: OnceLock<Arc<KindLayers>> = OnceLock::new();

kind!(Left, "left");

#[test]
fn a_layer_that_is_taken_away_or_panicked_in_has_nobody_inside() {
    let node = start();
    let agent = proactive::<Left>(&node);
    let layers = LEFT.get_or_init(|| layers::<Left>(node.system()));
    assert_eq!(ask(&node, &agent, query("leave")).value, json!("left"));
    let inside = || layers.status().ladder.layers.iter().map(|layer| layer.inside).sum::<u64>();
    assert_eq!(inside(), 0);
    let level = ask(&node, &agent, query("short")).level;
    assert_eq!(level.used, Level::Reactive);
    layers.enable(Level::Proactive).expect("it can be enabled");
    let panics = Request::query("leave", json!({"panic": true}));
    node.block_on(agent.ask(panics)).expect_err("the rule panics");
    assert_eq!(inside(), 0);
}

kind!(Saved, "saved");

#[test]
fn a_model_goes_on_where_it_was_saved_and_what_is_none_changes_nothing() {
    let node = start();
    let agent = proactive::<Saved>(&node);
    let heavy = |name: &str, complexity| {
        let features = Features::new(complexity, 0.5, 1.0).expect("in range");
        within(name, 60).with_features(features)
    };
    for _ in 0..600 {
        ask(&node, &agent, heavy("long", 9.0));
        ask(&node, &agent, heavy("short", 1.0));
    }
    let saved = layers::<Saved>(node.system()).save_model();
    let other = start();
    proactive::<Saved>(&other);
    let layers = layers::<Saved>(other.system());
    let learned = || layers.status().model.expect("it is enabled").learned;
    let not_one = layers.load_model(b"weights").expect_err("no model");
    assert!(matches!(not_one, ModelFileError::NotAModel), "{not_one}");
    let mut damaged = saved.clone();
    *damaged.last_mut().expect("it has bytes") ^= 1;
    assert!(matches!(layers.load_model(&damaged), Err(ModelFileError::Damaged)));
    assert_eq!(learned(), 0);
    layers.load_model(&saved).expect("as it was saved");
    assert_eq!(learned(), 1_200);
}
