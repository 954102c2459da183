//! What the line promises, on made-up outcomes.

use nexus_base::Rng;

use super::super::{FeatureSet, MAGNITUDE_MAX};
use super::*;

fn features(values: &[f64]) -> Features {
    let names = (0..values.len()).map(|index| format!("x{index}"));
    FeatureSet::new(names).expect("few").values(values).expect("sane")
}

/// A number from −1 to 1.
fn chance(rng: &mut Rng) -> f64 {
    rng.below(2_000_001) as f64 / 1e6 - 1.0
}

#[test]
fn an_exact_line_is_found() {
    let mut rng = Rng::new(1);
    let mut line = LeastSquares::new(3, Forgetting::DEFAULT);
    for _ in 0..3_000 {
        let [a, b, c] = [0; 3].map(|_| chance(&mut rng));
        line.learn(&features(&[a, 1e4 * b, 1e-2 * c]), 3.0 + a - 2.0 * b + 0.5 * c).expect("sane");
    }
    let found = [line.intercept(), line.weights()[0], line.weights()[1], line.weights()[2]];
    for (found, true_weight) in found.into_iter().zip([3.0, 1.0, -2e-4, 50.0]) {
        assert!((found - true_weight).abs() < 1e-6 * true_weight.abs(), "{found} {true_weight}");
    }
}

#[test]
fn a_change_is_followed_within_five_memories() {
    // After five memories exp(-5), less than a hundredth, of what was is left.
    let outcomes = (5.0 * Forgetting::DEFAULT.memory()) as usize;
    let mut rng = Rng::new(2);
    let mut line = LeastSquares::new(1, Forgetting::DEFAULT);
    let mut learn = |line: &mut LeastSquares, count, slope: f64| {
        for _ in 0..count {
            let x = chance(&mut rng);
            line.learn(&features(&[x]), slope * x + 0.01 * chance(&mut rng)).expect("sane");
        }
    };
    learn(&mut line, 10_000, 2.0);
    assert!((line.weights()[0] - 2.0).abs() < 0.01);
    learn(&mut line, outcomes, -2.0);
    assert!((line.weights()[0] + 2.0).abs() < 0.01 * 4.0, "{:?}", line.weights());
}

#[test]
fn without_forgetting_a_change_becomes_a_mean() {
    let mut rng = Rng::new(3);
    let mut line = LeastSquares::new(1, Forgetting::NONE);
    for n in 0..20_000 {
        let x = chance(&mut rng);
        line.learn(&features(&[x]), if n < 10_000 { x } else { -x }).expect("sane");
    }
    assert!(line.weights()[0].abs() < 0.05, "{:?}", line.weights());
}

#[test]
fn a_feature_that_stood_still_is_not_believed_at_its_first_tremble() {
    let mut rng = Rng::new(4);
    let mut line = LeastSquares::new(2, Forgetting::new(0.95).expect("in bounds"));
    for _ in 0..10_000 {
        let x = chance(&mut rng);
        line.learn(&features(&[x, 7.0]), x + 0.1 * chance(&mut rng)).expect("sane");
    }
    // An error of 1 at a millionth of a step: a wound-up line makes a weight of a
    // million of it.
    line.learn(&features(&[0.0, 7.000_001]), 1.0).expect("sane");
    assert!(line.weights()[1].abs() < 1.0, "{:?}", line.weights());
    // When it moves in earnest it is learned as any other.
    for _ in 0..500 {
        let [x, y] = [0; 2].map(|_| chance(&mut rng));
        line.learn(&features(&[x, 7.0 + y]), x + 2.0 * y).expect("sane");
    }
    assert!((line.weights()[1] - 2.0).abs() < 1e-3, "{:?}", line.weights());
}

#[test]
fn while_a_feature_stands_still_a_change_of_level_is_followed_all_the_same() {
    let mut rng = Rng::new(6);
    let mut line = LeastSquares::new(2, Forgetting::DEFAULT);
    let mut learn = |line: &mut LeastSquares, count, level: f64| {
        for _ in 0..count {
            let x = chance(&mut rng);
            line.learn(&features(&[x, 7.0]), level + x).expect("sane");
        }
    };
    learn(&mut line, 20_000, 1.0);
    learn(&mut line, (5.0 * Forgetting::DEFAULT.memory()) as usize, 3.0);
    let prediction = line.predict(&features(&[0.0, 7.0]));
    assert!((prediction - 3.0).abs() < 0.01 * 2.0, "{prediction}");
}

#[test]
fn a_target_that_is_no_number_changes_nothing() {
    let mut line = LeastSquares::new(1, Forgetting::DEFAULT);
    line.learn(&features(&[1.0]), 2.0).expect("sane");
    let before = line.clone();
    for target in [f64::NAN, f64::INFINITY, -f64::INFINITY, 1.1 * MAGNITUDE_MAX] {
        line.learn(&features(&[1.0]), target).expect_err("refused");
    }
    assert_eq!(line, before);
}

#[test]
fn the_worst_that_is_sane_keeps_it_finite() {
    let extremes = [MAGNITUDE_MAX, -MAGNITUDE_MAX, f64::MIN_POSITIVE, 5e-324, 0.0, -1.0, 1e-9, 1e9];
    let mut rng = Rng::new(5);
    let mut line = LeastSquares::new(FEATURES_MAX, Forgetting::new(0.91).expect("in bounds"));
    let mut draw = || extremes[rng.below(extremes.len() as u64) as usize];
    for n in 0..100_000 {
        let values = [0; FEATURES_MAX].map(|_| draw());
        line.learn(&features(&values), draw()).expect("sane");
        assert!(line.predict(&features(&values)).is_finite(), "after {n}");
        assert!(line.weights().iter().all(|weight| weight.abs() < WEIGHT_MAX), "after {n}");
    }
}
