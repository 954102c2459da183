//! Whatever comes in, what is promised holds.

use proptest::prelude::*;

use super::*;

/// One thing that somebody does, after some milliseconds.
#[derive(Clone, Debug)]
enum Step {
    Reading(u8, f64),
    Timeout,
    Rollback(u64),
    Gain(u64, f64, f64),
    Harm(u64),
    Trial(u64, bool),
    EndTrial,
}

fn reading() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1.0f64,
        2 => Just(0.97),
        1 => Just(0.05),
        1 => 0.0..1e4f64,
        1 => any::<f64>(),
        1 => Just(f64::NAN),
    ]
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let what = prop_oneof![
        20 => (0u8..5, reading()).prop_map(|(sensor, value)| Step::Reading(sensor, value)),
        2 => Just(Step::Timeout),
        1 => (0u64..40).prop_map(Step::Rollback),
        1 => (0u64..40, 0.5..2.0f64, 0.0..1.0f64).prop_map(|(id, lo, width)| Step::Gain(id, lo, lo + width)),
        1 => (0u64..40).prop_map(Step::Harm),
        1 => (0u64..40, any::<bool>()).prop_map(|(id, off)| Step::Trial(id, off)),
        1 => Just(Step::EndTrial),
    ];
    (prop_oneof![4 => 0u64..3_000, 1 => 0u64..60_000], what)
}

fn take(adapter: &mut Adapter, now: Time, step: Step) {
    match step {
        Step::Reading(sensor, value) => {
            let sensor = Sensor::ALL[usize::from(sensor)];
            let scale = if sensor == Sensor::Throughput { 5_000.0 } else { 1.0 };
            let _ = adapter.handle_reading(now, sensor, value * scale);
        }
        Step::Timeout => adapter.handle_timeout(now),
        Step::Rollback(id) => drop(adapter.rollback(now, AdaptationId::new(id))),
        Step::Gain(id, lo, hi) => {
            let gain = measured(lo, hi);
            let _ = adapter.handle_gain(now, AdaptationId::new(id), gain);
        }
        Step::Harm(id) => drop(adapter.handle_harm(now, AdaptationId::new(id), "errors")),
        Step::Trial(id, off) => {
            let arm = if off { Arm::Off } else { Arm::On };
            let _ = adapter.set_trial_arm(now, AdaptationId::new(id), arm);
        }
        Step::EndTrial => adapter.end_trial(now),
    }
}

/// The most that were applied within any hour.
fn applied_in_an_hour(adapter: &Adapter) -> usize {
    let times: Vec<Time> = adapter.history().iter().map(|adaptation| adaptation.at).collect();
    let hour = Duration::from_secs(3_600);
    let in_hour =
        |first: &Time| times.iter().filter(|at| *at >= first && at.since(*first) < hour).count();
    times.iter().map(in_hour).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn knobs_stay_inside_bounds_and_changes_are_few(steps in prop::collection::vec(step(), 1..400)) {
        let mut adapter = adapter();
        let mut now = Time::ZERO;
        let mut shown = adapter.knobs();
        for (passed, step) in steps {
            let next = now.after(Duration::from_millis(passed));
            wait(&mut adapter, next);
            now = next;
            take(&mut adapter, now, step);
            while let Some(effect) = adapter.poll_effect() {
                if let Effect::Turn(knobs) = effect {
                    prop_assert_ne!(knobs, shown, "turned to where they stand");
                    shown = knobs;
                }
            }
            prop_assert_eq!(shown, adapter.knobs(), "a change was not told");
            prop_assert!(adapter.bounds().hold(&shown), "{}", shown);
            prop_assert!(adapter.history().len() <= HISTORY_MAX);
            let open = adapter.history().iter().filter(|adaptation| adaptation.rolled_back.is_none());
            prop_assert_eq!(open.count(), adapter.in_force().count());
            // Nothing rests on a sensor that is not believed.
            for adaptation in adapter.in_force() {
                prop_assert_eq!(adapter.sensors().health(adaptation.sensor), Health::Trusted);
            }
        }
        // One in each 30 s, and each can be taken back once.
        prop_assert!(applied_in_an_hour(&adapter) <= 120);
    }

    /// The order in which adaptations are taken back does not matter.
    #[test]
    fn taken_back_in_whatever_order_nothing_is_left(
        steps in prop::collection::vec(step(), 200..300),
        order in any::<u64>(),
    ) {
        let mut adapter = adapter();
        let mut now = Time::ZERO;
        for (passed, step) in steps {
            now = now.after(Duration::from_millis(passed.min(3_000)));
            take(&mut adapter, now, step);
        }
        let mut ids: Vec<AdaptationId> = adapter.in_force().map(|adaptation| adaptation.id).collect();
        ids.sort_by_key(|id| id.number().wrapping_mul(order | 1));
        for id in ids {
            adapter.rollback(now, id).expect("is in force");
        }
        prop_assert_eq!(adapter.knobs(), Knobs::NEUTRAL);
    }
}
