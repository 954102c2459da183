//! `nexus sim run`: seeds, one after another, in this process.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

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
      ten seeds, one row each
  nexus sim run --seed 7 --seconds 30 --events events.txt
      every event in words: which node took in what, and when";

/// Run one seed, or a few that follow it
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    pub(super) params: Params,
    /// Seeds to run, from --seed on
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) seeds: u64,
    /// Run without checkers: for measuring
    #[arg(long)]
    unchecked: bool,
    /// Also write every event of a single seed, in words, to this file
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

/// Runs the seeds; a row each.
pub(super) fn run(
    args: &RunArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if args.events.is_some() && args.seeds > 1 {
        let text = "--events holds the events of one seed: give no --seeds with it";
        return Err(Failure::Unfit(text.to_owned()));
    }
    let progress = Progress::start(args.seeds, "running");
    let mut broken = 0;
    for seed in common.seed..=common.seed + (args.seeds - 1) {
        let watch = if args.unchecked { Watch::Nobody } else { Watch::All };
        let spec = ClusterSpec { watch, ..args.params.spec(seed) };
        let row = one(&spec, args.events.as_deref())?;
        broken += u64::from(!row.violations.is_empty());
        progress.step();
        let text = match common.format {
            OutputFormat::Json => row.json(),
            OutputFormat::Text if args.unchecked => row.text() + "  nobody watched: --unchecked\n",
            OutputFormat::Text => row.text() + &row.verdict(),
        };
        progress.hidden(|| output.print(&text)).map_err(Failure::Output)?;
    }
    match broken {
        0 => Ok(()),
        _ => Err(Failure::Check(format!("{broken} of {} seeds broke a promise", args.seeds))),
    }
}

fn one(spec: &ClusterSpec, events: Option<&Path>) -> Result<Row, Failure> {
    let Some(path) = events else { return Ok(Row::of(spec, None)) };
    let failed = |source| Failure::SimFile { path: path.to_owned(), source };
    let file = Rc::new(RefCell::new(EventFile::new(File::create(path).map_err(failed)?)));
    let told = file.clone();
    let listener = move |at: nexus_base::Time, words: &str| told.borrow_mut().write(at, words);
    let row = Row::of(spec, Some(Box::new(listener)));
    let ended = file.borrow_mut().end();
    ended.map(|()| row).map_err(failed)
}

/// Where events go, until one cannot be written.
struct EventFile {
    writer: BufWriter<File>,
    ended: io::Result<()>,
}

impl EventFile {
    fn new(file: File) -> EventFile {
        EventFile { writer: BufWriter::new(file), ended: Ok(()) }
    }

    fn write(&mut self, at: nexus_base::Time, words: &str) {
        if self.ended.is_ok() {
            self.ended = writeln!(self.writer, "{at} {words}");
        }
    }

    /// Whether all of them are there.
    fn end(&mut self) -> io::Result<()> {
        std::mem::replace(&mut self.ended, Ok(())).and_then(|()| self.writer.flush())
    }
}
