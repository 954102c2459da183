mod hostile;

use std::time::Duration;

use super::*;
use crate::adaptive::bounds::BoundsSpec;
use crate::adaptive::history::HISTORY_MAX;
use crate::adaptive::rule::{Rule, RuleSpec};
use crate::adaptive::sensors::Doubt;

fn at(seconds: f64) -> Time {
    Time::ZERO.after(Duration::from_secs_f64(seconds))
}

fn id(text: &str) -> AdaptationId {
    text.parse().expect("an id")
}

fn adapter() -> Adapter {
    Adapter::new(AdapterSpec::default()).expect("the default holds")
}

fn measured(low: f64, high: f64) -> Gain {
    let ratio = Some((low + high) / 2.0);
    Gain { ratio, interval: Some([low, high]), ..Gain::default() }
}

/// Calls for every timeout before `until`.
fn wait(adapter: &mut Adapter, until: Time) {
    while let Some(due) = adapter.next_timeout().filter(|due| *due < until) {
        adapter.handle_timeout(due);
        let goes_on = adapter.next_timeout().is_none_or(|next| next > due);
        assert!(goes_on, "it stands still at {due}");
    }
}

/// An effect in a few words; `None` of what tells nothing new.
fn words(effect: Effect) -> Option<String> {
    Some(match effect {
        Effect::Turn(_) | Effect::Trusted { .. } => return None,
        Effect::Applied { id, kind, rule, .. } => format!("applied {id} {kind} {rule}"),
        Effect::RolledBack { id, how, .. } => {
            let why = match how {
                RolledBack::ByOperator => "operator",
                RolledBack::RuleLeft => "left",
                RolledBack::Automatic(Reason::Worse(_)) => "worse",
                RolledBack::Automatic(Reason::Harm(_)) => "harm",
                RolledBack::Automatic(Reason::Doubted(..)) => "doubted",
            };
            format!("back {id} {why}")
        }
        Effect::Doubted { sensor, doubt } => {
            let why = match doubt {
                Doubt::Silent(_) => "silent",
                Doubt::Nonsense(_) => "nonsense",
                Doubt::Stuck(_) => "stuck",
            };
            format!("doubt {sensor} {why}")
        }
    })
}

/// Runs a script and returns the adapter and what it told, each with its second.
///
/// `FROM..TO SENSOR READING` has a reading come every second, the last one not at
/// TO; around READING by a millionth, or with `=READING` exactly. What begins
/// with one second is done then: `rollback ID`, `gain ID LO HI`, `harm ID`.
fn run(script: &str) -> (Adapter, Vec<String>) {
    let mut adapter = adapter();
    let mut steps: Vec<(u32, Vec<&str>)> = Vec::new();
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (from, to) = words[0].split_once("..").unwrap_or((words[0], ""));
        let from = from.parse::<u32>().expect("a second");
        let to = to.parse().unwrap_or(from + 1);
        steps.extend((from..to).map(|second| (second, words[1..].to_vec())));
    }
    steps.sort_by_key(|(second, _)| *second);
    let mut told = Vec::new();
    for (second, words) in steps {
        wait(&mut adapter, at(f64::from(second)));
        step(&mut adapter, second, &words);
        while let Some(effect) = adapter.poll_effect() {
            told.extend(
                self::words(effect).map(|text| format!("{:.0} {text}", adapter.now.as_secs_f64())),
            );
        }
    }
    (adapter, told)
}

fn step(adapter: &mut Adapter, second: u32, words: &[&str]) {
    let now = at(f64::from(second));
    let number = |text: &str| text.parse::<f64>().expect("a number");
    match words[0] {
        "rollback" => drop(adapter.rollback(now, id(words[1])).expect("is in force")),
        "harm" => drop(adapter.handle_harm(now, id(words[1]), "errors").expect("is in force")),
        "gain" => {
            let gain = measured(number(words[2]), number(words[3]));
            adapter.handle_gain(now, id(words[1]), gain).expect("is remembered");
        }
        sensor => {
            let sensor = Sensor::ALL.into_iter().find(|other| other.as_str() == sensor);
            let reading = match words[1].strip_prefix('=') {
                Some(exact) => number(exact),
                None => number(words[1]) + f64::from(second % 2) * 1e-6,
            };
            // Refused readings are what some scripts are about.
            let _ = adapter.handle_reading(now, sensor.expect("a sensor"), reading);
        }
    }
}

/// Runs a script and compares what was told. See [`run`].
fn check(script: &str, expected: &str) -> Adapter {
    let (adapter, told) = run(script);
    let expected: Vec<&str> =
        expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(told, expected, "{script}");
    adapter
}

#[test]
fn a_condition_that_holds_is_answered_step_by_step_and_taken_back_likewise() {
    let adapter = check(
        "0..60   cpu 0.95
         60..200 cpu 0.60",
        "10 applied a-1 reduce_complexity cpu-high
         40 applied a-2 reduce_complexity cpu-high
         96 back a-2 left
         126 back a-1 left",
    );
    assert_eq!(adapter.knobs(), Knobs::NEUTRAL);
}

#[test]
fn a_short_peak_is_no_reason() {
    check("0..8 cpu 0.99\n 8..60 cpu 0.5", "");
}

#[test]
fn a_reading_that_wobbles_around_the_threshold_applies_once() {
    let after_an_hour = |period_s: u32, high: f64| {
        let mut adapter = adapter();
        for second in 0..3_600 {
            let is_high = second / period_s % 2 == 1;
            let reading = if is_high { high } else { 0.80 } + f64::from(second % 2) * 1e-6;
            adapter.handle_reading(at(f64::from(second)), Sensor::Cpu, reading).expect("a share");
        }
        (adapter.history().len(), adapter.in_force().count())
    };
    assert_eq!(after_an_hour(1, 0.99), (0, 0), "on the whole it is below");
    assert_eq!(after_an_hour(5, 0.99), (0, 0), "it never lasts");
    // It has two steps, and takes each of them once.
    assert_eq!(after_an_hour(60, 0.99), (2, 2));
    assert_eq!(after_an_hour(60, 0.92), (2, 2));
}

#[test]
fn each_rule_that_comes_with_nexus_does_what_it_says() {
    check("0..12 cpu 0.95", "10 applied a-1 reduce_complexity cpu-high");
    check("0..12 memory 0.95", "10 applied a-1 reduce_complexity memory-high");
    check("0..12 network_latency 0.5", "10 applied a-1 raise_timeout latency-high");
    check("0..12 error_rate 0.2", "10 applied a-1 reduce_complexity errors-high");
    check("0..32 throughput 5000", "30 applied a-1 enable_caching throughput-high");
    check("0..122 cpu 0.1", "120 applied a-1 prefer_quality cpu-low");
}

#[test]
fn of_two_that_are_due_the_one_that_relieves_comes_first() {
    check(
        "0..60 throughput 5000
         0..60 network_latency 0.5
         15..60 memory 0.95",
        "10 applied a-1 raise_timeout latency-high
         40 applied a-2 reduce_complexity memory-high",
    );
}

#[test]
fn quality_gives_way_while_complexity_is_reduced_and_comes_back_after() {
    let (mut adapter, told) = run("0..160 cpu 0.1
         130..160 memory 0.99");
    assert_eq!(
        told,
        ["120 applied a-1 prefer_quality cpu-low", "150 applied a-2 reduce_complexity memory-high"]
    );
    let knobs = adapter.knobs();
    assert_eq!((knobs.complexity, knobs.prefer_quality, knobs.effort), (0.75, false, 1.0));
    let knobs = adapter.rollback(at(160.0), id("a-2")).expect("is in force");
    assert_eq!((knobs.complexity, knobs.prefer_quality, knobs.effort), (1.0, true, 1.25));
}

#[test]
fn a_stuck_sensor_is_found_within_two_minutes_and_its_rules_leave() {
    let adapter = check(
        "0..150 cpu =0.95
         0..150 memory 0.5",
        "10 applied a-1 reduce_complexity cpu-high
         40 applied a-2 reduce_complexity cpu-high
         60 doubt cpu stuck
         60 back a-2 doubted
         60 back a-1 doubted",
    );
    assert_eq!(adapter.knobs(), Knobs::NEUTRAL);
}

#[test]
fn a_sensor_that_falls_silent_or_tells_nonsense_takes_its_rules_along() {
    check(
        "0..12 cpu 0.95
         0..30 memory 0.5",
        "10 applied a-1 reduce_complexity cpu-high
         22 doubt cpu silent
         22 back a-1 doubted",
    );
    check(
        "0..12 cpu 0.95
         12..30 cpu NaN",
        "10 applied a-1 reduce_complexity cpu-high
         22 doubt cpu nonsense
         22 back a-1 doubted",
    );
    // It may come back, and what rests on it as well, without a rest.
    check(
        "0..12 cpu 0.95
         12..30 cpu inf
         30..60 cpu 0.95",
        "10 applied a-1 reduce_complexity cpu-high
         22 doubt cpu nonsense
         22 back a-1 doubted
         40 applied a-2 reduce_complexity cpu-high",
    );
}

#[test]
fn what_measures_worse_is_taken_back_and_rests_for_longer_each_time() {
    let adapter = check(
        "0..2000 cpu 0.95
         20 gain a-1 1.02 1.20
         625 gain a-2 1.02 1.20",
        "10 applied a-1 reduce_complexity cpu-high
         20 back a-1 worse
         620 applied a-2 reduce_complexity cpu-high
         625 back a-2 worse
         1825 applied a-3 reduce_complexity cpu-high
         1855 applied a-4 reduce_complexity cpu-high",
    );
    let first = adapter.history().get(id("a-1")).expect("is remembered");
    assert_eq!(first.gain, Some(measured(1.02, 1.20)));
}

#[test]
fn what_is_not_surely_worse_stays_and_what_is_surely_better_clears_the_record() {
    check(
        "0..1300 cpu 0.95
         20 gain a-1 0.98 1.20
         22 harm a-1
         630 gain a-2 0.80 0.90
         640 harm a-2",
        "10 applied a-1 reduce_complexity cpu-high
         22 back a-1 harm
         622 applied a-2 reduce_complexity cpu-high
         640 back a-2 harm
         1240 applied a-3 reduce_complexity cpu-high
         1270 applied a-4 reduce_complexity cpu-high",
    );
}

#[test]
fn rolling_back_the_newest_restores_exactly_what_was_before() {
    let (mut adapter, _) = run("0..60 cpu 0.95\n 30..60 network_latency 0.5");
    for _ in 0..2 {
        let newest = adapter.in_force().last().expect("two are in force").clone();
        assert_eq!(adapter.knobs(), newest.after);
        assert_eq!(adapter.rollback(at(60.0), newest.id), Ok(newest.before));
    }
    assert_eq!(adapter.knobs(), Knobs::NEUTRAL);
}

#[test]
fn rolling_back_an_earlier_one_leaves_what_the_others_make_together() {
    let (mut adapter, told) = run("0..60 cpu 0.95\n 12..60 network_latency 0.5");
    assert_eq!(told.len(), 2, "{told:?}");
    let [first, second] =
        [id("a-1"), id("a-2")].map(|id| adapter.history().get(id).expect("is there").clone());
    let knobs = adapter.rollback(at(60.0), first.id).expect("is in force");
    // What the second changed is changed, what the first changed is as before it.
    let expected = Knobs { timeout_factor: second.after.timeout_factor, ..first.before };
    if second.kind == AdaptationKind::RaiseTimeout {
        assert_eq!(knobs, expected);
    } else {
        assert_eq!(knobs.complexity, 0.75, "one step of the same is left");
    }
    assert_eq!(adapter.rollback(at(60.0), second.id), Ok(first.before));
}

#[test]
fn an_adaptation_that_is_not_there_is_refused_and_nothing_changes() {
    let (mut adapter, _) = run("0..12 cpu 0.95");
    let now = at(12.0);
    let refused = |adapter: &mut Adapter, text: &str| {
        let (knobs, history) = (adapter.knobs(), adapter.history().clone());
        let error = adapter.rollback(now, id(text)).expect_err("is not there");
        assert_eq!((knobs, &history), (adapter.knobs(), adapter.history()));
        error.to_string()
    };
    let error = refused(&mut adapter, "a-2");
    assert_eq!(error, "there is no adaptation a-2; `why` lists those in force");
    adapter.rollback(now, id("a-1")).expect("is in force");
    let error = refused(&mut adapter, "a-1");
    assert_eq!(error, "adaptation a-1 was rolled back already, at 12.000000000s");
    let gain = measured(1.1, 1.2);
    assert!(adapter.handle_gain(now, id("a-9"), gain).is_err());
    assert_eq!(adapter.handle_gain(now, id("a-1"), gain), Ok(GainOutcome::OverAlready));
    assert!(adapter.handle_harm(now, id("a-1"), "errors").is_err());
}

#[test]
fn the_history_keeps_the_last_thousand_and_whatever_is_in_force() {
    let quick = |rule: &Rule| {
        let spec = rule.spec().clone();
        Rule::new(RuleSpec { enter_after_s: 1.0, leave_after_s: 1.0, ..spec }).expect("holds")
    };
    let rules = Rules::new(Rules::default().iter().map(quick).collect()).expect("go together");
    let pace = Pace { dwell: Duration::from_secs(1), ..Pace::default() };
    let spec = AdapterSpec { rules, pace, ..AdapterSpec::default() };
    let mut adapter = Adapter::new(spec).expect("holds");
    for second in 0..40_000u32 {
        let (now, wobble) = (at(f64::from(second)), f64::from(second % 2) * 1e-6);
        let latency = if second / 15 % 2 == 0 { 0.9 } else { 0.01 };
        adapter.handle_reading(now, Sensor::NetworkLatency, latency + wobble).expect("can be");
        adapter.handle_reading(now, Sensor::Memory, 0.95 + wobble).expect("can be");
        assert!(adapter.history().len() <= HISTORY_MAX, "{second}");
    }
    assert_eq!(adapter.history().len(), HISTORY_MAX);
    let oldest = adapter.in_force().next().expect("memory is short all the time").id;
    assert!(oldest.number() <= 4, "{oldest}");
    assert_eq!(adapter.history().get(id("a-5")), Err(Missing::Forgotten(id("a-5"))));
    let error = adapter.rollback(Time::MAX, id("a-5")).expect_err("too long ago").to_string();
    assert_eq!(error, "adaptation a-5 ended too long ago: the last 1000 are remembered");
    assert!(adapter.rollback(Time::MAX, oldest).is_ok());
}

#[test]
fn an_adaptation_on_trial_is_shown_or_left_out_as_the_arm_says() {
    let (mut adapter, _) = run("0..60 cpu 0.95");
    while adapter.poll_effect().is_some() {}
    let (one, other) = (id("a-1"), id("a-2"));
    assert_eq!(
        adapter.set_trial_arm(at(60.0), one, Arm::Off).map(|knobs| knobs.complexity),
        Ok(1.0)
    );
    assert!(matches!(adapter.poll_effect(), Some(Effect::Turn(knobs)) if knobs.complexity == 1.0));
    assert_eq!(adapter.set_trial_arm(at(60.0), other, Arm::Off), Err(TrialError::Another(one)));
    assert_eq!(
        adapter.set_trial_arm(at(61.0), one, Arm::On).map(|knobs| knobs.complexity),
        Ok(0.5)
    );
    assert_eq!(
        adapter.set_trial_arm(at(62.0), one, Arm::Off).map(|knobs| knobs.complexity),
        Ok(1.0)
    );
    adapter.end_trial(at(63.0));
    assert_eq!(adapter.knobs().complexity, 0.5);
    // With the adaptation its trial ends.
    adapter.set_trial_arm(at(64.0), other, Arm::Off).expect("is in force");
    adapter.rollback(at(64.0), other).expect("is in force");
    assert_eq!((adapter.trial(), adapter.knobs().complexity), (None, 0.75));
    assert!(adapter.set_trial_arm(at(64.0), other, Arm::On).is_err());
}

#[test]
fn what_bounds_force_is_turned_at_once_and_what_they_forbid_never() {
    let spec = BoundsSpec {
        enable_caching: crate::adaptive::Use::Forced,
        reduce_complexity: crate::adaptive::Use::Never,
        ..BoundsSpec::default()
    };
    let bounds = Bounds::new(spec).expect("hold together");
    let mut adapter =
        Adapter::new(AdapterSpec { bounds, ..AdapterSpec::default() }).expect("holds");
    assert!(matches!(adapter.poll_effect(), Some(Effect::Turn(knobs)) if knobs.cache.is_some()));
    for second in 0..60u32 {
        let reading = 0.95 + f64::from(second % 2) * 1e-6;
        adapter.handle_reading(at(f64::from(second)), Sensor::Cpu, reading).expect("a share");
    }
    assert!(adapter.history().is_empty());
}

#[test]
fn whoever_polls_late_still_learns_where_the_knobs_stand() {
    let mut adapter = adapter();
    for round in 0..2_000u32 {
        // Each round the sensor is believed anew; the knobs are turned in the first alone.
        let now = at(f64::from(round) * 20.0);
        adapter.handle_reading(now, Sensor::Throughput, f64::from(round % 7)).expect("can be");
        if round == 0 {
            for second in 0..12 {
                let reading = 0.5 + f64::from(second % 2) * 1e-6;
                adapter
                    .handle_reading(at(f64::from(second)), Sensor::NetworkLatency, reading)
                    .expect("can be");
            }
        }
    }
    let effects: Vec<Effect> = std::iter::from_fn(|| adapter.poll_effect()).collect();
    assert_eq!(effects.len(), EFFECTS_MAX);
    assert!(adapter.effects_lost() > 0);
    let turned = effects.iter().rev().find_map(|effect| match effect {
        Effect::Turn(knobs) => Some(*knobs),
        _ => None,
    });
    assert_eq!(turned, Some(adapter.knobs()));
}

#[test]
fn the_history_is_told_in_json() {
    let (mut adapter, _) = run("0..12 cpu =0.95");
    adapter.handle_gain(at(12.0), id("a-1"), measured(1.5, 2.0)).expect("is remembered");
    let json = serde_json::to_value(adapter.history()).expect("words and numbers");
    assert_eq!(
        json,
        serde_json::json!([{
            "id": "a-1", "kind": "reduce_complexity", "at_s": 10.0, "rule": "cpu-high",
            "sensor": "cpu",
            "readings": {
                "cpu": 0.95, "memory": null, "network_latency": null, "error_rate": null,
                "throughput": null,
            },
            "before": {
                "complexity": 1.0, "timeout_factor": 1.0, "cache": null,
                "prefer_quality": false, "effort": 1.0,
            },
            "after": {
                "complexity": 0.75, "timeout_factor": 1.0, "cache": null,
                "prefer_quality": false, "effort": 1.0,
            },
            "gain": {"ratio": 1.75, "interval": [1.5, 2.0], "blocks": 0, "detectable": null},
            "rolled_back": {
                "at_s": 12.0, "by": "automatic",
                "reason": "it measured worse: costs ×1.750 [1.500, 2.000] by 0 blocks",
            },
        }])
    );
}
