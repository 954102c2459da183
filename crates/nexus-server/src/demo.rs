//! `nexus demo`: real requests, served by a pool of agents under each balancing
//! strategy, in virtual time.
//!
//! Every strategy meets the same arrivals and, seed by seed, the same servers,
//! so differences between rows come from the strategy alone.
//!
//! Absent on purpose: the pool itself, which [`simulate`] builds and drives.

mod args;
mod campaign;
mod figures;
mod findings;
pub mod levels;
mod plan;
mod row;
mod runs;
pub mod simulate;
mod speeds;
mod strategy;
mod table;
mod work;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;

pub use args::DemoArgs;
pub use campaign::CampaignError;
pub use figures::{Figures, arrivals, curve_levels};
pub use findings::findings;
pub use plan::{Panel, Plan, Study};
pub use simulate::Serve;
pub use speeds::Speeds;
pub use strategy::Strategy;
pub use table::Column;
pub use work::TooMuchWork;

use crate::cli::{Common, OutputFormat};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::report::{self, Destination};
use crate::trace::Trace;

/// Runs the demo: reads the trace, serves it, prints the tables, writes the report.
///
/// What can fail early does: the trace is read and the report's place is tried
/// before the first run.
///
/// # Errors
/// Any [`Failure`]; by the time the report fails, the figures have been printed.
pub fn run(
    args: &DemoArgs,
    common: &Common,
    serve: Serve,
    interrupt: &Interrupt,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let trace = Arc::new(read_trace(args)?);
    work::check(&trace)?;
    let destination = Destination::find(args.report.as_deref())?;
    tracing::info!(trace = trace.name(), requests = trace.requests().len(), "trace read");
    let page = if args.levels {
        report::ladder::page(&levels::run(args, common, trace, interrupt, output)?)
    } else {
        report::page(&compare(args, common, serve, trace, interrupt, output)?)
    };
    write_report(destination, &page, common, interrupt, output)
}

/// Compares strategies and prints the tables.
fn compare(
    args: &DemoArgs,
    common: &Common,
    serve: Serve,
    trace: Arc<Trace>,
    interrupt: &Interrupt,
    output: &mut Output<impl Write>,
) -> Result<Study, Failure> {
    let plan = Plan::new(args, common.seed);
    let progress = Progress::start(plan.run_count() as u64, "serving");
    let study = campaign::run(trace, plan, serve, &progress, interrupt)?;
    drop(progress);
    let json = common.format == OutputFormat::Json;
    let text = if json { row::json_lines(&study) } else { table::text(&study) };
    output.print(&text).map_err(Failure::Output)?;
    Ok(study)
}

fn write_report(
    destination: Destination,
    page: &str,
    common: &Common,
    interrupt: &Interrupt,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    // A file is written in no time and half written is of no use; a pipe may
    // take as long as its reader likes.
    let attention = (!destination.may_wait()).then(|| interrupt.attend());
    let written = destination.write(page);
    drop(attention);
    let Some(path) = written? else { return Ok(()) };
    let line = format!("Report: {}\n", path.display());
    if common.format == OutputFormat::Json {
        let _ = std::io::stderr().write_all(line.as_bytes());
        return Ok(());
    }
    output.print(&format!("\n{line}")).map_err(Failure::Output)
}

fn read_trace(args: &DemoArgs) -> Result<Trace, Failure> {
    match &args.trace {
        Some(path) => Ok(Trace::open(path, args.input_format)?),
        None => Ok(Trace::shipped()),
    }
}
