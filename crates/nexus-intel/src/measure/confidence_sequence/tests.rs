use nexus_base::math::{exp, ln, sqrt};
use nexus_base::stats::mean_ci95;
use nexus_base::{Rng, Summary};

use super::*;

const ALPHA: f64 = 0.05;
const RUNS: u64 = 2_000;
const BLOCKS_MAX: u64 = 1_000;
/// What 5 % of 2,000 runs come to, and three deviations of that count.
const EXCLUDED_MAX: u64 = 100 + 29;

/// By the polar method, without trigonometry.
fn normal(rng: &mut Rng) -> f64 {
    loop {
        let (a, b) = (2.0 * rng.unit() - 1.0, 2.0 * rng.unit() - 1.0);
        let square = a * a + b * b;
        if square > 0.0 && square < 1.0 {
            return a * sqrt(-2.0 * ln(square) / square);
        }
    }
}

fn lognormal(rng: &mut Rng) -> f64 {
    exp(normal(rng))
}

/// A block's figure without any effect, then what a switchback records of two.
type Draw = fn(&mut Rng) -> f64;

const NORMAL: Draw = normal;
const EXPONENTIAL: Draw = |rng| rng.exponential();
const LOGNORMAL: Draw = lognormal;

/// In how many runs is zero, the truth, excluded at any of the looks, after every
/// pair of blocks? `excludes` is handed the pairs so far.
fn runs_excluding(draw: Draw, mut looks: impl FnMut() -> Box<dyn FnMut(f64) -> bool>) -> u64 {
    let excluding = (0..RUNS).filter(|&seed| {
        let mut rng = Rng::new(seed);
        let mut excludes = looks();
        (0..BLOCKS_MAX).any(|_| excludes(draw(&mut rng) - draw(&mut rng)))
    });
    excluding.count() as u64
}

fn excluding_always_valid(draw: Draw, tuned_for: u64) -> u64 {
    runs_excluding(draw, || {
        let mut sequence = ConfidenceSequence::new(ALPHA, tuned_for).expect("a fair setting");
        Box::new(move |value| {
            sequence.record(value);
            sequence.excludes(0.0)
        })
    })
}

/// The ordinary 95 % interval, looked at from the tenth value on, which favours it.
fn excluding_fixed_sample(draw: Draw) -> u64 {
    /// Student's t for many degrees of freedom: less than for few, which is made
    /// up for by starting late.
    const T_LEAST: f64 = 1.96;
    runs_excluding(draw, || {
        let mut seen = Summary::new();
        Box::new(move |value| {
            seen.record(value);
            let error = seen.deviation() / sqrt(seen.count() as f64);
            seen.count() >= 10 && seen.mean().abs() > T_LEAST * error
        })
    })
}

#[test]
fn looking_after_every_block_it_excludes_the_truth_no_more_often_than_it_says() {
    for (what, draw) in [("normal", NORMAL), ("exponential", EXPONENTIAL), ("lognormal", LOGNORMAL)]
    {
        for tuned_for in [20, 50, 500] {
            let excluding = excluding_always_valid(draw, tuned_for);
            assert!(excluding <= EXCLUDED_MAX, "{what}, {tuned_for}: {excluding} of {RUNS}");
        }
        let fixed = excluding_fixed_sample(draw);
        assert!(fixed > 5 * EXCLUDED_MAX, "{what}: a fixed sample errs in {fixed} of {RUNS}");
    }
}

#[test]
fn it_is_not_valid_by_saying_nothing() {
    let mut rng = Rng::new(5);
    let mut sequence = ConfidenceSequence::new(ALPHA, 50).expect("a fair setting");
    let values: Vec<f64> = (0..50).map(|_| normal(&mut rng)).collect();
    values.iter().for_each(|&value| sequence.record(value));
    let [low, high] = sequence.interval().expect("fifty are enough");
    let (_, fixed) = mean_ci95(&values);
    let times = (high - low) / (2.0 * fixed);
    assert!((1.2..2.0).contains(&times), "{times} times the ordinary width");
}

#[test]
fn few_values_exclude_nothing_and_what_is_no_number_is_left_out() {
    let mut sequence = ConfidenceSequence::new(ALPHA, 50).expect("a fair setting");
    for value in [1.0, f64::NAN, f64::INFINITY, 1.0] {
        sequence.record(value);
    }
    assert_eq!((sequence.count(), sequence.mean(), sequence.interval()), (2, 1.0, None));
}

#[test]
fn a_sequence_that_says_nothing_is_refused() {
    for alpha in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(ConfidenceSequence::new(alpha, 50).is_err(), "{alpha}");
    }
    assert_eq!(ConfidenceSequence::new(ALPHA, 1).err(), Some(SequenceError::TunedForTooFew));
}
