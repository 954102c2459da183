//! Whatever is fed to them, models and predictors stay finite and repeatable.
#![cfg(feature = "proactive")]

use nexus_intel::learn::{
    FeatureSet, Forgetting, MAGNITUDE_MAX, ModelKind, Origin, Predictor, Settings,
};
use proptest::prelude::*;

const ORIGIN: Origin<'static> = Origin { build: "test", cluster: 1 };

/// What somebody does to a predictor.
#[derive(Clone, Debug)]
enum Act {
    Observe([f64; 3], f64),
    Learn([f64; 3], f64),
    Judge([f64; 3], f64),
    /// Learned over and over, so that it gets far.
    Repeat([f64; 3], f64, u16),
    SaveAndLoad,
}

/// Any bits at all, and what is most likely to hurt.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            5e-324,
            f64::MIN_POSITIVE,
            MAGNITUDE_MAX,
            -MAGNITUDE_MAX,
            2.0 * MAGNITUDE_MAX,
            f64::MAX,
            f64::INFINITY,
            f64::NAN,
        ]),
        -100.0..100.0,
        -1e18..1e18,
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let row = || [number(), number(), number()];
    prop_oneof![
        (row(), number()).prop_map(|(row, target)| Act::Observe(row, target)),
        (row(), number()).prop_map(|(row, target)| Act::Learn(row, target)),
        (row(), number()).prop_map(|(row, target)| Act::Judge(row, target)),
        (row(), number(), 1..600_u16)
            .prop_map(|(row, target, times)| Act::Repeat(row, target, times)),
        Just(Act::SaveAndLoad),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let kind = prop::sample::select(vec![ModelKind::Linear, ModelKind::Tree, ModelKind::Pair]);
    let forgetting = prop::sample::select(vec![0.901, 0.993, 1.0]);
    (kind, forgetting, 0..200_u64).prop_map(|(kind, forgetting, outcomes_min)| Settings {
        forgetting: Forgetting::new(forgetting).expect("in bounds"),
        outcomes_min,
        ..Settings::new(kind)
    })
}

fn set() -> FeatureSet {
    FeatureSet::new(["a", "b", "c"]).expect("three good names")
}

/// Does one act; what it predicts afterwards must be finite, whatever the features.
fn step(predictor: &mut Predictor, act: &Act) {
    match act {
        Act::Observe(row, target) => {
            if let Ok(features) = predictor.features(row) {
                // What is refused is refused, and counted.
                let before = predictor.refused();
                let refused = predictor.observe(&features, *target).is_err();
                assert_eq!(predictor.refused() - before, u64::from(refused));
            }
        }
        Act::Learn(row, target) => repeat(predictor, row, *target, 1),
        Act::Repeat(row, target, times) => repeat(predictor, row, *target, *times),
        Act::Judge(row, truth) => {
            if let Ok(features) = predictor.features(row) {
                let prediction = predictor.predict(&features);
                let was_good = predictor.judge(&prediction, *truth).is_ok();
                assert_eq!(was_good, truth.abs() <= MAGNITUDE_MAX, "{truth}");
            }
        }
        Act::SaveAndLoad => {
            let bytes = predictor.save(&ORIGIN);
            let loaded = Predictor::load(&bytes, &ORIGIN, &set(), predictor.settings());
            *predictor = loaded.expect("what was saved loads");
        }
    }
}

fn repeat(predictor: &mut Predictor, row: &[f64; 3], target: f64, times: u16) {
    let Ok(features) = predictor.features(row) else { return };
    for _ in 0..times {
        let was_good = predictor.learn(&features, target).is_ok();
        assert_eq!(was_good, target.abs() <= MAGNITUDE_MAX, "{target}");
    }
}

/// The bits of all predictions while `acts` are done to a new predictor.
fn run(settings: &Settings, acts: &[Act]) -> Vec<u64> {
    let mut predictor = Predictor::new(set(), settings.clone()).expect("good settings");
    let probes = [[0.0; 3], [1.0, -2.0, 3.0], [MAGNITUDE_MAX, -MAGNITUDE_MAX, MAGNITUDE_MAX]];
    let mut bits = Vec::new();
    for act in acts {
        step(&mut predictor, act);
        for probe in probes {
            let prediction = predictor.predict(&predictor.features(&probe).expect("sane"));
            for number in [prediction.value, prediction.model, prediction.baseline] {
                assert!(number.is_finite(), "{act:?}: {prediction:?}");
                bits.push(number.to_bits());
            }
        }
    }
    let said = predictor.explain().to_string();
    assert!(!said.contains("NaN") && !said.contains("inf "), "{said}");
    bits
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_sequence_of_acts_leads_to_finite_predictions_and_to_the_same_again(
        settings in settings(),
        acts in prop::collection::vec(act(), 1..60),
    ) {
        prop_assert_eq!(run(&settings, &acts), run(&settings, &acts));
    }
}
