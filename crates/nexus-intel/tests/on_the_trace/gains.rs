//! A layer that knows the speeds of servers, measured in three ways.
//!
//! It takes the fast servers for the requests that have it. Those look much better
//! than the few of a control group in the same pool, who find the fast servers
//! taken: their places are where most of the gain comes from. When all have the
//! layer there is nobody to take them from.

use std::cell::RefCell;

use nexus_base::{Rng, Summary, Time};
use nexus_intel::measure::{
    Arm, Gain, Objective, Outcome, PairedReplay, Switchback, SwitchbackSpec, Verdict,
};

use crate::pool::{Place, Request, hours, serve, size_of, trace};

const SEEDS: u64 = 16;
/// One request in so many is in the control group: 5 %.
const CONTROL: u64 = 20;
/// Hours of trace for one switchback. Blocks of this pool last three minutes.
const SWITCHBACK_HOURS: u32 = 24;

fn place(arm: Arm) -> Place {
    match arm {
        Arm::Off => Place::Fewest,
        Arm::On => Place::Soonest,
    }
}

/// Mean seconds in system of the requests without the layer and with it, when
/// `arms` says who has it.
fn means(requests: &[Request], rng: &mut Rng, arms: impl Fn(usize) -> Arm) -> [Summary; 2] {
    let mut seconds = [Summary::new(), Summary::new()];
    serve(
        requests,
        rng,
        |_, number| place(arms(number)),
        |ended| seconds[arms(ended.place) as usize].record(ended.cost().as_secs_f64()),
    );
    seconds
}

/// Everybody without the layer, then the same arrivals with it.
fn truth(trace: &[Request]) -> Gain {
    let mut replay = PairedReplay::new();
    for seed in 0..SEEDS {
        let rng = Rng::new(seed);
        let requests = hours(trace, 1, &mut rng.fork("sizes"));
        let [off, on] = [Arm::Off, Arm::On]
            .map(|arm| means(&requests, &mut rng.fork("ties"), |_| arm)[arm as usize].mean());
        replay.record(off, on).expect("means are amounts");
    }
    replay.gain()
}

/// Control group and all others in the same pool.
fn naive(trace: &[Request]) -> Gain {
    let mut replay = PairedReplay::new();
    for seed in 0..SEEDS {
        let rng = Rng::new(seed);
        let requests = hours(trace, 1, &mut rng.fork("sizes"));
        let mut draw = rng.fork("control");
        let controls: Vec<bool> = requests.iter().map(|_| draw.below(CONTROL) == 0).collect();
        let arm = |number: usize| if controls[number] { Arm::Off } else { Arm::On };
        let [off, on] = means(&requests, &mut rng.fork("ties"), arm);
        replay.record(off.mean(), on.mean()).expect("means are amounts");
    }
    replay.gain()
}

/// A switchback of the whole pool over a day of such hours, as it would run live.
/// Whether its interval held `held` after every block, and what it says at last.
fn switchback(trace: &[Request], seed: u64, held: f64) -> (bool, Switchback) {
    let rng = Rng::new(seed);
    let requests = hours(trace, SWITCHBACK_HOURS, &mut rng.fork("sizes"));
    let spec = SwitchbackSpec::new(Objective::MeanSeconds);
    let switchback = Switchback::new(Time::ZERO, spec, rng.fork("arms")).expect("a sound spec");
    let switchback = RefCell::new(switchback);
    let (mut always, mut looked) = (true, None);
    serve(
        &requests,
        &mut rng.fork("ties"),
        |now, _| {
            switchback.borrow_mut().handle_timeout(now);
            place(switchback.borrow().arm())
        },
        |ended| {
            let size = size_of(&requests[ended.place]);
            let outcome = Outcome { arrived: ended.arrived, cost: ended.cost(), size };
            let mut switchback = switchback.borrow_mut();
            switchback.handle_outcome(ended.at, outcome);
            // Nothing else changes within a block.
            if looked != switchback.next_timeout() {
                looked = switchback.next_timeout();
                let interval = switchback.gain().interval;
                always &= interval.is_none_or(|[low, high]| low <= held && held <= high);
            }
        },
    );
    (always, switchback.into_inner())
}

#[test]
#[allow(clippy::disallowed_macros, reason = "the figures are quoted, and read off here")]
fn a_control_group_in_the_same_pool_lies_and_a_switchback_does_not() {
    let trace = trace();
    let (truth, naive) = (truth(&trace), naive(&trace));
    let (_, switchback) = switchback(&trace, 100, 1.0);
    let switched = switchback.gain();
    println!("paired replay  {truth}");
    println!("control group  {naive}");
    println!(
        "switchback     {switched}, {}, {} restarts",
        switchback.phase(),
        switchback.restarts()
    );

    let [low, high] = truth.interval.expect("sixteen seeds");
    assert!(low > 0.93 && high < 0.98, "{truth}");
    // It says 35 % and is sure of it; the truth is a gain of 4 %.
    let [_, naive_high] = naive.interval.expect("sixteen seeds");
    assert!(naive_high < 0.70 && naive_high < low - 20.0 * (high - low), "{naive}");
    let truth = truth.ratio.expect("sixteen seeds");
    let [low, high] = switched.interval.expect("hundreds of blocks");
    assert!(low <= truth && truth <= high, "{switched}");
    assert_eq!(switchback.verdict(), Verdict::Gain, "{switched}");
}

#[test]
#[allow(clippy::disallowed_macros, reason = "the figures are quoted, and read off here")]
fn a_switchback_that_is_looked_at_always_is_hardly_ever_wrong() {
    let trace = trace();
    let truth = truth(&trace).ratio.expect("sixteen seeds");
    let runs: Vec<(bool, Switchback)> =
        (0..20).map(|seed| switchback(&trace, seed, truth)).collect();
    for (always, switchback) in &runs {
        println!("{always} {} {} restarts", switchback.gain(), switchback.restarts());
    }
    let wrong = runs.iter().filter(|(always, _)| !always).count();
    // One in twenty is allowed to err; three is two deviations more.
    assert!(wrong <= 3, "{wrong} of {}", runs.len());
}
