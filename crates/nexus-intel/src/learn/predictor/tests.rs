//! The gates, and who learns what from whom.

use nexus_base::Rng;

use super::super::{Doubt, FeatureSet, ModelKind, WINDOW_OUTCOMES};
use super::*;

const KINDS: [ModelKind; 3] = [ModelKind::Linear, ModelKind::Tree, ModelKind::Pair];

fn predictor(kind: ModelKind) -> Predictor {
    let set = FeatureSet::new(["size"]).expect("one name");
    Predictor::new(set, Settings { first_guess: 7.0, ..Settings::new(kind) })
        .expect("good settings")
}

/// What a request of this size comes to.
fn truth(size: f64) -> f64 {
    10.0 + size
}

/// What is learned in place of the truth.
type Poison = fn(f64) -> f64;

/// Observes `count` requests of random sizes to 100.
fn observe(predictor: &mut Predictor, rng: &mut Rng, count: u32) {
    for _ in 0..count {
        let size = rng.below(101) as f64;
        let features = predictor.features(&[size]).expect("sane");
        predictor.observe(&features, truth(size)).expect("sane");
    }
}

/// Learns `target` but judges by the truth; after how many outcomes it is doubted.
fn doubted_after(predictor: &mut Predictor, rng: &mut Rng, target: impl Fn(f64) -> f64) -> u32 {
    for outcome in 1..=5_000 {
        let size = rng.below(101) as f64;
        let features = predictor.features(&[size]).expect("sane");
        let prediction = predictor.predict(&features);
        let verdict = predictor.judge(&prediction, truth(size)).expect("sane");
        if matches!(verdict, Some(Verdict::Doubted(_))) {
            return outcome;
        }
        predictor.learn(&features, target(size)).expect("sane");
    }
    panic!("never doubted")
}

#[test]
fn before_the_first_outcome_the_first_guess_is_predicted() {
    let predictor = predictor(ModelKind::Linear);
    let prediction = predictor.predict(&predictor.features(&[3.0]).expect("sane"));
    assert_eq!(prediction.value, 7.0);
    let Source::Baseline(reason) = prediction.source else { panic!("no data") };
    assert_eq!(reason.to_string(), "insufficient data: 0 outcomes, 100 are needed");
}

#[test]
fn the_model_is_asked_after_enough_outcomes() {
    for kind in KINDS {
        let mut predictor = predictor(kind);
        let mut rng = Rng::new(1);
        for outcomes in 0..300_u64 {
            let features = predictor.features(&[50.0]).expect("sane");
            let from_model = predictor.predict(&features).source == Source::Model;
            assert_eq!(from_model, outcomes >= 100, "{kind} after {outcomes}");
            observe(&mut predictor, &mut rng, 1);
        }
    }
}

#[test]
fn what_is_far_from_all_that_came_is_not_believed() {
    let mut predictor = predictor(ModelKind::Linear);
    observe(&mut predictor, &mut Rng::new(2), 1_000);
    let check = |size: f64, value: f64, said: &str| {
        let prediction = predictor.predict(&predictor.features(&[size]).expect("sane"));
        assert!((prediction.value - value).abs() < 1e-6 * value, "{size}: {prediction:?}");
        assert_eq!(prediction.source.to_string(), said);
    };
    check(140.0, 150.0, "model");
    let mean = predictor.baseline().predict();
    check(
        1_000.0,
        mean,
        "baseline, implausible: the model says 1010, outcomes were from 10 to 110",
    );
}

#[test]
fn a_model_that_says_no_number_is_not_believed_and_then_doubted() {
    let mut predictor = predictor(ModelKind::Linear);
    observe(&mut predictor, &mut Rng::new(3), 1_000);
    let features = predictor.features(&[3.0]).expect("sane");
    assert_eq!(predictor.gate(f64::NAN), Some(Reason::NotFinite));
    assert_eq!(predictor.gate(f64::INFINITY), Some(Reason::NotFinite));
    let mut prediction = predictor.predict(&features);
    prediction.model = f64::NAN;
    for _ in 0..WINDOW_OUTCOMES {
        predictor.judge(&prediction, 13.0).expect("sane");
    }
    assert!(matches!(predictor.verdict(), Verdict::Doubted(_)));
    assert!(predictor.outcomes().errors().is_some_and(|(model, _)| model.is_finite()));
}

#[test]
fn a_poisoned_model_is_doubted_within_500_outcomes_and_comes_back_once_it_is_fed_well() {
    let poisons: [(&str, Poison); 4] = [
        ("reversed", |size| truth(100.0 - size)),
        ("upside down", |size| -truth(size)),
        ("constant", |_| 1e6),
        ("huge", |size| 1e16 * size),
    ];
    for kind in KINDS {
        for (name, poison) in poisons {
            for healthy in [0, 3_000] {
                let mut predictor = predictor(kind);
                let mut rng = Rng::new(4);
                observe(&mut predictor, &mut rng, healthy);
                let after = doubted_after(&mut predictor, &mut rng, poison);
                assert!(after <= 500, "{kind} {name} after {healthy}: {after}");
                let features = predictor.features(&[3.0]).expect("sane");
                let prediction = predictor.predict(&features);
                assert_eq!(prediction.value, prediction.baseline);
                // As many outcomes as a generation of trees, twice, and a window.
                observe(&mut predictor, &mut rng, 2_500);
                assert_eq!(predictor.verdict(), Verdict::Trusted, "{kind} {name} {healthy}");
            }
        }
    }
}

#[test]
fn what_is_judged_was_predicted_before_anything_was_learned_from_it() {
    for kind in KINDS {
        let mut predictor = predictor(kind);
        let mut rng = Rng::new(6);
        observe(&mut predictor, &mut rng, 500);
        let features = predictor.features(&[30.0]).expect("sane");
        let before = predictor.predict(&features);
        predictor.observe(&features, 60.0).expect("sane");
        let last = predictor.outcomes().iter().last().expect("some");
        assert_eq!((last.predicted, last.baseline), (before.model, before.baseline), "{kind}");
        assert_ne!(predictor.predict(&features).model, before.model, "{kind}: it did learn");
    }
}

#[test]
fn a_doubted_predictor_says_so() {
    let doubt = Doubt { model_error: 3.0, baseline_error: 2.0, at_outcome: 400 };
    assert_eq!(
        Source::Baseline(Reason::Doubted(doubt)).to_string(),
        "baseline, doubted since outcome 400: its error over 200 outcomes was 1.50 times that of \
         the plain mean"
    );
}

#[test]
fn outcomes_that_are_no_numbers_are_counted_and_change_nothing_else() {
    for kind in KINDS {
        let mut predictor = predictor(kind);
        observe(&mut predictor, &mut Rng::new(5), 500);
        let mut before = predictor.clone();
        let features = predictor.features(&[3.0]).expect("sane");
        let prediction = predictor.predict(&features);
        for bad in [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e19] {
            predictor.learn(&features, bad).expect_err("refused");
            predictor.judge(&prediction, bad).expect_err("refused");
            predictor.observe(&features, bad).expect_err("refused");
        }
        assert_eq!(predictor.refused(), 12);
        before.refused = 12;
        assert_eq!(predictor, before);
    }
}

#[test]
fn the_baseline_and_the_range_are_of_truths_only() {
    let mut predictor = predictor(ModelKind::Linear);
    let features = predictor.features(&[3.0]).expect("sane");
    let prediction = predictor.predict(&features);
    predictor.learn(&features, 1e9).expect("sane");
    predictor.judge(&prediction, 5.0).expect("sane");
    assert_eq!(predictor.baseline().predict(), 5.0);
    assert_eq!(predictor.range, (5.0, 5.0));
    assert_eq!((predictor.learned(), predictor.judged()), (1, 1));
}

#[test]
fn settings_that_cannot_be_followed_are_refused() {
    let set = || FeatureSet::new(["size"]).expect("one name");
    let usual = || Settings::new(ModelKind::Linear);
    let check = |settings: Settings, expected: &str| {
        let error = Predictor::new(set(), settings).expect_err("refused");
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(Settings { first_guess: f64::NAN, ..usual() }, "the first guess is NaN");
    check(Settings { unit: "x".repeat(33), ..usual() }, "the unit is longer than 32 bytes");
    check(Settings { unit: "a\nb".into(), ..usual() }, "the unit is longer than 32 bytes");
}
