//! What goes wrong, and which level serves then.

use std::time::Duration;

use nexus_base::{AgentId, Rng, Time};
use nexus_coord::balance::ServerIndex;
use nexus_coord::coordinate::CoordinationLevel::{self, Adaptive, Intelligent, Optimized};
use nexus_coord::coordinate::{Account, Batch, BatchSpec, Item};
use nexus_intel::adaptive::LearnedSpeeds;
use nexus_intel::coordinate::Learned;
use nexus_intel::learn::{Explanation, Prediction, Reason, Source, Verdict};
use nexus_intel::proactive::{Demand, LearnedWork, Speeds, WorkModel};

use crate::crew::{Mind, Piece, Sizes, mind, run, run_spec};

const SPEEDS: &[f64] = &[1.0; 4];

/// A mind that has learned from some batches with differing items.
fn learned(speeds: &[f64]) -> Mind {
    let (mut mind, mut rng) = (mind(), Rng::new(1).fork("learned"));
    for _ in 0..10 {
        run(Optimized, speeds, &Sizes::Differing.batch(&mut rng, 40), &mut mind);
    }
    mind
}

fn batch(count: usize) -> Vec<Piece> {
    Sizes::Differing.batch(&mut Rng::new(2), count)
}

/// The levels fallen through, each with the beginning of why.
#[track_caller]
fn check(account: &Account, used: CoordinationLevel, falls: &[(CoordinationLevel, &str)]) {
    assert_eq!(account.used, used, "{account:?}");
    assert_eq!(account.falls.len(), falls.len(), "{:?}", account.falls);
    for (fall, (from, why)) in account.falls.iter().zip(falls) {
        assert!(fall.from == *from && fall.why.starts_with(why), "{fall:?}, not {why}");
    }
}

#[test]
fn what_has_learned_enough_serves_at_the_level_asked_for() {
    for level in [Intelligent, Adaptive] {
        check(&run(level, SPEEDS, &batch(40), &mut learned(SPEEDS)), level, &[]);
    }
}

#[test]
fn what_has_not_learned_enough_falls_to_optimized() {
    let mut mind = mind();
    run(Optimized, SPEEDS, &batch(60), &mut mind);
    let why = "predictions are not used: insufficient data: 60 outcomes, 100 are needed";
    let account = run(Adaptive, SPEEDS, &batch(20), &mut mind);
    check(&account, Optimized, &[(Adaptive, why), (Intelligent, why)]);
}

#[test]
fn agents_that_nobody_knows_are_not_planned_by_speed() {
    // The model is known, and all agents are others.
    let mut mind = learned(&[1.0; 2]);
    let strangers: Vec<_> = (10..12).map(AgentId::from_u128).collect();
    let (spec, items) = (BatchSpec::new(Adaptive), vec![Item::default(); 4]);
    let batch = Batch::new(Time::ZERO, spec, strangers, items, &mut mind);
    let account = batch.expect("it makes sense").account();
    let why = "speeds are not used: none of these agents has been seen at work";
    check(&account, Intelligent, &[(Adaptive, why)]);
}

/// Work that takes another course in the middle of a batch: what was long is short.
#[test]
fn a_model_that_goes_wrong_on_the_way_is_left_on_the_way() {
    let mut mind = learned(SPEEDS);
    let reversed = |piece: &Piece| Piece { work_s: 4.0 / (0.1 + piece.work_s), ..*piece };
    let pieces: Vec<Piece> = batch(2_000).iter().map(reversed).collect();
    let account = run(Intelligent, SPEEDS, &pieces, &mut mind);
    check(&account, Optimized, &[(Intelligent, "predictions are not used: the model is doubted")]);
    let placed = account.falls[0].placed;
    assert!((20..=500).contains(&placed), "left after {placed}");
}

/// Predicts what is no number from the 100th outcome on.
#[derive(Clone)]
struct Nonsense(LearnedWork, u64);

impl WorkModel for Nonsense {
    fn predict(&self, demand: &Demand) -> Prediction {
        let usual = self.0.predict(demand);
        if self.1 < 100 {
            return usual;
        }
        Prediction { source: Source::Baseline(Reason::NotFinite), model: f64::NAN, ..usual }
    }

    fn handle_truth(&mut self, prediction: &Prediction, service_s: f64) -> Option<Verdict> {
        self.0.handle_truth(prediction, service_s)
    }

    fn learn(&mut self, prediction: &Prediction, service_s: f64) {
        self.1 += 1;
        self.0.learn(prediction, service_s);
    }

    fn explain(&self) -> Explanation {
        self.0.explain()
    }

    fn size_bytes(&self) -> usize {
        0
    }
}

#[test]
fn a_model_that_predicts_no_amount_is_not_followed() {
    let mut mind = Learned::new(Nonsense(LearnedWork::new(), 0), LearnedSpeeds::new());
    run(Optimized, SPEEDS, &batch(200), &mut mind);
    let account = run(Intelligent, SPEEDS, &batch(40), &mut mind);
    let why = "predictions are not used: the model predicted what is no amount of work";
    check(&account, Optimized, &[(Intelligent, why)]);
}

/// Says of every agent that it is this fast.
#[derive(Clone, Copy)]
struct Stuck(f64);

impl Speeds for Stuck {
    fn handle_joined(&mut self, _: ServerIndex) {}

    fn handle_served(&mut self, _: ServerIndex, _: f64, _: f64) {}

    fn speed(&self, _: ServerIndex) -> f64 {
        self.0
    }
}

#[test]
fn speeds_that_are_wrong_are_not_followed() {
    for (speed, why) in [
        (f64::NAN, "speeds are not used: a server was said to have a speed that is none"),
        (0.1, "speeds are not used: with the speeds of servers predictions were off by"),
    ] {
        let mut mind = Learned::new(LearnedWork::new(), Stuck(speed));
        // Doubted once they are learned anew; these cannot be, and are doubted again.
        for _ in 0..4 {
            run(Optimized, SPEEDS, &batch(200), &mut mind);
        }
        let account = run(Adaptive, SPEEDS, &batch(40), &mut mind);
        check(&account, Intelligent, &[(Adaptive, why)]);
        assert_eq!(mind.speed(AgentId::from_u128(0)), Some(1.0), "nor told to anybody");
    }
}

/// An agent that has always been as fast as the others is now a hundred times slower:
/// what was planned for it goes to others before it is done with its first item.
#[test]
fn what_waits_for_an_agent_that_is_stuck_goes_to_others() {
    let pieces = vec![Piece { complexity: 1.0, work_s: 1.0 }; 40];
    let mut speeds = SPEEDS.to_vec();
    let usual = run(Adaptive, &speeds, &pieces, &mut learned(SPEEDS));
    check(&usual, Adaptive, &[]);
    speeds[0] = 0.01;
    let account = run(Adaptive, &speeds, &pieces, &mut learned(SPEEDS));
    check(&account, Adaptive, &[]);
    assert!(account.replanned > 0);
    assert_eq!(account.shares[0].done, 1, "it did the one that it began");
    assert_eq!(account.makespan.as_secs(), 100, "nothing waited for it");
}

/// Items in hand beyond one change nothing about who is asked how often.
#[test]
fn more_in_each_hand_is_served_too() {
    for level in CoordinationLevel::ALL {
        let spec = BatchSpec { in_flight_each: 4, ..BatchSpec::new(level) };
        let account = run_spec(spec, &[1.0, 0.5, 1.0], &batch(60), &mut learned(SPEEDS));
        assert_eq!(account.shares.iter().map(|share| share.done).sum::<u64>(), 60);
        assert!(account.makespan > Duration::from_secs(10));
    }
}

/// As many as there may be: planning costs what it may, and then the level below serves.
#[test]
fn planning_that_costs_too_much_falls() {
    let speeds: Vec<f64> = (0..1_024).map(|agent| if agent % 2 == 0 { 1.0 } else { 0.2 }).collect();
    let mut mind = learned(&speeds);
    let account = run(Adaptive, &speeds, &batch(40_000), &mut mind);
    let fall = &account.falls[0];
    assert!(fall.from == Adaptive && fall.why.starts_with("planned anew"), "{fall:?}");
    assert!(fall.placed > 0 && account.used < Adaptive);
}
