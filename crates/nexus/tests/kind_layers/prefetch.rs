//! Queries that are run before anybody asks them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nexus::adaptive::AdapterSpec;
use nexus::{
    Handle, KindLayers, Level, PrefetchCounts, Reactive, ReactiveAgent, ReactiveKind, Request,
    USED_SHARE_MIN,
};
use nexus_sim::World;
use serde_json::{Value, json};

use crate::support::{at_level, layers};

/// A kind of its own for each test.
macro_rules! kind {
    ($Kind:ident, $name:literal) => {
        struct $Kind;

        impl $Kind {
            /// How often the second query ran.
            fn count() -> &'static AtomicU64 {
                static RUNS: AtomicU64 = AtomicU64::new(0);
                &RUNS
            }
        }

        impl ReactiveKind for $Kind {
            const KIND: &'static str = $name;

            fn rules() -> &'static Reactive {
                static RULES: LazyLock<Reactive> = LazyLock::new(|| {
                    Reactive::kv().with_query("first", |_, _| Ok(json!(1))).with_query(
                        "second",
                        |state, args| {
                            assert!(state.get("panic").is_none(), "told to");
                            $Kind::count().fetch_add(1, Ordering::Relaxed);
                            Ok(json!([args, state.get("n")]))
                        },
                    )
                });
                &RULES
            }

            fn layers() -> Option<KindLayers> {
                Some(KindLayers::new(AdapterSpec::default()).expect("it holds together"))
            }
        }
    };
}

/// An agent whose second query follows its first.
struct Pair<K> {
    world: World,
    agent: Handle<ReactiveAgent<K>>,
}

impl<K: ReactiveKind> Pair<K> {
    fn new() -> Pair<K> {
        let world = World::new(1);
        let agent = at_level(world.system(), "a", Level::Proactive);
        let mut pair = Pair { world, agent };
        for _ in 0..6 {
            pair.first();
            pair.second();
        }
        pair
    }

    /// The answer, and all that follows until nobody has anything to do.
    fn ask(&mut self, request: Request) -> Value {
        let answer = self.world.block_on(self.agent.ask(request)).expect("it answers");
        self.world.run_for(Duration::from_millis(5));
        answer.expect("it is done").value
    }

    fn first(&mut self) {
        self.ask(Request::query("first", json!({"page": 1})));
    }

    fn second(&mut self) -> Value {
        self.ask(Request::query("second", json!({"page": 2})))
    }

    fn counts(&self) -> PrefetchCounts {
        layers::<K>(self.world.system()).status().prefetch.expect("it is enabled")
    }

    fn put(&mut self, key: &str, n: u64) {
        self.ask(Request::update("put", json!({"key": key, "value": n})));
    }
}

fn runs_of(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

kind!(Followed, "followed");

#[test]
fn the_query_that_usually_follows_is_answered_without_its_handler_unless_its_agent_changes() {
    let mut pair = Pair::<Followed>::new();
    // What was fetched before is too old by now.
    pair.world.run_for(Duration::from_secs(6));
    let before = (runs_of(Followed::count()), pair.counts());
    pair.first();
    assert_eq!(runs_of(Followed::count()), before.0 + 1, "it ran before anybody asked");
    assert_eq!(pair.second(), json!([{"page": 2}, null]));
    assert_eq!(runs_of(Followed::count()), before.0 + 1);
    let after = pair.counts();
    assert_eq!(after.hits, before.1.hits + 1);

    pair.first();
    let hits = pair.counts().hits;
    pair.put("n", 7);
    assert_eq!(pair.second(), json!([{"page": 2}, 7]), "what was fetched is void");
    assert_eq!(pair.counts().hits, hits);
    // Whoever is at another level has nothing of it.
    pair.agent.set_level(Level::Reactive);
    let runs = runs_of(Followed::count());
    pair.first();
    assert_eq!(runs_of(Followed::count()), runs);
}

kind!(Wasted, "wasted");

#[test]
fn prefetches_that_are_of_no_use_end_by_themselves() {
    let mut pair = Pair::<Wasted>::new();
    for n in 0..200 {
        pair.first();
        pair.put("n", n);
    }
    let wasted = pair.counts();
    assert!(wasted.resting && wasted.rests == 1, "{wasted:?}");
    assert!(wasted.ran < 140, "{wasted:?}");
    assert!((wasted.hits as f64) < USED_SHARE_MIN * wasted.ran as f64, "{wasted:?}");
    pair.world.run_for(Duration::from_secs(601));
    pair.first();
    assert_eq!(pair.counts().ran, wasted.ran + 1, "a rest ends");
}

kind!(Unchanged, "unchanged");

#[test]
fn what_changes_an_agent_is_never_run_ahead() {
    let mut pair = Pair::<Unchanged>::new();
    let ran = pair.counts().ran;
    for n in 0..20 {
        pair.ask(Request::query("get", json!({"key": "n"})));
        pair.put("n", n);
    }
    assert_eq!(pair.ask(Request::query("get", json!({"key": "n"}))), json!(19));
    assert_eq!(pair.counts().ran, ran);
}

kind!(Panicking, "panicking");

#[test]
fn a_query_that_panics_ahead_of_time_is_nobody_s_crash() {
    let mut pair = Pair::<Panicking>::new();
    pair.put("panic", 1);
    pair.first();
    assert_eq!(pair.counts().failed, 1);
    let kept = pair.ask(Request::query("get", json!({"key": "panic"})));
    assert_eq!(kept, json!(1), "the agent lives on with what it knew");
}
