//! `nexus sim campaign`: many seeds, each twice, the second time in another process.

mod difference;
mod ledger;

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use clap::Args;

use super::params::Params;
use super::processes;
use super::row::Row;
use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use ledger::Ledger;

/// Seeds one process runs before another takes over. A guess: enough that starting it does
/// not matter, few enough that all processes end at about the same time.
const SEEDS_PER_PROCESS: u64 = 10;
/// How long a signal may go unnoticed.
const LOOK_UP: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  nexus sim campaign
      a hundred seeds, ten virtual minutes each, run twice
  nexus sim campaign --seeds 1000 --jobs 2 --format json > rows.jsonl
      a thousand; one row for each, and one for all
  nexus sim campaign --seed 5000 --seeds 50 --minutes 2
      other seeds, shorter";

/// Run many seeds, each of them again in another process
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CampaignArgs {
    #[command(flatten)]
    pub(super) params: Params,
    /// Seeds to run, from --seed on
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) seeds: u64,
    /// Processes at a time [default: one for each core]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=256))]
    jobs: Option<u64>,
    /// Run each seed only once
    #[arg(long)]
    once: bool,
    /// Operations that must be answered for each seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    acked_min: u64,
}

/// What the threads share.
struct Jobs<'a> {
    args: &'a CampaignArgs,
    first: u64,
    /// The number of the next job that nobody has taken.
    next: AtomicU64,
    stop: AtomicBool,
}

type Came = (bool, Result<Row, Failure>);

impl Jobs<'_> {
    /// Processes to be run: all seeds once, then all again.
    fn count(&self) -> u64 {
        self.chunks() * if self.args.once { 1 } else { 2 }
    }

    fn chunks(&self) -> u64 {
        self.args.seeds.div_ceil(SEEDS_PER_PROCESS)
    }

    fn work(&self, came: &Sender<Came>) {
        loop {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            if job >= self.count() || self.stop.load(Ordering::Relaxed) {
                return;
            }
            // A chunk and its repetition follow each other, so that a difference shows soon.
            let (chunk, again) =
                if self.args.once { (job, false) } else { (job / 2, job % 2 == 1) };
            if let Err(failure) = self.run(chunk, again, came) {
                let _ = came.send((again, Err(failure)));
                return;
            }
        }
    }

    fn run(&self, chunk: u64, again: bool, came: &Sender<Came>) -> Result<(), Failure> {
        let done = chunk * SEEDS_PER_PROCESS;
        let count = SEEDS_PER_PROCESS.min(self.args.seeds - done);
        let spec = self.args.params.spec(self.first + done);
        processes::run(&spec, count, |row| {
            let wanted = came.send((again, Ok(row))).is_ok();
            wanted && !self.stop.load(Ordering::Relaxed)
        })
    }
}

/// Runs the campaign; a row for each seed, and one for all of them.
pub(super) fn run(
    args: &CampaignArgs,
    common: &Common,
    interrupt: &Interrupt,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let stop = AtomicBool::new(false);
    let jobs = Jobs { args, first: common.seed, next: AtomicU64::new(0), stop };
    let runs = args.seeds * if args.once { 1 } else { 2 };
    let progress = Progress::start(runs, "attacking");
    let mut ledger = Ledger::new(args.seeds, args.acked_min);
    let ended = collect(&jobs, interrupt, &progress, |again, row| {
        let news = ledger.take(again, row, common.format);
        progress.hidden(|| output.print(&news)).map_err(Failure::Output)
    });
    drop(progress);
    // Whoever stops a long campaign wants to know what it has come to.
    if matches!(ended, Ok(()) | Err(Failure::Abandoned)) {
        let json = common.format == OutputFormat::Json;
        let summary = if json { ledger.json() } else { ledger.text() };
        output.print(&summary).map_err(Failure::Output)?;
    }
    ended?;
    if let Some(seed) = ledger.differs() {
        let found = difference::first(&args.params.spec(seed))?;
        return Err(Failure::Check(format!("seed {seed} does not decide what happens\n{found}")));
    }
    ledger.verdict()
}

fn collect(
    jobs: &Jobs<'_>,
    interrupt: &Interrupt,
    progress: &Progress,
    mut take: impl FnMut(bool, Row) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let _attention = interrupt.attend();
    let (sender, receiver) = mpsc::channel();
    let threads = jobs.args.jobs.unwrap_or_else(cores).min(jobs.count());
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || jobs.work(&sender));
        }
        drop(sender);
        let ended = loop {
            match receiver.recv_timeout(LOOK_UP) {
                Ok((again, row)) => {
                    progress.step();
                    if let Err(failure) = row.and_then(|row| take(again, row)) {
                        break Err(failure);
                    }
                }
                Err(RecvTimeoutError::Timeout) => progress.tick(),
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
            }
            if interrupt.is_asked() {
                break Err(Failure::Abandoned);
            }
        };
        // Processes under way end after their present seed.
        jobs.stop.store(true, Ordering::Relaxed);
        ended
    })
}

fn cores() -> u64 {
    thread::available_parallelism().map_or(1, |count| count.get() as u64)
}
