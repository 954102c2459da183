//! What scheduling by prediction is worth on the shipped trace, and what measuring
//! it live finds.

#[allow(dead_code, reason = "what a request costs is watched elsewhere")]
mod pool;

use std::time::Duration;

use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{Strategy, StrategyName, strategy};
use nexus_intel::adaptive::{Choosing, LearnedSpeeds};
use nexus_intel::layers::{PoolLayers, TrialSpec};
use nexus_intel::measure::{Arm, Objective, SwitchbackSpec};
use nexus_intel::proactive::{EvenSpeeds, LearnedWork, Scheduled, ScheduledSpec};
use nexus_intel::safety::{LadderSpec, Stage, Transition};
use pool::{Request, SECOND, Speeds, serve, serve_whole, servers, shipped};

const SEEDS: u64 = 4;

fn usual() -> Speeds {
    vec![(0.0, 1.0)]
}

fn proactive() -> Box<dyn Strategy> {
    Box::new(Scheduled::new(ScheduledSpec::new("proactive"), LearnedWork::new(), EvenSpeeds))
}

fn adaptive() -> Box<dyn Strategy> {
    let spec = ScheduledSpec::new("adaptive");
    Box::new(Scheduled::new(spec, LearnedWork::new(), LearnedSpeeds::new()))
}

/// Ratios of mean and p99 to least connections, means over seeds.
fn ratios(first: &Speeds, second: &Speeds, make: fn() -> Box<dyn Strategy>) -> [f64; 2] {
    let requests = shipped();
    let (mut base, mut own) = ([0.0; 2], [0.0; 2]);
    for seed in 1..=SEEDS {
        let pool = servers(seed, first, second);
        for (sums, strategy) in
            [(&mut base, strategy(StrategyName::LeastConnections)), (&mut own, make())]
        {
            let served = serve(&requests, &pool, strategy, usize::MAX, seed);
            sums[0] += served.mean_s();
            sums[1] += served.p99_s();
        }
    }
    [own[0] / base[0], own[1] / base[1]]
}

/// The ratios are at most as told.
#[track_caller]
fn check(speeds: [Speeds; 2], make: fn() -> Box<dyn Strategy>, most: [f64; 2]) {
    let found = ratios(&speeds[0], &speeds[1], make);
    assert!(found[0] <= most[0] && found[1] <= most[1], "{found:?} is above {most:?}");
}

#[test]
fn with_equal_speeds_both_levels_gain() {
    check([usual(), usual()], proactive, [1.00, 0.97]);
    check([usual(), usual()], adaptive, [1.00, 0.97]);
}

#[test]
fn with_mixed_speeds_the_adaptive_level_gains_most() {
    let mixed = || [vec![(0.0, 1.5)], vec![(0.0, 0.5)]];
    check(mixed(), proactive, [1.02, 1.02]);
    check(mixed(), adaptive, [0.95, 0.77]);
}

#[test]
fn with_changing_speeds_the_adaptive_level_follows() {
    let changing = || [vec![(0.0, 1.0), (1_200.0, 0.3), (2_400.0, 1.0)], usual()];
    check(changing(), proactive, [1.02, 1.02]);
    check(changing(), adaptive, [1.02, 0.80]);
}

fn choosing() -> Box<dyn Strategy> {
    Box::new(Choosing::new(Rng::new(1)))
}

#[test]
fn without_predictions_a_strategy_chosen_by_conditions_gains_where_speeds_differ_and_under_load() {
    let mixed = [vec![(0.0, 1.5)], vec![(0.0, 0.5)]];
    check([usual(), usual()], choosing, [0.97, 0.90]);
    check(mixed, choosing, [0.97, 0.95]);
}

/// Requests come 1.3 times as fast and are of no use after half a minute.
fn overload() -> Vec<Request> {
    let denser = |one: Request| {
        let at = Time::from_nanos(one.at.as_nanos() * 10 / 13);
        Request { at, deadline: Time::from_nanos(at.as_nanos() + 30 * SECOND), ..one }
    };
    shipped().into_iter().map(denser).collect()
}

#[test]
fn under_overload_prediction_serves_more_in_time_than_any_limit_does() {
    let (requests, pool) = (overload(), servers(1, &usual(), &usual()));
    let share =
        |strategy, in_pool_max| serve(&requests, &pool, strategy, in_pool_max, 1).within(30.0);
    let plain = share(strategy(StrategyName::LeastConnections), usize::MAX);
    let limited = (2..=7).map(|each| share(strategy(StrategyName::LeastConnections), each * 31));
    let in_line =
        (33..=44).map(|tenths| share(strategy(StrategyName::CentralQueue), tenths * 31 / 10));
    let best_limit = limited.fold(0.0, f64::max);
    let best_line = in_line.fold(0.0, f64::max);
    let predicted = share(proactive(), usize::MAX);
    let all = format!("plain {plain}, limit {best_limit}, line {best_line}, predicted {predicted}");
    assert!(predicted > best_limit.max(best_line) + 0.01 && best_limit > plain, "{all}");
}

/// An hour of requests with the sizes of the shipped ones, drawn, and ninety times as small:
/// some 50 ms of work each, which keep 31 servers, seven of them slow, 75 % busy.
fn fast() -> Vec<Request> {
    let (sizes, mut rng, mut at_s) = (shipped(), Rng::new(1), 0.0);
    let gap_s =
        sizes.iter().map(|one| one.work_s / 90.0).sum::<f64>() / sizes.len() as f64 / (0.75 * 26.1);
    let mut requests = Vec::new();
    loop {
        let one = sizes[rng.below(sizes.len() as u64) as usize];
        at_s += gap_s * rng.exponential();
        if at_s > 3_600.0 {
            return requests;
        }
        let at = Time::from_nanos((at_s * SECOND as f64) as u64);
        requests.push(Request { at, work_s: one.work_s / 90.0, ..one });
    }
}

/// Layers that are measured while they serve.
fn on_trial(seed: u64) -> PoolLayers<LearnedWork, LearnedSpeeds> {
    let enabled = vec![Level::Proactive, Level::Adaptive];
    let ladder = LadderSpec { asked: Level::Adaptive, enabled, ..LadderSpec::default() };
    let spec = ScheduledSpec::new("layers");
    let (work, speeds, rng) = (LearnedWork::new(), LearnedSpeeds::new(), Rng::new(seed));
    let layers = PoolLayers::new(Time::ZERO, ladder, spec, work, speeds, rng.fork("layers"));
    let switchback = SwitchbackSpec {
        block_min: Duration::from_secs(2),
        ..SwitchbackSpec::new(Objective::MeanSeconds)
    };
    let trial = TrialSpec { switchback, ..TrialSpec::new(Objective::MeanSeconds) };
    let layers = layers.expect("a sound ladder").with_trial(Time::ZERO, trial, rng.fork("trial"));
    layers.expect("a sound trial")
}

#[test]
fn within_an_hour_switchback_finds_what_the_layers_are_worth_where_speeds_are_hidden() {
    let requests = fast();
    // Seven servers are slow, and every twenty minutes seven others.
    let one: Speeds = vec![(0.0, 0.3), (1_200.0, 1.0), (2_400.0, 0.3)];
    let other: Speeds = vec![(0.0, 1.0), (1_200.0, 0.3), (2_400.0, 1.0)];
    let pool = servers(1, &one, &other);
    let mut balancer = serve_whole(&requests, &pool, Box::new(on_trial(1)), 1);
    let end = requests[requests.len() - 1].at;
    let (status, measured, rehearsal) = balancer
        .change_strategy(end, 0, |layers: &mut PoolLayers<LearnedWork, LearnedSpeeds>| {
            (layers.ladder().status(), layers.measured(), layers.rehearsal())
        })
        .expect("the layers show themselves");
    let sure_at_s = |level| {
        let sure = |step: &&Transition| step.layer == level && step.to == Stage::On;
        status.history.iter().find(sure).map(|step| step.at_s)
    };
    let adaptive_s = sure_at_s(Level::Adaptive);
    assert!(adaptive_s.is_some_and(|at_s| at_s < 1_800.0), "{measured:?} {status:#?}");
    assert_eq!(status.used, Level::Adaptive, "nothing sent it down again: {status:#?}");

    // What is found is what serving everything twice finds, at the level and at the one
    // below it that is in use.
    let below = match sure_at_s(Level::Proactive) {
        Some(_) => proactive(),
        None => strategy(StrategyName::LeastConnections),
    };
    let mean_s = |strategy| serve(&requests, &pool, strategy, usize::MAX, 1).mean_s();
    let truth = mean_s(adaptive()) / mean_s(below);
    let (level, gain, _) = measured.expect("a trial goes on");
    let [low, high] = gain.interval.expect("there are hundreds of blocks");
    assert_eq!(level, Level::Adaptive);
    assert!(low - 0.02 < truth && truth < high + 0.02, "{truth} is not in {low} to {high}");

    // And what a simulator finds that serves the last blocks again is believed, and alike.
    let rehearsal = rehearsal.expect("a trial goes on");
    let shadow = rehearsal.replay();
    let biases = [Arm::Off, Arm::On].map(|arm| shadow.bias(arm));
    let all = format!(
        "{biases:?} {:?} {} {:?}",
        shadow.error_median(),
        rehearsal.blocks(),
        shadow.gain()
    );
    let found = shadow.gain().and_then(|gain| gain.interval).expect(&all);
    assert!(found[0] - 0.02 < truth && truth < found[1] + 0.02, "{all}: {truth}");
}
