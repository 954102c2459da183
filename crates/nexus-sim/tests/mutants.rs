//! Planted bugs are found, each by a checker that is for it.
#![cfg(feature = "mutants")]

use std::time::Duration;

use nexus_sim::cluster::{ClusterSpec, Planted, run};

/// Seeds tried for each bug. `nexus sim mutants` tries more, and all of the bugs.
const SEEDS: u64 = 25;

/// Which checker finds which bug.
const FOUND: [(&str, &str); 14] = [
    ("append-before-sync", "disk-first"),
    ("append-cuts-tail", "disk-first"),
    ("commit-past-match", "commit"),
    ("lease-from-answer", "lease-exclusivity"),
    ("lease-in-minority", "lease-exclusivity"),
    ("old-term-committed", "commit"),
    ("one-majority", "leader-completeness"),
    ("reply-before-commit", "acknowledged-kept"),
    ("snapshot-loses-tail", "commit"),
    ("support-forgotten", "lease-exclusivity"),
    ("transfer-keeps-lease", "lease-exclusivity"),
    ("vote-before-sync", "disk-first"),
    ("vote-without-log-check", "leader-completeness"),
    ("votes-twice", "disk-first"),
];

/// The checkers that find a bug, within some seeds.
fn finders(planted: Planted) -> Vec<&'static str> {
    let found = (1..=SEEDS).find_map(|seed| {
        let faults_for = Duration::from_secs(120);
        let planted = Some(planted);
        let spec = ClusterSpec { shards: 4, faults_for, planted, ..ClusterSpec::new(seed) };
        let violations = run(spec, None).violations;
        (!violations.is_empty()).then_some(violations)
    });
    found.unwrap_or_default().iter().map(|one| one.checker).collect()
}

#[test]
fn each_bug_is_found_by_the_checker_that_is_for_it() {
    for (name, checker) in FOUND {
        let planted = Planted::all().find(|planted| planted.name() == name);
        let found = finders(planted.expect("a bug has that name"));
        assert!(found.contains(&checker), "{name} was found by {found:?}");
    }
}
