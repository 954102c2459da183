//! What a model costs: time of a prediction and of an outcome, and bytes.
//!
//! ```text
//! cargo run --release -p nexus-intel --example learn_cost
//! ```
//!
//! Each figure is the median of some rounds, in nanoseconds a call.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "it measures the time that pure code takes, and prints it"
)]

use std::hint::black_box;
use std::time::Instant;

use nexus_base::Rng;
use nexus_intel::learn::{
    FeatureSet, Features, Forgetting, LeastSquares, ModelKind, Predictor, Settings, Tree,
};

/// Calls in a round.
const CALLS: usize = 100_000;

/// Rounds, of which the median counts.
const ROUNDS: usize = 9;

fn main() {
    println!("{:<28} {:>9} {:>9} {:>9}", "", "predict", "learn", "bytes");
    for count in [3, 4, 8] {
        let requests = requests(count);
        let mut line = LeastSquares::new(count, Forgetting::DEFAULT);
        let learn = nanos(&requests, |features, target| line.learn(features, target).is_ok());
        let predict = nanos(&requests, |features, _| line.predict(features) > 0.0);
        row(&format!("least squares, {count} features"), predict, learn, size_of::<LeastSquares>());

        let mut tree = Tree::new(count, Forgetting::DEFAULT);
        let learn = nanos(&requests, |features, target| tree.learn(features, target).is_ok());
        let predict = nanos(&requests, |features, _| tree.predict(features) > 0.0);
        row(&format!("tree, {count} features"), predict, learn, tree.size_bytes());

        for kind in [ModelKind::Linear, ModelKind::Tree, ModelKind::Pair] {
            let mut predictor =
                Predictor::new(set(count), Settings::new(kind)).expect("good settings");
            let learn =
                nanos(&requests, |features, target| predictor.observe(features, target).is_ok());
            let predict = nanos(&requests, |features, _| predictor.predict(features).value > 0.0);
            let name = format!("{kind} predictor, {count} features");
            row(&name, predict, learn, predictor.size_bytes());
        }
    }
}

fn row(name: &str, predict: f64, learn: f64, bytes: usize) {
    println!("{name:<28} {predict:>6.1} ns {learn:>6.1} ns {bytes:>9}");
}

fn set(count: usize) -> FeatureSet {
    FeatureSet::new((0..count).map(|index| format!("x{index}"))).expect("few names")
}

/// Features between 0 and 1, and a target that bends.
fn requests(count: usize) -> Vec<(Features, f64)> {
    let mut rng = Rng::new(1);
    let mut number = move || rng.below(1_000_000) as f64 / 1e6;
    let request = |_| {
        let values: Vec<f64> = (0..count).map(|_| number()).collect();
        let target = values.iter().map(|value| value * value).sum::<f64>() + number();
        (set(count).values(&values).expect("finite"), target)
    };
    (0..CALLS).map(request).collect()
}

/// Nanoseconds a call, the median over rounds.
fn nanos(requests: &[(Features, f64)], mut call: impl FnMut(&Features, f64) -> bool) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            for (features, target) in requests {
                black_box(call(black_box(features), *target));
            }
            begin.elapsed().as_secs_f64() * 1e9 / requests.len() as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}
