//! `nexus sim check`: histories made elsewhere, judged.

mod error;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nexus_sim::{BadInput, FILE_BYTES_MAX, Verdict, causality, linearizability};
use serde::Serialize;

pub use error::CheckError;
use error::{Problem, Unchecked};

use crate::cli::{Common, OutputFormat};
use crate::columns::{Columns, Side};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

const EXAMPLES: &str = "\
Examples:
  nexus sim check linearizability run-1.edn run-2.edn
      operations of clients, one event a line, in the order in which they happened:
        {:process 0, :type :invoke, :f :write, :key \"a\", :value 1}
        {:process 0, :type :ok, :f :write, :key \"a\", :value 1}
      :f is read, write, cas, get, put, append or add; :type is invoke, ok, fail (had no
      effect) or info (nobody knows). Or the log of a Jepsen test of one register:
        INFO  jepsen.util - 0 :invoke :cas [1 2]
  nexus sim check causality cluster.log
      events with vector clocks, as ShiViz reads them: a text, and on a line before or
      after it, or on the same:
        host {\"host\":3, \"other\":5}
  nexus sim check linearizability *.edn --format json | jq .reason
      one row a file, for scripts

Exit codes: 0 all are ok, 1 one is violated or unknown, 2 one is no history,
3 one cannot be read. The others are checked all the same.";

/// Check histories that were made elsewhere
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Which promise
    #[arg(value_enum, value_name = "PROMISE")]
    promise: Promise,
    /// Histories; their format is told from what is in them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What a history is to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Promise {
    /// Operations of clients: as if each took effect at one moment
    Linearizability,
    /// Vector clocks: what happened before what
    Causality,
}

impl Promise {
    fn check(self, name: &str, bytes: &[u8]) -> Result<Verdict, BadInput> {
        match self {
            Promise::Linearizability => linearizability::check(name, bytes),
            Promise::Causality => causality::check(name, bytes),
        }
    }
}

/// A row of the output; scripts rely on its fields.
#[derive(Serialize)]
struct Row {
    file: String,
    verdict: &'static str,
    reason: String,
}

/// Runs `nexus sim check`.
///
/// # Errors
/// [`Failure::Histories`] if not all are ok, after the rows of those that were
/// checked.
pub fn run(
    args: &CheckArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for file in &args.files {
        let name = file.display().to_string();
        let checked = read(file).map_err(Problem::from);
        let checked = checked.and_then(|bytes| Ok(args.promise.check(&name, &bytes)?));
        match checked {
            Ok(verdict) => {
                let reason = verdict.reason().to_owned();
                let row = Row { file: name, verdict: verdict.word(), reason };
                if common.format == OutputFormat::Json {
                    output.print(&json_line(&row)).map_err(Failure::Output)?;
                }
                rows.push(row);
            }
            Err(problem) => problems.push(Unchecked { name, problem }),
        }
    }
    if common.format == OutputFormat::Text {
        output.print(&table(&rows)).map_err(Failure::Output)?;
    }
    let count = |word| rows.iter().filter(|row| row.verdict == word).count();
    Ok(CheckError::of(problems, count("violated"), count("unknown"), args.files.len())?)
}

/// Reads a file, but not much more than is checked.
fn read(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 4).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn json_line(row: &Row) -> String {
    serde_json::to_string(row).expect("texts are JSON") + "\n"
}

/// Files and verdicts below one another, each reason on a line of its own.
fn table(rows: &[Row]) -> String {
    let cells = |row: &Row| [row.verdict.to_owned(), printable(&row.file)];
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let page = Columns::new([("verdict", Side::Left), ("file", Side::Left)]).page(&cells);
    let mut lines = page.lines();
    let mut text: String = lines.by_ref().take(2).map(|line| format!("{line}\n")).collect();
    for (line, row) in lines.zip(rows) {
        text += &format!("{line}\n");
        if !row.reason.is_empty() {
            text += &format!("          {}\n", printable(&row.reason));
        }
    }
    text
}
