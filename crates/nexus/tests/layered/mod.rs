//! Kinds with and without layers that are asked the same, to see what layers cost.
//!
//! What queries take is a number, lest a machine that is busy with something else has
//! their model doubted; the clock is read all the same, and costs what it costs.
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::hint::black_box;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nexus::adaptive::{AdapterSpec, Bounds, BoundsSpec, Use};
use nexus::safety::Stage;
use nexus::{KindLayers, KindWhy, Level, Reactive, ReactiveKind, Request, Rng, State, Time};
use serde_json::{Value, json};

/// Requests in a round: enough that a model is trusted after the first.
pub const REQUESTS: usize = 4_000;

/// Of so many arguments: no query usually follows another one.
const ARGUMENTS: u64 = 64;

/// Without layers.
pub struct Plain;

/// With layers, that keep answers or do not. They keep one at a time, which is hardly
/// ever of use: the worst that can happen.
pub struct Layered<const KEEPS: bool>;

/// Nanoseconds that all queries took so far.
static TAKEN: AtomicU64 = AtomicU64::new(0);

fn now() -> Time {
    black_box(Instant::now());
    Time::from_nanos(TAKEN.load(Ordering::Relaxed))
}

impl ReactiveKind for Plain {
    const KIND: &'static str = "plain";

    fn rules() -> &'static Reactive {
        static RULES: LazyLock<Reactive> = LazyLock::new(|| {
            let takes = |nanos| {
                move |_: &State, _: &Value| {
                    TAKEN.fetch_add(nanos, Ordering::Relaxed);
                    Ok(json!(nanos))
                }
            };
            Reactive::new().with_query("brief", takes(10_000)).with_query("long", takes(1_000_000))
        });
        &RULES
    }
}

impl<const KEEPS: bool> ReactiveKind for Layered<KEEPS> {
    const KIND: &'static str = if KEEPS { "keeping" } else { "layered" };

    fn rules() -> &'static Reactive {
        Plain::rules()
    }

    fn layers() -> Option<KindLayers> {
        let enable_caching = if KEEPS { Use::Forced } else { Use::Never };
        let bounds = BoundsSpec { enable_caching, cache_entries_max: 1, ..BoundsSpec::default() };
        let bounds = Bounds::new(bounds).expect("they hold together");
        let spec = AdapterSpec { bounds, ..AdapterSpec::default() };
        Some(KindLayers::new(spec).expect("it holds together").with_clock(now))
    }
}

/// A round of queries, half of them long.
pub fn requests() -> Vec<Request> {
    let mut rng = Rng::new(1);
    let request = |_| {
        let name = ["brief", "long"][rng.below(2) as usize];
        Request::query(name, json!({"n": rng.below(ARGUMENTS)}))
    };
    (0..REQUESTS).map(request).collect()
}

/// That `level` is used, and its model where it has one: else nothing was measured.
pub fn assert_used(why: &KindWhy, level: Level) {
    let layers = why.ladder.layers.iter().filter(|layer| layer.layer <= level);
    for layer in layers {
        assert!(layer.stage >= Stage::Trying, "{level}: {layer:?}");
    }
    assert_eq!(why.model.as_ref().is_some_and(|model| model.in_use), level > Level::Reactive);
}
