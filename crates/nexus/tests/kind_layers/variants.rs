//! Variants of requests: which runs follows from where the knobs stand.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus::adaptive::AdaptationKind;
use nexus::{
    EventName, Handle, KindLayers, Level, Node, Reactive, ReactiveAgent, ReactiveKind, Request,
    Variant,
};
use serde_json::{Value, json};

use crate::support::{adaptive, ask, busy, calm, layers, read, start, when_busy};

/// A kind of its own for each test, with a report in three variants that take so many
/// milliseconds, and an action in two.
macro_rules! kind {
    ($Kind:ident, $name:literal, $spec:expr, [$quick:expr, $usual:expr, $thorough:expr]) => {
        struct $Kind;

        impl $Kind {
            crate::clock!($Kind);

            /// How often each variant of the report ran.
            fn runs() -> &'static [AtomicU64; 3] {
                static RUNS: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];
                &RUNS
            }

            fn report(variant: Variant, millis: u64) -> Value {
                $Kind::runs()[variant as usize].fetch_add(1, Ordering::Relaxed);
                $Kind::pass(millis);
                json!(variant.as_str())
            }
        }

        impl ReactiveKind for $Kind {
            const KIND: &'static str = $name;

            fn rules() -> &'static Reactive {
                static RULES: LazyLock<Reactive> = LazyLock::new(|| {
                    let report = |variant, millis| {
                        move |_: &nexus::State, _: &Value| Ok($Kind::report(variant, millis))
                    };
                    Reactive::kv()
                        .with_query("report", report(Variant::Usual, $usual))
                        .with_query_variant(
                            "report",
                            Variant::Quick,
                            report(Variant::Quick, $quick),
                        )
                        .with_query_variant(
                            "report",
                            Variant::Thorough,
                            report(Variant::Thorough, $thorough),
                        )
                        .with_action("close", |staged, _| {
                            staged.put("closed", json!("with care"))?;
                            Ok(json!("with care"))
                        })
                        .with_action_variant("close", Variant::Quick, |staged, _| {
                            staged.put("closed", json!("at once"))?;
                            Ok(json!("at once"))
                        })
                });
                &RULES
            }

            fn layers() -> Option<KindLayers> {
                let layers = KindLayers::new($spec).expect("it holds together");
                Some(layers.with_clock($Kind::now))
            }
        }
    };
}

fn report() -> Request {
    Request::query("report", json!({}))
}

fn check<K: ReactiveKind>(
    node: &Node,
    of: &Handle<ReactiveAgent<K>>,
    request: Request,
    says: &str,
) {
    assert_eq!(ask(node, of, request).value, json!(says));
}

kind!(Reduced, "reduced", when_busy(AdaptationKind::ReduceComplexity), [4, 10, 30]);

#[test]
fn a_quick_variant_runs_while_complexity_is_reduced_and_the_usual_one_after_a_rollback_by_id() {
    let node = start();
    let agent = adaptive::<Reduced>(&node, "a");
    let layers = layers::<Reduced>(node.system());
    let close = || Request::action("close", json!({}));
    check(&node, &agent, report(), "usual");
    read(&layers, 1.0, busy);
    assert!(layers.knobs().complexity < 1.0);
    check(&node, &agent, report(), "quick");
    check(&node, &agent, close(), "at once");
    check(&node, &agent, Request::query("get", json!({"key": "closed"})), "at once");
    // At the reactive level nobody chooses.
    agent.set_level(Level::Reactive);
    check(&node, &agent, report(), "usual");
    agent.set_level(Level::Adaptive);

    for adaptation in layers.status().adaptations {
        layers.rollback(adaptation.id).expect("it is in force");
    }
    check(&node, &agent, report(), "usual");
    check(&node, &agent, close(), "with care");
    let runs = Reduced::runs().each_ref().map(|runs| runs.load(Ordering::Relaxed));
    assert_eq!(runs, [1, 3, 0]);
    let counted = layers.status().variants;
    let [report, close] = ["report", "close"].map(|name| counted[name]);
    assert_eq!(
        (report.quick, report.usual, report.thorough),
        (1, 2, 0),
        "but for the reactive one"
    );
    assert_eq!((close.quick, close.usual), (1, 1));
    assert_eq!(counted.len(), 2, "what has no variants is not counted");
}

kind!(Better, "better", when_busy(AdaptationKind::PreferQuality), [4, 10, 30]);

#[test]
fn a_thorough_variant_runs_while_quality_is_preferred() {
    let node = start();
    let agent = adaptive::<Better>(&node, "a");
    let layers = layers::<Better>(node.system());
    check(&node, &agent, report(), "usual");
    read(&layers, 1.0, busy);
    check(&node, &agent, report(), "thorough");
    // The action has no such variant.
    check(&node, &agent, Request::action("close", json!({})), "with care");
    read(&layers, 30.0, calm);
    read(&layers, 34.0, calm);
    check(&node, &agent, report(), "usual");
}

/// Asks for twenty reports a second for so many seconds of the kind's clock, with a
/// busy processor.
fn serve(node: &Node, agent: &Handle<ReactiveAgent<Slower>>, seconds: u32) {
    let layers = layers::<Slower>(node.system());
    for second in 0..seconds {
        layers.handle_readings(Slower::now(), &busy(f64::from(second))).expect("they can be");
        for _ in 0..20 {
            ask(node, agent, report());
            Slower::pass(35);
        }
    }
}

// The author was wrong about what is quick.
kind!(Slower, "slower", when_busy(AdaptationKind::ReduceComplexity), [40, 10, 10]);

#[test]
fn a_variant_that_does_not_pay_is_taken_back_by_itself_and_the_node_is_told() {
    let node = start();
    let agent = adaptive::<Slower>(&node, "a");
    serve(&node, &agent, 4);
    let layers = layers::<Slower>(node.system());
    let id = layers.status().adaptations[0].id;
    assert_eq!(layers.status().trial.map(|trial| trial.id), Some(id));
    serve(&node, &agent, 600);
    assert_eq!(layers.status().adaptations, [], "one did harm, and its rule rests");
    check(&node, &agent, report(), "usual");
    let told = node.events().into_iter().filter(|event| {
        event.name == EventName::AgentIntelligenceAdapted && event.agent == "slower"
    });
    let told: Vec<String> = told.map(|event| event.detail).collect();
    assert!(told.iter().any(|detail| detail.contains("rolled back by itself: ")), "{told:?}");
    let quick = Slower::runs()[0].load(Ordering::Relaxed);
    assert!((20..4_000).contains(&quick), "{quick} of 12,000 were served slower");
}

kind!(
    CachedToo,
    "cached-too",
    {
        let mut spec = crate::support::caching(100, 3_600.0);
        spec.rules = when_busy(AdaptationKind::ReduceComplexity).rules;
        spec.pace = when_busy(AdaptationKind::ReduceComplexity).pace;
        spec
    },
    [4, 10, 30]
);

#[test]
fn a_coarse_answer_that_is_kept_is_not_told_for_the_usual_one() {
    let node = start();
    let agent = adaptive::<CachedToo>(&node, "a");
    let layers = layers::<CachedToo>(node.system());
    read(&layers, 1.0, busy);
    check(&node, &agent, report(), "quick");
    check(&node, &agent, report(), "quick");
    for adaptation in layers.status().adaptations {
        layers.rollback(adaptation.id).expect("it is in force");
    }
    check(&node, &agent, report(), "usual");
    let runs = CachedToo::runs().each_ref().map(|runs| runs.load(Ordering::Relaxed));
    assert_eq!(runs, [1, 1, 0], "a kept answer is not run for again");
}
