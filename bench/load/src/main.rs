//! The load proofs of `bench/load.sh`: what a node's port bears, and what it does
//! when more comes than it can bear.
//!
//!     bench-load CASE NEXUS [DEADLINE_MS]
//!
//! `NEXUS` is the program `nexus`; `DEADLINE_MS` is what a request under overload may
//! take. One case a process, with a node of its own: nothing of one run is left in the
//! next. The overload cases start `bench-load-work`, which stands beside this program.
//! Exit: 0 the bar was met, 1 it was missed or the run failed, 2 usage.

mod cold_start;
mod connection;
mod idle_connections;
mod million_agents;
mod offered;
mod overload;
mod row;
mod served;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Why a case could not be run to its end.
type Failed = Box<dyn std::error::Error>;

/// What the command line says.
struct Options {
    case: String,
    nexus: PathBuf,
    deadline: Duration,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Options> {
        let (case, nexus) = (words.next()?, words.next()?.into());
        let deadline_ms = words.next().map_or(Some(DEADLINE_MS), |word| word.parse().ok())?;
        let deadline = Duration::from_millis(deadline_ms);
        words.next().is_none().then_some(Options { case, nexus, deadline })
    }

    /// A program that was built with this one.
    fn beside(name: &str) -> Result<PathBuf, Failed> {
        Ok(std::env::current_exe()?.with_file_name(name))
    }
}

/// What a request may take under overload, in milliseconds, unless it is said.
const DEADLINE_MS: u64 = 1_000;

fn main() -> ExitCode {
    let Some(options) = Options::read(std::env::args().skip(1)) else {
        eprintln!("usage: bench-load CASE NEXUS [DEADLINE_MS]");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bench-load: {}: {error}", options.case);
            ExitCode::from(1)
        }
    }
}

/// Runs a case; whether its bar was met.
fn run(options: &Options) -> Result<bool, Failed> {
    // One thread: the other CPU is for the node.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match options.case.as_str() {
            "cold start" => cold_start::run(options).await,
            "idle connections" => idle_connections::run(options).await,
            "one million agents" => million_agents::run(options).await,
            "overload wait" => overload::run(options, "wait").await,
            "overload spin" => overload::run(options, "spin").await,
            "overload block" => overload::run(options, "block").await,
            other => Err(format!("there is no case {other:?}").into()),
        }
    })
}

/// The figure below which a share of the others lies, of figures in order.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}
