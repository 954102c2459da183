//! What the comparison promises, on fewer seeds than it uses by default.

use std::sync::Arc;

use clap::Parser;

use super::contender::Contender;
use super::poison::Poison;
use super::study::{self, Compared, LevelsPlan, LevelsStudy};
use super::{row, table};
use crate::cli::{Cli, Command};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::trace::Trace;

fn study(options: &str) -> LevelsStudy {
    let line = ["nexus", "demo", "--levels"].into_iter().chain(options.split_whitespace());
    let cli = Cli::parse_from(line);
    let Command::Demo(args) = &cli.command else { panic!("not a demo") };
    let plan = LevelsPlan::new(args, cli.common.seed, Arc::new(Trace::shipped()));
    let progress = Progress::start(plan.run_count() as u64, "serving");
    study::run(plan, &progress, &Interrupt::default()).expect("it runs")
}

fn find(study: &LevelsStudy, contender: Contender) -> &Compared {
    let found = study.compared.iter().find(|one| one.contender == contender);
    found.expect("it was compared")
}

/// The ratios of mean and p99 are at most as told, and no level is ever worse than
/// the reactive one by more than a fiftieth.
#[track_caller]
fn check(condition: &str, contender: Contender, most: [f64; 2]) {
    let study = study(&format!("--condition {condition} --seeds 4"));
    let ratios =
        |one: &Compared| [one.mean, one.p99].map(|gain| gain.ratio.expect("it was served"));
    let found = ratios(find(&study, contender));
    assert!(found[0] <= most[0] && found[1] <= most[1], "{found:?} is above {most:?}");
    for level in [Contender::PROACTIVE, Contender::ADAPTIVE] {
        assert!(ratios(find(&study, level)).iter().all(|&one| one <= 1.02), "{level:?}");
    }
}

#[test]
fn with_equal_speeds_the_proactive_level_gains() {
    check("equal", Contender::PROACTIVE, [1.00, 0.97]);
}

#[test]
fn with_mixed_speeds_the_adaptive_level_gains() {
    check("mixed", Contender::ADAPTIVE, [0.95, 0.77]);
}

#[test]
fn with_changing_speeds_the_adaptive_level_gains_and_notices() {
    check("changing", Contender::ADAPTIVE, [1.02, 0.80]);
    let study = study("--condition changing --seeds 1");
    let noticed = &find(&study, Contender::ADAPTIVE).noticed;
    assert_eq!(noticed.len(), 14, "seven servers fall and rise: {noticed:?}");
}

#[test]
fn under_overload_more_is_served_in_time_than_with_a_queue_limit() {
    let study = study("--condition overload --seeds 2");
    let share = |contender| find(&study, contender).in_time.expect("there is a deadline").0;
    let limited = share(Contender::QueueLimit(93));
    assert!(share(Contender::Reactive) < limited);
    assert!(limited + 0.01 < share(Contender::PROACTIVE));
}

#[test]
fn where_contexts_repeat_affinity_gains_over_what_chance_keeps() {
    check("repeats", Contender::PROACTIVE, [0.97, 0.95]);
}

#[test]
fn a_poisoned_layer_steps_down_soon_and_does_no_harm() {
    let study = study("--condition poisoned --seeds 16");
    for poison in Poison::ALL {
        let fall = find(&study, Contender::poisoned(poison)).fall.as_ref().expect("it is poisoned");
        assert_eq!(fall.seeds, 16, "{poison:?} steps down in every seed");
        assert!(fall.outcomes_max <= 500 || fall.seconds_max <= 120.0, "{poison:?}: {fall:?}");
        let after = [fall.after, fall.after_p99].map(|gain| gain.ratio.expect("it was served"));
        assert!(after.iter().all(|&one| one <= 1.05), "{poison:?}: {fall:?}");
        assert!(fall.reason.is_some());
    }
}

#[test]
fn costs_are_drawn_where_they_were_measured() {
    let page = |options: &str| crate::report::ladder::page(&study(options));
    let timed = page("--condition equal --seeds 1 --timing");
    assert!(timed.contains("equal: what it cost beyond the reactive level"));
    assert!(timed.contains("nanoseconds a request") && timed.contains("bytes a server"));
    assert!(!page("--condition equal --seeds 1").contains("what it cost beyond"));
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let once = || study("--condition equal,overload --seeds 2 --seed 9");
    let (first, second) = (once(), once());
    assert_eq!(row::json_lines(&first), row::json_lines(&second));
    assert_eq!(table::text(&first), table::text(&second));
    assert_eq!(crate::report::ladder::page(&first), crate::report::ladder::page(&second));
}
