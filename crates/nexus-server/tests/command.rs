//! What the `nexus` command promises as a process: signals, exit codes, streams.
#![cfg(target_os = "linux")]

mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use support::{eventually, nexus};

const TWO: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
                   2023-11-16 18:15:46,10,10\n2023-11-16 18:15:47,10,10\n";

/// Whether the process has a handler for SIGINT, signal 2.
fn listens(child: &Child) -> Option<()> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
    (caught & (1 << 1) != 0).then_some(())
}

/// Sends one SIGINT once the command listens, and expects its exit code to say so.
#[track_caller]
fn check_interrupted(child: Child) {
    eventually("it listens", || listens(&child));
    check_ends(child);
}

/// Sends one SIGINT, as a terminal does to all that were started from it and are in the
/// command's group, and expects the exit code to say so.
#[track_caller]
fn check_ends(mut child: Child) {
    let group = format!("-{}", child.id());
    assert!(
        Command::new("kill")
            .args(["-INT", "--", &group])
            .status()
            .expect("kill is there")
            .success()
    );
    let status = eventually("it ends", || child.try_wait().expect("it can be waited for"));
    assert_eq!(status.code(), Some(130));
}

#[test]
fn one_signal_ends_the_wait_for_a_trace() {
    let args = ["demo", "--trace", "/dev/stdin", "--input-format", "csv"];
    let mut child = nexus(&args).stdin(Stdio::piped()).spawn().expect("it starts");
    // Held open, so that the trace has no end.
    let mut trace = child.stdin.take().expect("it was asked for");
    trace.write_all(TWO.as_bytes()).expect("it reads");
    check_interrupted(child);
}

#[test]
fn one_signal_ends_a_benchmark() {
    check_interrupted(nexus(&["bench", "cpu"]).spawn().expect("it starts"));
}

#[test]
fn a_campaign_that_is_stopped_says_what_it_has_come_to() {
    let words = "sim campaign --seeds 1000000 --seconds 1 --shards 1 --calm --format json";
    let args: Vec<&str> = words.split(' ').collect();
    let mut child = nexus(&args).stdout(Stdio::piped()).spawn().expect("it starts");
    let output = child.stdout.take().expect("it was asked for");
    let mut lines = BufReader::new(output).lines().map(|line| line.expect("it is text"));
    let first = lines.next().expect("a seed comes to its end");
    assert!(first.contains("\"seed\":"), "{first}");
    check_ends(child);
    let last = lines.last().expect("more follows the first row");
    let row: serde_json::Value = serde_json::from_str(&last).expect("it is a row");
    let (asked, seeds) = (&row["campaign"]["asked"], &row["campaign"]["seeds"]);
    assert_eq!(asked, 1_000_000, "{last}");
    assert!(seeds.as_u64().is_some_and(|seeds| (1..1_000_000).contains(&seeds)), "{last}");
}

#[test]
fn a_report_to_where_standard_output_goes_follows_the_tables() {
    let directory = std::env::temp_dir();
    let path = |name: &str| -> PathBuf {
        directory.join(format!("nexus-command-{}-{name}", std::process::id()))
    };
    let (trace, out) = (path("two.csv"), path("out"));
    fs::write(&trace, TWO).expect("it can be written");
    let trace_name = trace.to_str().expect("its name is text");
    for report in ["/dev/stdout", out.to_str().expect("its name is text")] {
        let file = File::create(&out).expect("it can be written");
        let args = ["demo", "--trace", trace_name, "--seeds", "1", "--report", report];
        let status = nexus(&args).stdout(file).status().expect("it starts");
        let text = fs::read_to_string(&out).expect("it is there");
        assert!(status.success() && text.starts_with("2 requests in 1.0 s"), "{report}: {text}");
        assert!(text.contains("\n<!DOCTYPE html>") && text.ends_with("</html>\n"), "{report}");
    }
    for path in [trace, out] {
        let _ = fs::remove_file(path);
    }
}
