//! Readings that arrive by themselves, what follows from them, and who is told.

use std::sync::LazyLock;
use std::time::Duration;

use nexus::adaptive::{
    AdaptationKind, AdapterSpec, Readings, RollbackError, Rule, RuleSpec, Rules, Sensor, Side,
};
use nexus::{
    EventName, KindLayers, Level, NodeSpec, Reactive, ReactiveAgent, ReactiveKind, Request, Time,
    feed_layers,
};
use nexus_sim::{World, check, seeds};
use serde_json::json;

use crate::support::{adaptive, at, at_level, busy, eventually, layers, start};

/// A kind of its own for each test.
macro_rules! kind {
    ($Kind:ident, $name:literal, $spec:expr) => {
        struct $Kind;

        impl ReactiveKind for $Kind {
            const KIND: &'static str = $name;

            fn rules() -> &'static Reactive {
                static RULES: LazyLock<Reactive> = LazyLock::new(Reactive::kv);
                &RULES
            }

            fn layers() -> Option<KindLayers> {
                Some(KindLayers::new($spec).expect("it holds together"))
            }
        }
    };
}

kind!(Ruled, "ruled", AdapterSpec::default());

#[test]
fn an_adaptation_follows_readings_is_shown_with_its_cause_and_is_taken_back_by_id() {
    let node = start();
    node.spawn::<ReactiveAgent<Ruled>>("a").expect("the key is free");
    let layers = layers::<Ruled>(node.system());
    let read = |second: u32| {
        let cpu = 0.95 + f64::from(second) * 1e-6;
        let now = Time::ZERO.after(Duration::from_secs(u64::from(second)));
        let readings = Readings { cpu: Some(cpu), ..Default::default() };
        layers.handle_readings(now, &readings).expect("they can be");
    };
    (0..12).for_each(read);
    assert_eq!(layers.knobs().complexity, 1.0, "nothing is enabled");
    layers.enable(Level::Adaptive).expect("it can be enabled");
    (12..24).for_each(read);
    assert!(layers.knobs().complexity < 1.0);
    let shown = &layers.status().adaptations[0];
    assert_eq!((shown.id.to_string().as_str(), shown.sensor), ("a-1", Sensor::Cpu));
    assert_eq!((shown.rule.as_str(), shown.gain), ("cpu-high", None));

    let id = "a-1".parse().expect("an id");
    assert_eq!(layers.rollback(id).expect("it is in force").complexity, 1.0);
    let again = layers.rollback(id).expect_err("it is over");
    assert!(matches!(again, RollbackError::Already { .. }));
    let unknown = layers.rollback("a-99".parse().expect("an id")).expect_err("there is none");
    assert_eq!(unknown.to_string(), "there is no adaptation a-99; `why` lists those in force");
}

/// Some memory is in use on every machine.
fn in_memory() -> AdapterSpec {
    let rule = Rule::new(RuleSpec {
        name: "has-memory".to_owned(),
        sensor: Sensor::Memory,
        when: Side::Above,
        enter: 1e-6,
        leave: 1e-7,
        enter_after_s: 1.0,
        leave_after_s: 1.0,
        adaptation: AdaptationKind::ReduceComplexity,
    });
    let rules = Rules::new(vec![rule.expect("it makes sense")]).expect("one of a name");
    AdapterSpec { rules, ..AdapterSpec::default() }
}

kind!(Real, "real", in_memory());

#[test]
#[cfg(target_os = "linux")]
fn a_node_reads_its_sensors_for_kinds_by_itself_and_tells_its_events() {
    let node = NodeSpec::new().workers(1).start().expect("one worker can be started");
    adaptive::<Real>(&node, "a");
    let told = |name: EventName| {
        let events = node.events().into_iter();
        let of_kind = events.filter(move |event| event.name == name && event.agent == "real");
        of_kind.map(|event| event.detail).collect::<Vec<_>>()
    };
    eventually("an adaptation is told", || {
        let told = told(EventName::AgentIntelligenceAdapted);
        told.iter().any(|detail| detail.starts_with("a-1 reduce_complexity applied by rule"))
    });
    let layers = layers::<Real>(node.system());
    assert!(layers.status().knobs.complexity < 1.0);
    // Taken back and stepped down, by hand: told as well, at the latest a second later.
    layers.rollback("a-1".parse().expect("an id")).expect("it is in force");
    let rolled_back = |detail: &String| detail.contains("rolled back by an operator");
    eventually("a rollback is told", || {
        told(EventName::AgentIntelligenceAdapted).iter().any(rolled_back)
    });
    layers.disable(Level::Adaptive).expect("it can be disabled");
    // Nobody reads sensors for it any more; the next request takes the event along.
    let a = node.find::<ReactiveAgent<Real>>("a").expect("it runs");
    let get = Request::query("get", json!({"key": "k"}));
    node.block_on(a.ask(get)).expect("it answers").expect("it is done");
    let down = told(EventName::LayerSteppedDown);
    assert_eq!(
        down,
        ["adaptive: trying to off, reactive is used: switched off by an operator".to_owned()]
    );
}

kind!(Virtual, "virtual", AdapterSpec::default());

#[test]
fn readings_that_are_handed_in_act_alike_in_virtual_time_from_any_seed() {
    check(seeds(2), |world| {
        at_level::<Virtual>(world.system(), "a", Level::Adaptive);
        feed(world, 40);
        let layers = layers::<Virtual>(world.system());
        let first = layers.status().adaptations[0].clone();
        let expected = ("a-1", at(11.0));
        assert_eq!((first.id.to_string().as_str(), first.at), expected, "after ten seconds");
    });
}

fn feed(world: &mut World, seconds: u32) {
    for _ in 0..seconds {
        world.run_for(Duration::from_secs(1));
        let now = world.now();
        feed_layers(world.system(), now, &busy(now.as_secs_f64()));
    }
}

kind!(Silent, "silent", AdapterSpec::default());

#[test]
fn a_sensor_that_falls_silent_or_tells_nonsense_is_doubted_and_told() {
    let node = start();
    adaptive::<Silent>(&node, "a");
    let layers = layers::<Silent>(node.system());
    for second in 0..20 {
        feed_layers(node.system(), at(f64::from(second)), &busy(f64::from(second)));
    }
    assert!(layers.knobs().complexity < 1.0);
    let nonsense = Readings { cpu: Some(f64::NAN), ..Readings::default() };
    let refused = layers.handle_readings(at(20.0), &nonsense).expect_err("it cannot be");
    assert_eq!(refused.to_string(), "cpu cannot be NaN: readings are from 0 to 1 (share)");
    for second in 21..40 {
        feed_layers(node.system(), at(f64::from(second)), &nonsense);
    }
    assert_eq!(layers.knobs().complexity, 1.0, "what rests on it is taken back");
    let doubted = |event: &nexus::Event| {
        event.agent == "silent" && event.detail.starts_with("sensor cpu is doubted")
    };
    assert_eq!(node.events().iter().filter(|event| doubted(event)).count(), 1);
}
