//! The load proofs of `bench/load.sh`: what a node's port bears, and what it does
//! when more comes than it can bear.
//!
//!     bench-load CASE NEXUS WORK
//!
//! `NEXUS` is the program `nexus`, `WORK` is `bench-load-work` beside this one. One
//! case a process, with a node of its own: nothing of one run is left in the next.
//! Exit: 0 the bar was met, 1 it was missed or the run failed, 2 usage.

mod cold_start;
mod connection;
mod idle_connections;
mod million_agents;
mod row;
mod served;

use std::path::PathBuf;
use std::process::ExitCode;

/// Why a case could not be run to its end.
type Failed = Box<dyn std::error::Error>;

/// What the command line says.
struct Options {
    case: String,
    nexus: PathBuf,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(case), Some(nexus), None) = (words.next(), words.next(), words.next()) else {
        eprintln!("usage: bench-load CASE NEXUS");
        return ExitCode::from(2);
    };
    let options = Options { case, nexus: nexus.into() };
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
            other => Err(format!("there is no case {other:?}").into()),
        }
    })
}

/// The figure below which a share of the others lies, of figures in order.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}
