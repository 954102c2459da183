use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> Time {
    Time::ZERO.after(Duration::from_secs(seconds))
}

fn ratio(low: f64, high: f64) -> Gain {
    let ratio = Some((low + high) / 2.0);
    Gain { ratio, interval: Some([low, high]), ..Gain::default() }
}

/// What is chosen if conditions stay as these, with these gains measured.
fn check(conditions: Conditions, gains: &[(Choice, Gain)], expected: &str) {
    let mut chooser = Chooser::new();
    for (choice, gain) in gains {
        chooser.handle_gain(at(0), *choice, *gain);
    }
    chooser.handle_conditions(at(0), conditions).expect("can be");
    chooser.handle_timeout(at(60));
    assert_eq!(chooser.choice().as_str(), expected, "{conditions:?} {gains:?}");
}

const IDLE: Conditions = Conditions {
    load: 0.0,
    speed_spread: 1.0,
    deadline_share: 0.0,
    view_age: 0.0,
    predictions_believed: false,
};

#[test]
fn conditions_choose_as_the_table_says() {
    let busy = Conditions { load: 0.8, ..IDLE };
    let mixed = Conditions { speed_spread: 2.0, ..busy };
    check(IDLE, &[], "least-connections");
    check(busy, &[], "central-queue");
    check(mixed, &[], "weighted-response-time");
    check(Conditions { predictions_believed: true, ..mixed }, &[], "scheduled");
    check(Conditions { predictions_believed: true, ..IDLE }, &[], "least-connections");
    check(Conditions { predictions_believed: true, deadline_share: 0.5, ..IDLE }, &[], "scheduled");
    check(Conditions { view_age: 2.0, predictions_believed: true, ..mixed }, &[], "two-choices");
}

#[test]
fn what_was_measured_comes_before_what_is_supposed() {
    use StrategyName::{CentralQueue, LeastConnections, Prequal, WeightedResponseTime};
    let mixed = Conditions { speed_spread: 2.0, load: 0.8, ..IDLE };
    let good = (Prequal.into(), ratio(0.7, 0.9));
    check(mixed, &[good], "prequal");
    check(mixed, &[good, (CentralQueue.into(), ratio(0.8, 0.85))], "central-queue");
    check(mixed, &[(Prequal.into(), ratio(0.7, 1.01))], "weighted-response-time");
    check(mixed, &[(WeightedResponseTime.into(), ratio(1.01, 1.2))], "central-queue");
    check(mixed, &[(LeastConnections.into(), ratio(0.1, 0.2))], "weighted-response-time");
    // Nothing is scheduled by predictions that are not believed, whatever was measured.
    check(mixed, &[(Choice::Scheduled, ratio(0.5, 0.6))], "weighted-response-time");
}

#[test]
fn a_gain_measured_long_ago_no_longer_counts() {
    let mut chooser = Chooser::new();
    chooser.handle_gain(at(0), StrategyName::Prequal.into(), ratio(0.7, 0.9));
    chooser.handle_timeout(at(60));
    assert_eq!(chooser.choice(), StrategyName::Prequal.into());
    chooser.handle_timeout(at(3_600));
    assert_eq!(chooser.next_timeout(), Some(at(3_660)));
    chooser.handle_timeout(at(3_660));
    assert_eq!(chooser.choice(), BASE);
    let told: Vec<Chosen> = std::iter::from_fn(|| chooser.poll_effect()).collect();
    assert_eq!(told.iter().map(|chosen| chosen.at).collect::<Vec<_>>(), [at(60), at(3_660)]);
}

#[test]
fn conditions_that_cannot_be_are_refused_by_name() {
    let refused = |conditions: Conditions| {
        Chooser::new().handle_conditions(at(0), conditions).expect_err("cannot be").figure
    };
    assert_eq!(refused(Conditions { load: f64::NAN, ..IDLE }), "load");
    assert_eq!(refused(Conditions { speed_spread: 0.5, ..IDLE }), "speed_spread");
    assert_eq!(refused(Conditions { deadline_share: 1.5, ..IDLE }), "deadline_share");
    assert_eq!(refused(Conditions { view_age: f64::INFINITY, ..IDLE }), "view_age");
}

#[test]
fn a_figure_that_wobbles_around_a_threshold_chooses_once() {
    let mut chooser = Chooser::new();
    for second in 0..7_200 {
        let load = if second % 2 == 0 { 0.62 } else { 0.58 };
        chooser.handle_conditions(at(second), Conditions { load, ..IDLE }).expect("can be");
    }
    assert_eq!(chooser.choice(), StrategyName::CentralQueue.into());
    assert_eq!(std::iter::from_fn(|| chooser.poll_effect()).count(), 1);
}

proptest! {
    /// Whatever the conditions, two choices are never closer than the dwell.
    #[test]
    fn it_cannot_flap(
        steps in prop::collection::vec((0u64..200, 0.0..1.0f64, 1.0..2.0f64, 0.0..2.0f64, any::<bool>()), 0..200),
    ) {
        let (mut chooser, mut now) = (Chooser::new(), 0);
        for (passed, load, speed_spread, view_age, predictions_believed) in steps {
            now += passed;
            let conditions = Conditions { load, speed_spread, view_age, predictions_believed, ..IDLE };
            chooser.handle_conditions(at(now), conditions).expect("can be");
            prop_assert!(chooser.next_timeout().is_none_or(|due| due > at(now)));
        }
        let times: Vec<Time> = std::iter::from_fn(|| chooser.poll_effect()).map(|chosen| chosen.at).collect();
        prop_assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= STRATEGY_DWELL));
    }
}
