//! `nexus demo --levels`: what each layer of intelligence buys, and what it costs.
//!
//! Under each condition the same requests are served by a pool at each level,
//! seed by seed, so that a ratio compares what differs by the level alone.

mod condition;
mod contender;
mod poison;
mod repeats;
mod row;
mod study;
mod table;
mod watched;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;

pub use condition::Condition;
pub use study::{Compared, LevelsStudy};
pub use table::{aside, label as name};

use super::DemoArgs;
use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::trace::Trace;

/// Runs the comparison and prints the ladder.
///
/// # Errors
/// Any [`Failure`]; nothing is printed before all runs are done.
pub fn run(
    args: &DemoArgs,
    common: &Common,
    trace: Arc<Trace>,
    interrupt: &Interrupt,
    output: &mut Output<impl Write>,
) -> Result<LevelsStudy, Failure> {
    let plan = study::LevelsPlan::new(args, common.seed, trace);
    let progress = Progress::start(plan.run_count() as u64, "serving");
    let study = study::run(plan, &progress, interrupt)?;
    drop(progress);
    let json = common.format == OutputFormat::Json;
    let text = if json { row::json_lines(&study) } else { table::text(&study) };
    output.print(&text).map_err(Failure::Output)?;
    Ok(study)
}
