//! How fast the guardrail is on real costs, and how often it is wrong.

use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_intel::measure::{Arm, Guardrail, Outcome, Trip};

use crate::pool::{Ended, Place, hours, serve, size_of, trace};

const HOURS: u32 = 6;
/// The cap that is meant to be kept.
const HARM_CAP: f64 = 1.5;
/// How long each arm lasts where both serve the same.
const BLOCK: Duration = Duration::from_secs(150);
/// What is promised of harm that can be told: one or the other.
const OUTCOMES_MAX: u64 = 500;
const AFTER_MAX: Duration = Duration::from_secs(120);

/// Whether the guardrail is told how large requests were.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Sizes {
    Known,
    Unknown,
}

/// Hours of the trace, all served by least connections.
fn served(seed: u64, sizes: Sizes) -> Vec<(Ended, u64)> {
    let mut rng = Rng::new(seed);
    let requests = hours(&trace(), HOURS, &mut rng);
    let mut all = Vec::with_capacity(requests.len());
    serve(
        &requests,
        &mut rng,
        |_, _| Place::Fewest,
        |ended| {
            let size = if sizes == Sizes::Known { size_of(&requests[ended.place]) } else { 0 };
            all.push((ended, size));
        },
    );
    all
}

fn tell(
    guardrail: &mut Guardrail,
    arm: Arm,
    (ended, size): (Ended, u64),
    factor: f64,
) -> Option<Trip> {
    let cost = ended.cost().mul_f64(factor);
    guardrail.handle_outcome(ended.at, arm, Outcome { arrived: ended.arrived, cost, size })
}

/// Blocks with and without a layer that does nothing: every trip is false.
fn false_trips(sizes: Sizes) -> usize {
    let trips = (0..4).map(|seed| {
        let mut guardrail = Guardrail::new(HARM_CAP).expect("a fair cap");
        let arm = |at: Time| {
            let block = at.as_nanos() / BLOCK.as_nanos() as u64;
            let drawn = Rng::new(seed).fork_index("arm", block).below(2);
            if drawn == 0 { Arm::Off } else { Arm::On }
        };
        let told = served(seed, sizes)
            .into_iter()
            .filter(|one| tell(&mut guardrail, arm(one.0.arrived), *one, 1.0).is_some());
        told.count()
    });
    trips.sum()
}

/// After two hours without it, a layer that multiplies costs by `factor`, from a
/// moment in the third hour on: share of 60 moments after which it was stopped in time.
fn stopped_in_time(sizes: Sizes, factor: f64) -> f64 {
    let (mut stopped, mut all) = (0, 0);
    for seed in 0..3 {
        let served = served(seed, sizes);
        let mut guardrail = Guardrail::new(HARM_CAP).expect("a fair cap");
        let hour = served.len() / HOURS as usize;
        for (place, one) in served.iter().enumerate().take(3 * hour) {
            if place >= 2 * hour && place % (hour / 20) == 0 {
                all += 1;
                stopped += u32::from(stops(guardrail.clone(), &served[place..], factor));
            }
            tell(&mut guardrail, Arm::Off, *one, 1.0);
        }
    }
    f64::from(stopped) / f64::from(all)
}

fn stops(mut guardrail: Guardrail, served: &[(Ended, u64)], factor: f64) -> bool {
    let from = served[0].0.at;
    let in_time = served.iter().enumerate().take_while(|(told, (ended, _))| {
        (*told as u64) < OUTCOMES_MAX || ended.at.since(from) < AFTER_MAX
    });
    in_time.into_iter().any(|(_, one)| tell(&mut guardrail, Arm::On, *one, factor).is_some())
}

#[test]
#[allow(clippy::disallowed_macros, reason = "the figures are quoted, and read off here")]
fn a_layer_that_does_harm_is_stopped_in_time() {
    for (sizes, factor, least) in [
        (Sizes::Known, 1.5, 0.75),
        (Sizes::Known, 2.0, 1.0),
        (Sizes::Known, 5.0, 1.0),
        (Sizes::Unknown, 3.0, 0.9),
        (Sizes::Unknown, 5.0, 1.0),
    ] {
        let share = stopped_in_time(sizes, factor);
        println!("sizes {sizes:?}, costs ×{factor}: stopped in time {:.0} %", share * 100.0);
        assert!(share >= least, "{sizes:?} ×{factor}: {share}");
    }
}

/// With sizes known they all happen in the one minute of each hour in which the trace
/// brings this pool more than it can serve, and costs are 1.6 times what they were.
#[test]
#[allow(clippy::disallowed_macros, reason = "the figures are quoted, and read off here")]
fn a_layer_that_does_nothing_is_rarely_stopped() {
    for sizes in [Sizes::Known, Sizes::Unknown] {
        let trips = false_trips(sizes);
        println!("sizes {sizes:?}: {trips} false trips in twelve hours with the layer");
        assert!(trips <= 10, "{sizes:?}: {trips}");
    }
}
