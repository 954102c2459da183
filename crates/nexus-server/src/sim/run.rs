//! `nexus sim run`: seeds, one after another, in this process.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use nexus_sim::cluster::{ClusterSpec, Watch};

use super::params::Params;
use super::row::Row;
use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  nexus sim run --seed 7
      whatever seed 7 has in store
  nexus sim run --seed 7 --nodes 3 --shards 1 --minutes 1 --faults partition,kill
      a small cluster, and only some of what can go wrong
  nexus sim run --seed 7 --world nodes
      whole nodes with agents found by name, instead of groups alone
  nexus sim run --seed 1 --seeds 10 --format json
      ten seeds, one row each";

/// Run one seed, or a few that follow it
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    params: Params,
    /// Seeds to run, from --seed on
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seeds: u64,
    /// Run without checkers: for measuring
    #[arg(long)]
    unchecked: bool,
    /// Also write every event, in words, to this file
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

/// Runs the seeds; a row each.
pub(super) fn run(
    args: &RunArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let progress = Progress::start(args.seeds, "running");
    let mut broken = 0;
    for seed in common.seed..common.seed.saturating_add(args.seeds) {
        let watch = if args.unchecked { Watch::Nobody } else { Watch::All };
        let spec = ClusterSpec { watch, ..args.params.spec(seed) };
        let row = one(&spec, args.events.as_deref())?;
        broken += u64::from(!row.violations.is_empty());
        progress.step();
        let text = if common.format == OutputFormat::Json { row.json() } else { row.text() };
        progress.hidden(|| output.print(&text)).map_err(Failure::Output)?;
    }
    match broken {
        0 => Ok(()),
        _ => Err(Failure::Check(format!("{broken} of {} seeds broke a promise", args.seeds))),
    }
}

fn one(spec: &ClusterSpec, events: Option<&std::path::Path>) -> Result<Row, Failure> {
    let Some(path) = events else { return Ok(Row::of(spec, None)) };
    let file =
        File::create(path).map_err(|source| Failure::SimFile { path: path.to_owned(), source })?;
    let mut writer = BufWriter::new(file);
    let listener = move |at: nexus_base::Time, words: &str| {
        // A full disk shows in the length of the file; the run goes on.
        let _ = writeln!(writer, "{at} {words}");
    };
    Ok(Row::of(spec, Some(Box::new(listener))))
}
