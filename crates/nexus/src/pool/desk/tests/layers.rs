//! What the desk promises where there are layers.

use nexus_intel::layers::TrialSpec;
use nexus_intel::measure::{Objective, SwitchbackSpec};

use super::*;
use crate::pool::PoolWhy;

/// All levels, and layers that are tried in blocks of some hundred milliseconds.
fn layered() -> PoolSpec {
    let usual = TrialSpec::new(Objective::MeanSeconds);
    let block_min = Duration::from_millis(100);
    let switchback = SwitchbackSpec { block_min, ..usual.switchback };
    let levels = EnabledLevels::BASIC.with(Routing::Optimized).with(Routing::Adaptive);
    PoolSpec::new().levels(levels).trial(TrialSpec { switchback, ..usual })
}

/// As [`check`], with layers that are in use.
#[track_caller]
fn check_layers(member_count: usize, scene: &str, expected: &str) {
    let mut played = Scene::new(layered(), member_count, 7);
    played.warm_up();
    check_in(played, scene, expected);
}

#[test]
fn a_layer_that_is_taken_away_leaves_what_it_holds_to_the_one_below() {
    for away in ["ask reactive", "levels optimized", "layer proactive off"] {
        let scene = format!(
            "call a adaptive
             call b adaptive
             call c adaptive
             poll b
             poll c
             {away}
             poll b
             poll c
             done a"
        );
        // One layer alone, or the next would be used in place of it.
        let mut played = Scene::new(layered().layers([Level::Proactive]), 1, 7);
        played.warm_up();
        check_in(
            played,
            &scene,
            "a -> 0.1 by adaptive
             b held by adaptive
             c held by adaptive
             wake b
             wake c
             b -> 0.1
             c -> 0.1",
        );
    }
}

#[test]
fn a_call_that_would_be_late_is_refused_when_it_comes_or_when_its_turn_does() {
    check_layers(
        1,
        "call a adaptive
         call b adaptive within 50
         call c adaptive within 10
         poll b
         wait 45
         done a
         poll b",
        "a -> 0.1 by adaptive
         b held by adaptive
         c refused: it would not be served by its deadline; nothing changed; try again later, or \
         with more time
         wake b
         b: it would not be served by its deadline; nothing changed; try again later, or with \
         more time",
    );
}

#[test]
fn layers_hold_calls_over_a_pool_without_members_and_tell_them_when_it_stops() {
    check_layers(
        1,
        "call a adaptive
         call b adaptive
         call c adaptive
         poll b
         poll c
         end 0
         ask reactive
         fail a
         join 0
         poll b
         ask adaptive
         call d adaptive
         stop
         poll c",
        "a -> 0.1 by adaptive
         b held by adaptive
         c held by adaptive
         0: Replace
         wake b
         wake c
         b -> 0.2
         d -> 0.2 by adaptive
         1 members to stop
         c: pool has been stopped; nothing changed",
    );
}

#[test]
fn a_pool_made_without_layers_has_none() {
    check(
        PoolSpec::new(),
        1,
        "levels optimized+adaptive
         call a adaptive
         ask adaptive
         layer adaptive on",
        "a -> 0.1 by optimized, adaptive is not enabled
         the pool has no layers, since it was made without the adaptive routing level; nothing \
         changed
         the pool has no layers, since it was made without the adaptive routing level; nothing \
         changed",
    );
    assert_eq!(Scene::new(PoolSpec::new(), 1, 7).desk.why(), PoolWhy::default());
}

/// Any order of things, and layers that come and go: the books hold, and whatever
/// layers hold goes on.
#[test]
fn the_books_hold_with_layers_whatever_happens() {
    for seed in 0..40 {
        let trace = run_any_layered(seed);
        assert_eq!(trace, run_any_layered(seed), "seed {seed}");
    }
}

fn run_any_layered(seed: u64) -> Vec<String> {
    const CHANGES: [&str; 8] = [
        "ask reactive",
        "ask proactive",
        "ask adaptive",
        "layer proactive off",
        "layer proactive on",
        "layer adaptive off",
        "levels optimized",
        "levels optimized+adaptive",
    ];
    let mut scene = any_scene(layered(), seed);
    scene.warm_up();
    let mut rng = Rng::new(seed).fork("layers");
    let mut trace = Vec::new();
    for step in 0..600 {
        let play = match rng.below(24) {
            0 => CHANGES[rng.below(8) as usize].to_owned(),
            1..6 => format!("call c{step} adaptive within {}", rng.below(100)),
            6 => "wait 20".to_owned(),
            _ => any_line(&scene, step, &mut rng),
        };
        scene.play(&play);
        scene.check_books();
        trace.extend(scene.take_log());
    }
    ["ask reactive", "levels basic"].iter().for_each(|line| scene.play(line));
    while let Some(name) = scene.calls.keys().next().cloned() {
        scene.play(&format!("drop {name}"));
        scene.check_books();
    }
    let counts = scene.desk.counts(scene.now);
    assert_eq!((counts.held, counts.in_flight, scene.desk.waiting.len()), (0, 0, 0));
    assert!(counts.levels[Routing::Adaptive as usize].used > 0, "{counts:?}");
    trace
}
