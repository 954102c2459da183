//! What `nexus sim check` promises as a process: its rows, its exit codes.

#[allow(dead_code, reason = "waiting is for other tests")]
mod support;

#[path = "../../nexus-sim/tests/histories/data.rs"]
mod data;

use std::path::Path;
use std::process::Stdio;

use data::folder;
use support::nexus;

/// Runs it in `folder`: the exit code, and each row's file, verdict and reason.
fn check(folder: &Path, promise: &str, files: &[&str]) -> (Option<i32>, Vec<[String; 3]>) {
    let args = [&["sim", "check", promise, "--format", "json"], files].concat();
    let output = nexus(&args).current_dir(folder).stdout(Stdio::piped()).output();
    let output = output.expect("it starts");
    let text = String::from_utf8(output.stdout).expect("it is text");
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
        ["file", "verdict", "reason"].map(|name| row[name].as_str().expect("a text").to_owned())
    };
    (output.status.code(), text.lines().map(row).collect())
}

#[test]
fn every_known_verdict_is_found() {
    let Some(folder) = folder("linearizability") else { return };
    let table = std::fs::read_to_string(folder.join("verdicts.csv")).expect("it is there");
    let known: Vec<(&str, &str)> =
        table.lines().skip(1).map(|line| line.split_once(',').expect("two columns")).collect();
    let files: Vec<&str> = known.iter().map(|(file, _)| *file).collect();
    let (code, rows) = check(&folder, "linearizability", &files);
    assert_eq!((code, rows.len()), (Some(1), 30));
    for ([file, verdict, reason], (known_file, is_linearizable)) in rows.iter().zip(&known) {
        let expected = if *is_linearizable == "true" { "ok" } else { "violated" };
        assert_eq!((file.as_str(), verdict.as_str()), (*known_file, expected), "{reason}");
        assert_eq!(reason.is_empty(), verdict == "ok", "{file}: {reason}");
    }
}

#[test]
fn the_exit_code_says_what_came_of_it() {
    let Some(folder) = folder("causality/shiviz") else { return };
    let code = |promise, files: &[&str]| check(&folder, promise, files).0;
    let logs = ["chord.log", "facebook.log", "simple-reliable-broadcast.log", "simpledb.log"];
    assert_eq!(code("causality", &logs), Some(0));
    assert_eq!(code("causality", &[]), Some(2));
    assert_eq!(code("order", &logs), Some(2));
    assert_eq!(code("linearizability", &logs), Some(2));
    assert_eq!(code("causality", &["nothere.log", "chord.log"]), Some(3));
}
