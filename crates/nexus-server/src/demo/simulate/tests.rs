//! The shipped trace against an independent replay, and what a pool promises.

use super::*;
use crate::demo::Speeds;
use crate::demo::figures::Figures;
use crate::demo::tests::replay;

/// Servers for which the figures below were made.
const SERVERS: u32 = 31;

/// Mean, p95 and p99 seconds over seeds 1 to 8.
fn figures(strategy: Strategy, speeds: Speeds) -> [f64; 3] {
    let trace = Trace::shipped();
    let runs: Vec<Figures> = (1..=8)
        .map(|seed| {
            let setup = Setup { strategy, speeds: speeds.pool(SERVERS, seed), timing: false };
            let served = serve(&trace, &setup, seed).expect("every request is answered");
            Figures::of_run(&trace, &served, 10.0)
        })
        .collect();
    let mean = Figures::mean(&runs);
    [mean.mean_s, mean.p95_s, mean.p99_s]
}

/// Within 3 % of the mean and 5 % of the percentiles that others found by a
/// replay of their own. NaN stands for what they did not say.
#[track_caller]
fn check(strategy: Strategy, speeds: Speeds, expected: [f64; 3]) {
    let found = figures(strategy, speeds);
    for ((found, expected), tolerance) in found.into_iter().zip(expected).zip([0.03, 0.05, 0.05]) {
        let off = (found - expected).abs() / expected;
        assert!(expected.is_nan() || off <= tolerance, "{found} instead of {expected}");
    }
}

#[test]
fn equal_servers_serve_the_trace_as_others_found() {
    check(Strategy::LeastConnections, Speeds::Equal, [5.06, 11.6, 16.5]);
    check(Strategy::TwoChoices, Speeds::Equal, [8.29, 19.4, 25.9]);
    check(Strategy::RoundRobin, Speeds::Equal, [8.93, f64::NAN, 33.6]);
}

#[test]
fn mixed_servers_serve_the_trace_as_others_found() {
    check(Strategy::LeastConnections, Speeds::Mixed, [5.24, 16.0, 22.4]);
    check(Strategy::TwoChoices, Speeds::Mixed, [10.3, 29.9, 49.5]);
}

/// Round robin leaves nothing to chance, so the two must agree request by request.
#[test]
fn round_robin_agrees_with_the_replay_on_every_request() {
    let trace = Trace::shipped();
    let speeds = Speeds::Equal.pool(SERVERS, 1);
    let setup = Setup { strategy: Strategy::RoundRobin, speeds, timing: false };
    let served = serve(&trace, &setup, 1).expect("every request is answered");
    let replayed = replay::serve(&trace, &setup, 1).expect("a replay does not fail");
    let both = served.seconds_in_system.iter().zip(&replayed.seconds_in_system);
    for (number, (served, replayed)) in both.enumerate() {
        assert!((served - replayed).abs() < 1e-9, "request {number}: {served}, not {replayed}");
    }
}

#[test]
fn a_seed_names_a_run() {
    let trace = Trace::shipped();
    let run = |strategy, seed| {
        let setup = Setup { strategy, speeds: Speeds::Mixed.pool(7, seed), timing: false };
        serve(&trace, &setup, seed).expect("every request is answered")
    };
    for strategy in [Strategy::Prequal, Strategy::CentralQueue] {
        assert_eq!(run(strategy, 5), run(strategy, 5));
        assert_ne!(run(strategy, 5), run(strategy, 6));
    }
}

#[test]
fn decisions_are_measured_only_if_asked_for() {
    let trace = Trace::shipped();
    for timing in [false, true] {
        let speeds = Speeds::Equal.pool(SERVERS, 1);
        let setup = Setup { strategy: Strategy::LeastConnections, speeds, timing };
        let served = serve(&trace, &setup, 1).expect("every request is answered");
        assert_eq!(served.decision_ns.is_some_and(|ns| ns > 0.0), timing);
    }
}
