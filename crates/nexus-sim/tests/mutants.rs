//! Every bug that can be planted is found by a checker, within some seeds.
#![cfg(feature = "mutants")]

use std::time::Duration;

use nexus_sim::cluster::{ClusterSpec, Planted, run};

/// Seeds tried for each bug.
const SEEDS: u64 = 200;

/// The seeds it takes, and the checker that finds it.
fn hunt(planted: Planted) -> Option<(u64, &'static str)> {
    (1..=SEEDS).find_map(|seed| {
        let faults_for = Duration::from_secs(120);
        let planted = Some(planted);
        let spec = ClusterSpec { shards: 4, faults_for, planted, ..ClusterSpec::new(seed) };
        let first = run(spec, None).violations.into_iter().next()?;
        println!("{planted:?} seed {seed}: {first}");
        Some((seed, first.checker))
    })
}

#[test]
fn planted_bugs_are_found() {
    let missed: Vec<String> = Planted::all()
        .filter(|planted| hunt(*planted).is_none())
        .map(|planted| planted.name())
        .collect();
    assert_eq!(missed, [""; 0]);
}
