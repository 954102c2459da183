//! What the demo promises, with a replay in place of the simulation.

pub(super) mod replay;

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};
use crate::demo::simulate::{ServeError, Served, Setup};
use crate::trace::InputFormat;

/// The plan of `nexus demo` with these options.
fn plan(options: &str) -> Plan {
    let cli = Cli::parse_from(["nexus", "demo"].into_iter().chain(options.split_whitespace()));
    let Command::Demo(args) = &cli.command else { panic!("not a demo") };
    Plan::new(args, cli.common.seed)
}

fn study(trace: Trace, options: &str, serve: Serve) -> Result<Study, CampaignError> {
    let plan = plan(options);
    let progress = Progress::start(plan.run_count() as u64, "serving");
    campaign::run(Arc::new(trace), plan, serve, &progress, &Interrupt::default())
}

/// A few requests, one every `gap_ms`.
fn trace(count: u32, gap_ms: u32) -> Trace {
    let line = |index| {
        let (at, tokens) = (index * gap_ms, 100 + index % 7 * 50);
        format!("{{\"timestamp\":{at},\"input_length\":{tokens},\"output_length\":{tokens}}}\n")
    };
    let text: String = (0..count).map(line).collect();
    Trace::read("few.jsonl", InputFormat::Jsonl, text.as_bytes()).expect("well formed")
}

/// Mean, p95 and p99 on the shipped trace, from a replay written by others for
/// the same queue; 3 % on the mean and 5 % on the tails.
#[track_caller]
fn check_figures(panel: &Panel, strategy: Strategy, expected: [f64; 3]) {
    let found = panel.results.iter().find(|(one, _)| *one == strategy).expect("it was run");
    let found = [found.1.mean_s, found.1.p95_s, found.1.p99_s];
    for ((found, expected), tolerance) in found.into_iter().zip(expected).zip([0.03, 0.05, 0.05]) {
        let off = (found - expected).abs() / expected;
        assert!(off <= tolerance, "{}: {found} instead of {expected}", strategy.name());
    }
}

#[test]
fn the_figures_of_a_replay_come_through() {
    let study = study(Trace::shipped(), "--strategy two-choices,least-connections", replay::serve);
    let study = study.expect("the replay does not fail");
    check_figures(&study.panels[0], Strategy::LeastConnections, [5.06, 11.6, 16.5]);
    check_figures(&study.panels[0], Strategy::TwoChoices, [8.29, 19.4, 25.9]);
    check_figures(&study.panels[1], Strategy::LeastConnections, [5.24, 16.0, 22.4]);
    check_figures(&study.panels[1], Strategy::TwoChoices, [10.3, 29.9, 49.5]);
}

#[test]
fn equal_seeds_give_equal_bytes() {
    let once = || study(trace(500, 100), "--seeds 3 --servers 7 --seed 9", replay::serve);
    let (first, second) = (once().expect("it runs"), once().expect("it runs"));
    assert_eq!(row::json_lines(&first), row::json_lines(&second));
    assert_eq!(table::text(&first), table::text(&second));
    assert_eq!(report::page(&first), report::page(&second));
    let other = study(trace(500, 100), "--seeds 3 --servers 7 --seed 10", replay::serve);
    assert_ne!(row::json_lines(&first), row::json_lines(&other.expect("it runs")));
}

/// One second for each server: enough to see every column.
fn flat(trace: &Trace, setup: &Setup, _seed: u64) -> Result<Served, ServeError> {
    let seconds =
        setup.speeds.len() as f64 / if setup.strategy == Strategy::Prequal { 2.0 } else { 1.0 };
    let decision_ns = setup.timing.then_some(81.25);
    Ok(Served {
        seconds_in_system: vec![seconds; trace.requests().len()],
        decision_ns,
        cost_ns: None,
    })
}

#[test]
fn a_row_has_exactly_the_fields_that_scripts_expect() {
    let row = |options| {
        let study = study(trace(4, 10), options, flat).expect("it runs");
        row::json_lines(&study).lines().next().expect("there is a row").to_owned()
    };
    let fields = "{\"strategy\":\"random\",\"speeds\":\"mixed\",\"servers\":3,\"requests\":4,\
                  \"mean_s\":3.0,\"p50_s\":3.0,\"p95_s\":3.0,\"p99_s\":3.0,\
                  \"within_objective\":1.0,\"seeds\":2";
    assert_eq!(row("--servers 3 --seeds 2 --speeds mixed"), format!("{fields}}}"));
    let timed = row("--servers 3 --seeds 2 --speeds mixed --timing");
    assert_eq!(timed, format!("{fields},\"decision_ns\":81.3}}"));
}

#[test]
fn the_table_marks_the_best_and_says_so() {
    let options = "--servers 4 --speeds equal --objective 3 --strategy prequal random";
    let text = table::text(&study(trace(4, 10), options, flat).expect("it runs"));
    let line = |name: &str| {
        let found = text.lines().find(|line| line.trim_start().starts_with(name));
        let line = found.unwrap_or_else(|| panic!("no line of {name} in\n{text}"));
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(line("strategy"), ["strategy", "mean", "p50", "p95", "p99", "within 3 s"]);
    assert_eq!(line("random"), ["random", "4.00", "4.00", "4.00", "4.00", "0.0 %"]);
    assert_eq!(line("prequal"), ["prequal", "2.00 *", "2.00 *", "2.00 *", "2.00 *", "100.0 % *"]);
    assert!(
        text.contains(
            "With equal speeds prequal has the shortest mean, 2.00 s, and the shortest p99, 2.00 s; \
         the mean of random is 2.0 times as long."
        ),
        "{text}"
    );
    assert!(text.contains("try more servers"), "{text}");
}

/// Every request answered at once, or after as long under every strategy.
#[test]
fn where_all_are_the_same_none_is_called_the_best() {
    let row = "{\"timestamp\":0,\"input_length\":0,\"output_length\":0}\n";
    let instant = |options: &str| {
        let trace = Trace::read("t", InputFormat::Jsonl, row.as_bytes()).expect("well formed");
        study(trace, options, simulate::serve).expect("it runs")
    };
    let study = instant("--servers 1 --seeds 2 --speeds equal");
    let text = table::text(&study);
    assert!(!text.contains('*') && !text.contains("NaN"), "{text}");
    assert!(text.starts_with("1 request in 0.0 s from t\n1 server; means over seeds 1 to 2\n"));
    assert!(text.contains("With equal speeds all are the same: mean 0.00 ms, p99 0.00 ms."));
    let page = report::page(&study);
    assert!(!page.contains("class=\"best\"") && !page.contains("NaN"), "only numbers");
    let alone = table::text(&instant("--servers 1 --seeds 1 --speeds equal --strategy random"));
    assert!(!alone.contains('*') && alone.contains("\n1 server; seed 1\n"), "{alone}");
}

#[test]
fn a_run_that_fails_is_named_and_a_signal_stops_the_rest() {
    let fails: Serve = |_, _, _| Err(ServeError::Unanswered { answered: 3, requests: 4 });
    let error = study(trace(4, 10), "--seeds 1 --strategy random --speeds equal", fails);
    let error = error.expect_err("every run fails").to_string();
    assert!(error.contains("the run of random with equal speeds and seed 1 failed"), "{error}");
    let interrupt = Interrupt::default();
    interrupt.ask();
    let plan = plan("");
    let progress = Progress::start(plan.run_count() as u64, "serving");
    let error = campaign::run(Arc::new(trace(4, 10)), plan, flat, &progress, &interrupt);
    let error = error.expect_err("it is stopped").to_string();
    assert_eq!(error, "interrupted after 0 of 128 runs; nothing was written");
}

#[test]
fn the_report_stands_alone_and_escapes_names() {
    let text = "{\"timestamp\":0,\"input_length\":1,\"output_length\":1}\n";
    let name = "<script>alert('{{style}}')</script>.jsonl";
    for count in [1, 40] {
        let trace = Trace::read(name, InputFormat::Jsonl, text.repeat(count).as_bytes());
        let study = study(trace.expect("well formed"), "--servers 2", replay::serve);
        let page = report::page(&study.expect("it runs"));
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "escaped");
        assert!(page.contains("{{style}}"), "not filled in twice");
        assert!(!page.contains("NaN") && !page.contains("inf\""), "only numbers");
        for outside in ["src=", "url(", "@import", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}

#[test]
fn more_work_than_the_clock_can_count_is_refused() {
    let line = "{\"timestamp\":0,\"input_length\":0,\"output_length\":10000000}\n";
    let trace = Trace::read("t", InputFormat::Jsonl, line.repeat(20_000).as_bytes());
    assert_eq!(work::check(&trace.expect("well formed")), Err(TooMuchWork::Work));
    let time = |year| format!("{year}-01-01 00:00:00,1,1\n");
    let text = format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{}{}", time(1970), time(2500));
    let trace = Trace::read("t", InputFormat::Csv, text.as_bytes());
    let error = work::check(&trace.expect("well formed")).expect_err("it is too long").to_string();
    assert!(
        error.contains("arrive over 530 years") && error.contains("check the times"),
        "{error}"
    );
    assert_eq!(work::check(&Trace::shipped()), Ok(()));
}
