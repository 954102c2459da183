//! What a world of nodes promises of itself.

use std::time::Duration;

use super::run;
use crate::cluster::{ClusterSpec, Families, FaultCounts, Watch};

fn spec(seed: u64) -> ClusterSpec {
    let faults_for = Duration::from_secs(60);
    ClusterSpec { nodes: 3, shards: 1, faults_for, ..ClusterSpec::new(seed) }
}

#[test]
fn without_faults_all_is_answered_and_nothing_is_violated() {
    let outcome = run(ClusterSpec { families: Families::NONE, ..spec(1) }, None);
    assert_eq!(outcome.violations, []);
    assert!(outcome.acked > 200, "{outcome:?}");
    assert_eq!((outcome.given_up, outcome.faults), (0, FaultCounts::default()));
}

#[test]
fn nothing_is_violated_while_everything_goes_wrong() {
    for seed in crate::seeds(4) {
        let outcome = run(ClusterSpec { nodes: 5, shards: 4, ..spec(seed) }, None);
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
