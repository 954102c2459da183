//! Kinds, clocks and readings for the tests.

#[path = "../patience/mod.rs"]
mod patience;

use std::sync::Arc;
use std::time::Duration;

use nexus::adaptive::{
    AdaptationKind, AdapterSpec, Bounds, BoundsSpec, Pace, Readings, Rule, RuleSpec, Rules, Sensor,
    Side, Use,
};
use nexus::{
    Answer, Handle, KindLayers, Level, Node, NodeSpec, ReactiveAgent, ReactiveKind, Request,
    System, Time,
};

pub use patience::eventually;

/// A time in seconds.
pub fn at(second: f64) -> Time {
    Time::ZERO.after(Duration::from_secs_f64(second))
}

/// Answers are always kept, `entries` of them for `ttl_s`.
pub fn caching(entries: u32, ttl_s: f64) -> AdapterSpec {
    let bounds = BoundsSpec {
        enable_caching: Use::Forced,
        cache_entries_max: entries,
        cache_ttl_s: ttl_s,
        ..BoundsSpec::default()
    };
    let bounds = Bounds::new(bounds).expect("they hold together");
    AdapterSpec { bounds, ..AdapterSpec::default() }
}

/// A node whose sensors are the test's.
pub fn start() -> Node {
    NodeSpec::new().workers(1).hand_in_readings().start().expect("one worker can be started")
}

pub fn ask<K: ReactiveKind>(
    node: &Node,
    of: &Handle<ReactiveAgent<K>>,
    request: Request,
) -> Answer {
    let within = request.deadline.unwrap_or(Duration::from_secs(5));
    node.block_on(of.ask(request).within(within)).expect("it answers").expect("it is done")
}

pub fn adaptive<K: ReactiveKind>(node: &Node, key: &str) -> Handle<ReactiveAgent<K>> {
    at_level(node.system(), key, Level::Adaptive)
}

/// An agent at a level that is enabled for it.
pub fn at_level<K: ReactiveKind>(
    system: &Arc<System>,
    key: &str,
    level: Level,
) -> Handle<ReactiveAgent<K>> {
    let agent = system.spawn::<ReactiveAgent<K>>(key).expect("the key is free");
    layers::<K>(system).enable(level).expect("it can be enabled");
    agent.set_level(level);
    agent
}

/// The layers of a kind where it has agents.
pub fn layers<K: ReactiveKind>(system: &System) -> Arc<KindLayers> {
    KindLayers::of(system, K::KIND).expect("it has some")
}

/// A rule that has `kind` applied after two seconds of a busy processor, one step a
/// day at the most.
pub fn when_busy(kind: AdaptationKind) -> AdapterSpec {
    let rule = Rule::new(RuleSpec {
        name: "busy".to_owned(),
        sensor: Sensor::Cpu,
        when: Side::Above,
        enter: 0.9,
        leave: 0.7,
        enter_after_s: 2.0,
        leave_after_s: 2.0,
        adaptation: kind,
    });
    let rules = Rules::new(vec![rule.expect("it makes sense")]).expect("one of a name");
    let day = Duration::from_secs(86_400);
    let pace = Pace { dwell: Duration::from_secs(1), rest_min: day, rest_max: day };
    AdapterSpec { rules, pace, ..AdapterSpec::default() }
}

/// A processor that is busy, as it reads at a second.
pub fn busy(second: f64) -> Readings {
    Readings { cpu: Some(0.95 + second * 1e-7), ..Readings::default() }
}

/// One that has little to do.
pub fn calm(second: f64) -> Readings {
    Readings { cpu: Some(0.05 + second * 1e-7), ..Readings::default() }
}

/// Four seconds of readings.
pub fn read(layers: &KindLayers, from: f64, readings: fn(f64) -> Readings) {
    for second in 0..4 {
        let second = from + f64::from(second);
        layers.handle_readings(at(second), &readings(second)).expect("they can be");
    }
}

/// A clock that the rules of one kind move: what they take is a number.
#[macro_export]
macro_rules! clock {
    ($Kind:ident) => {
        fn clock() -> &'static AtomicU64 {
            static NANOS: AtomicU64 = AtomicU64::new(0);
            &NANOS
        }

        fn now() -> nexus::Time {
            nexus::Time::from_nanos($Kind::clock().load(Ordering::Relaxed))
        }

        fn pass(millis: u64) {
            $Kind::clock().fetch_add(millis * 1_000_000, Ordering::Relaxed);
        }
    };
}
