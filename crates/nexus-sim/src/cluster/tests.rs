//! What a simulated cluster promises of itself.

use std::time::Duration;

use super::event::Event;
use super::pace::EVENTS_PER_SECOND_MAX;
use super::{ClusterSpec, ClusterWorld, Families, Watch, run};

fn spec(seed: u64) -> ClusterSpec {
    let faults_for = Duration::from_secs(60);
    ClusterSpec { shards: 3, faults_for, ..ClusterSpec::new(seed) }
}

#[test]
fn without_faults_all_is_answered_and_nothing_is_violated() {
    let outcome = run(ClusterSpec { families: Families::NONE, ..spec(1) }, None);
    assert_eq!(outcome.violations, []);
    assert!(outcome.acked > 200, "{outcome:?}");
    assert_eq!(outcome.faults, super::FaultCounts::default());
    assert_eq!(outcome.accepted_writers_max, 1);
    // While leadership is handed over a client may run out of tries, and hardly ever does.
    let given_up = outcome.calls.iter().filter(|call| call.returned.is_none()).count();
    assert!(given_up * 100 <= outcome.calls.len(), "{given_up} of {}", outcome.calls.len());
}

#[test]
fn nothing_is_violated_while_everything_goes_wrong() {
    for seed in crate::seeds(8) {
        let outcome = run(spec(seed), None);
        assert_eq!(outcome.violations, [], "seed {seed}");
        assert!(outcome.acked > 20, "seed {seed}: {}", outcome.acked);
    }
}

#[test]
fn equal_seeds_give_equal_runs_and_others_do_not() {
    let [one, again, other] = [3, 3, 4].map(|seed| run(spec(seed), None));
    assert_eq!(one, again);
    assert_ne!(one.trace_hash, other.trace_hash);
    let blind = run(ClusterSpec { watch: Watch::Nobody, ..spec(3) }, None);
    assert_eq!(blind.trace_hash, one.trace_hash);
}

#[test]
fn a_run_in_which_time_hardly_passes_ends_and_names_its_seed() {
    let mut world = ClusterWorld::new(ClusterSpec { shards: 1, watch: Watch::Nobody, ..spec(5) });
    let at = world.now().after(Duration::from_millis(500));
    for wake in 0..=EVENTS_PER_SECOND_MAX {
        // Of a client that is asleep: nothing comes of it.
        world.out.queue.push(at, Event::Client { client: 0, wake: u64::MAX - wake });
    }
    world.run_for(Duration::from_secs(60));
    let [violation] = world.violations() else { panic!("{:?}", world.violations()) };
    assert_eq!((violation.checker, violation.at), ("events-bounded", at));
    assert!(violation.seen.contains("of seed 5"), "{violation}");
}
