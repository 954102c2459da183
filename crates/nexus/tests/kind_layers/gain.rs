//! What layers are worth, measured, and layers that are left because they are not.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus::adaptive::{AdapterSpec, Bounds, BoundsSpec, Use};
use nexus::measure::{Objective, SwitchbackSpec};
use nexus::safety::Stage;
use nexus::{
    EventName, Handle, KindLayers, Level, Node, Reactive, ReactiveAgent, ReactiveKind, Request,
    TrialSpec, Variant,
};
use serde_json::json;

use crate::support::{adaptive, ask, caching, layers, start};

/// A kind of its own for each test. A report takes ten milliseconds of its clock, and
/// by an author's mistake thirty in the quick variant.
macro_rules! kind {
    ($Kind:ident, $name:literal, $spec:expr) => {
        struct $Kind;

        impl $Kind {
            crate::clock!($Kind);
        }

        impl ReactiveKind for $Kind {
            const KIND: &'static str = $name;

            fn rules() -> &'static Reactive {
                static RULES: LazyLock<Reactive> = LazyLock::new(|| {
                    let report = |millis| {
                        move |_: &nexus::State, _: &serde_json::Value| {
                            $Kind::pass(millis);
                            Ok(json!(millis))
                        }
                    };
                    Reactive::new()
                        .with_query("report", report(10))
                        .with_query_variant("report", Variant::Quick, report(30))
                });
                &RULES
            }

            fn layers() -> Option<KindLayers> {
                let layers = KindLayers::new($spec).expect("it holds together");
                let layers = layers.with_clock($Kind::now).with_trial(trial());
                Some(layers.expect("it can be measured"))
            }
        }

        impl $Kind {
            /// Twenty reports a second, whatever they take, each asked for twice.
            fn serve(node: &Node, agent: &Handle<ReactiveAgent<$Kind>>, seconds: u64) {
                for number in 0..20 * seconds {
                    $Kind::clock().fetch_max(50_000_000 * number, Ordering::Relaxed);
                    ask(node, agent, Request::query("report", json!({"day": number / 2})));
                }
            }
        }
    };
}

fn trial() -> TrialSpec {
    let usual = TrialSpec::new(Objective::MeanSeconds);
    let block_min = Duration::from_secs(2);
    TrialSpec { switchback: SwitchbackSpec { block_min, ..usual.switchback }, ..usual }
}

kind!(Worth, "worth", caching(1_000, 3_600.0));

#[test]
fn a_layer_that_pays_is_on_and_shows_its_gain_with_an_interval() {
    let node = start();
    let agent = adaptive::<Worth>(&node, "a");
    let layers = layers::<Worth>(node.system());
    Worth::serve(&node, &agent, 600);
    let status = layers.status();
    let layer = &status.ladder.layers[1];
    assert_eq!((layer.layer, layer.stage), (Level::Adaptive, Stage::On), "{:?}", layer.gain);
    let [_, high] = layer.gain.interval.expect("by many blocks");
    assert!(high < 0.8, "{}: half of the reports were told before", layer.gain);
    assert_eq!(status.measured.expect("it goes on").layer, Level::Adaptive);
    assert!(status.answers.hits > 1_000);
}

fn always_quick() -> AdapterSpec {
    let bounds = BoundsSpec { reduce_complexity: Use::Forced, ..BoundsSpec::default() };
    let bounds = Bounds::new(bounds).expect("they hold together");
    AdapterSpec { bounds, ..AdapterSpec::default() }
}

kind!(Harmful, "harmful", always_quick());

#[test]
fn a_layer_that_does_harm_is_left_and_the_node_is_told() {
    let node = start();
    let agent = adaptive::<Harmful>(&node, "a");
    let layers = layers::<Harmful>(node.system());
    Harmful::serve(&node, &agent, 200);
    let layer = layers.status().ladder.layers[1].clone();
    assert_eq!(layer.stage, Stage::CoolingDown, "{layer:?}");
    let answer = ask(&node, &agent, Request::query("report", json!({})));
    assert_eq!((answer.value, answer.level.used), (json!(10), Level::Reactive));
    assert!(answer.level.reason.expect("it fell").starts_with("adaptive: "));
    let told = node
        .events()
        .into_iter()
        .filter(|event| event.name == EventName::LayerSteppedDown && event.agent == "harmful");
    assert_eq!(told.count(), 1);
}

kind!(Idle, "idle", AdapterSpec::default());

#[test]
fn a_layer_that_has_nothing_to_do_is_in_use_and_not_measured() {
    let node = start();
    let agent = adaptive::<Idle>(&node, "a");
    let layers = layers::<Idle>(node.system());
    Idle::serve(&node, &agent, 100);
    let status = layers.status();
    assert_eq!((status.measured, status.ladder.used), (None, Level::Adaptive));
}
