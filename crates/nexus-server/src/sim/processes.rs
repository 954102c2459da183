//! Runs in other processes: what makes a run depend on more than its seed is often the same
//! within one process.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nexus_sim::cluster::ClusterSpec;

use super::params;
use super::row::Row;
use crate::failure::Failure;

/// Runs `count` seeds from that of `spec` on, in a process of their own. Each row goes to
/// `row` as it comes; false ends the process.
///
/// # Errors
/// [`Failure::SimProcess`] if the process does not start, or ends before all rows came.
pub fn run(
    spec: &ClusterSpec,
    count: u64,
    mut row: impl FnMut(Row) -> bool,
) -> Result<(), Failure> {
    let mut words = vec!["sim".to_owned(), "run".to_owned()];
    words.extend(params::words(spec));
    words.extend(["--seeds", &count.to_string(), "--format", "json"].map(str::to_owned));
    let mut child = command()?
        .args(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| Failure::SimProcess { why: source.to_string() })?;
    let output = child.stdout.take().expect("it was asked for");
    let mut rows = 0;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let Ok(found) = serde_json::from_str(&line) else { continue };
        rows += 1;
        if !row(found) {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(());
        }
    }
    let _ = child.wait();
    match rows {
        _ if rows == count => Ok(()),
        _ => Err(Failure::SimProcess { why: format!("it gave {rows} of {count} rows") }),
    }
}

/// Runs one seed in a process of its own, with every event written to `path`.
///
/// # Errors
/// As [`run`].
pub fn write_events(spec: &ClusterSpec, path: &Path) -> Result<(), Failure> {
    let mut words = vec!["sim".to_owned(), "run".to_owned()];
    words.extend(params::words(spec));
    words.extend(["--format".to_owned(), "json".to_owned(), "--events".to_owned()]);
    let done = command()?.args(&words).arg(path).stdin(Stdio::null()).output();
    done.map(drop).map_err(|source| Failure::SimProcess { why: source.to_string() })
}

fn command() -> Result<Command, Failure> {
    let program = std::env::current_exe();
    let program = program.map_err(|source| Failure::SimProcess { why: source.to_string() })?;
    let mut command = Command::new(program);
    // A signal from the terminal is for the one that waits, who ends the others.
    command.process_group(0);
    Ok(command)
}
