use nexus_base::Rng;

use super::*;
use crate::learn::Origin;

const HERE: Origin<'static> = Origin { build: "1", cluster: 0 };

fn task(name: &str, variant: Variant, args_bytes: usize, number: u64) -> Task<'_> {
    let declared = nexus_coord::Features::DEFAULT;
    Task { name, variant, args_bytes, declared, at: Time::from_nanos(number * 1_000_000_000) }
}

/// What a request takes: a report as long as its arguments, anything else little, all
/// with a tenth of chance.
fn takes(task: &Task<'_>, rng: &mut Rng) -> Duration {
    let seconds = match (task.name, task.variant) {
        ("report", Variant::Quick) => 0.1,
        ("report", _) => task.args_bytes as f64 / 1_000.0,
        _ => 0.01,
    };
    Duration::from_secs_f64(seconds * (0.9 + 0.2 * rng.unit()))
}

fn learn(foresight: &mut Foresight, outcomes: u64) {
    let mut rng = Rng::new(5);
    for number in 0..outcomes {
        let (name, variant) =
            [("report", Variant::Usual), ("report", Variant::Quick), ("get", Variant::Usual)]
                [rng.below(3) as usize];
        let args_bytes = [500, 4_000][rng.below(2) as usize];
        let task = task(name, variant, args_bytes, number);
        let foreseen = foresight.foresee(&task);
        foresight.handle_outcome(&task, &foreseen, takes(&task, &mut rng));
    }
}

#[test]
fn nothing_surely_follows_before_a_thousand_outcomes() {
    let mut foresight = Foresight::new();
    learn(&mut foresight, OUTCOMES_NEEDED - 1);
    let foreseen = foresight.foresee(&task("report", Variant::Usual, 4_000, 0));
    assert!(!foreseen.is_surely_late(Duration::ZERO));
    assert_eq!(foreseen.at_most(), None);
    let reason = foresight.explain().reason.expect("it is not in use");
    assert_eq!(reason, "insufficient data: 999 outcomes, 1000 are needed");
}

#[test]
fn what_surely_takes_longer_than_is_left_is_told_from_what_may_not() {
    let mut foresight = Foresight::new();
    learn(&mut foresight, 3_000);
    let late = |name, variant, args_bytes, left_ms| {
        let foreseen = foresight.foresee(&task(name, variant, args_bytes, 3_000));
        foreseen.is_surely_late(Duration::from_millis(left_ms))
    };
    assert!(late("report", Variant::Usual, 4_000, 2_000));
    assert!(!late("report", Variant::Usual, 4_000, 4_500));
    assert!(!late("report", Variant::Usual, 500, 2_000));
    assert!(!late("report", Variant::Quick, 4_000, 2_000), "the quick variant takes less");
    assert!(!late("get", Variant::Usual, 4_000, 2_000));
    let most = foresight.foresee(&task("report", Variant::Usual, 4_000, 3_000)).at_most();
    let most = most.expect("the model is trusted").as_secs_f64();
    assert!((3.8..5.0).contains(&most), "{most}");
}

#[test]
fn a_model_that_expects_the_opposite_is_doubted_and_told_once() {
    let mut foresight = Foresight::new();
    learn(&mut foresight, 1_500);
    // What is expected of the one is held against what the other takes, by one who does
    // not learn better.
    let stubborn = foresight.clone();
    let mut rng = Rng::new(6);
    let doubted_after = (0..1_000).find(|&number| {
        let args_bytes = [500, 4_000][rng.below(2) as usize];
        let asked = task("report", Variant::Usual, args_bytes, number);
        let opposite = task("report", Variant::Usual, 4_500 - args_bytes, number);
        let foreseen = stubborn.foresee(&opposite);
        foresight.handle_outcome(&asked, &foreseen, takes(&asked, &mut rng));
        foresight.take_fault().is_some()
    });
    assert!(doubted_after.is_some_and(|after| after < 500), "{doubted_after:?}");
    assert!(!foresight.is_trusted() && foresight.take_fault().is_none());
}

#[test]
fn a_model_of_another_build_or_a_damaged_one_changes_nothing() {
    let mut foresight = Foresight::new();
    learn(&mut foresight, 1_200);
    let saved = foresight.save(&HERE);
    let mut fresh = Foresight::new();
    let other = fresh.load(&saved, &Origin { build: "2", ..HERE }).expect_err("of build 1");
    assert!(matches!(other, ModelFileError::OtherBuild { .. }), "{other}");
    fresh.load(&saved[..saved.len() - 1], &HERE).expect_err("cut off");
    assert_eq!(fresh.explain().learned, 0);
    fresh.load(&saved, &HERE).expect("as it was saved");
    assert_eq!(fresh.explain().learned, 1_200);
}
