//! Planted bugs are found, each by a checker that is for it.
#![cfg(feature = "mutants")]

use std::time::Duration;

use nexus_sim::cluster::{ClusterSpec, Planted, run};

/// Seeds tried for each bug. `nexus sim mutants` tries more, and all of the bugs.
const SEEDS: u64 = 25;

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

#[track_caller]
fn check(name: &str, checker: &str) {
    let planted = Planted::all().find(|planted| planted.name() == name);
    let found = finders(planted.expect("a bug has that name"));
    assert!(found.contains(&checker), "{name} was found by {found:?}");
}

#[test]
fn a_vote_given_twice_makes_two_leaders() {
    check("votes-twice", "election-safety");
}

#[test]
fn a_vote_for_a_log_that_is_behind_makes_a_leader_without_it() {
    check("vote-without-log-check", "leader-completeness");
}

#[test]
fn a_lease_that_a_minority_extends_is_held_twice() {
    check("lease-in-minority", "lease-exclusivity");
}

#[test]
fn an_answer_before_the_commit_is_an_answer_too_early() {
    check("reply-before-commit", "acknowledged-kept");
}

#[test]
fn an_entry_of_an_earlier_term_is_not_committed_by_counting() {
    check("old-term-committed", "commit");
}

#[test]
fn a_snapshot_that_comes_late_takes_nothing_away() {
    check("snapshot-loses-tail", "commit");
}

#[test]
fn an_append_that_comes_late_takes_nothing_away() {
    check("append-cuts-tail", "commit");
}
