//! `nexus sim`: clusters in virtual time, attacked from a seed.
//!
//! Absent on purpose: the cluster and what watches it, which are in `nexus-sim`.

mod campaign;
mod check;
mod failover;
mod mutants;
mod params;
mod processes;
mod replay;
mod row;
mod run;
mod shrink;

use std::io::Write;

use clap::{Args, Subcommand};

pub use check::CheckError;

use crate::cli::Common;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  nexus sim run --seed 7
      five nodes, eight shards, ten virtual minutes of whatever seed 7 has in store
  nexus sim campaign --seeds 1000 --jobs 2
      a thousand seeds, each twice, in two processes
  nexus sim replay --seed 7
      what happened before the first violation
  nexus sim shrink --seed 7
      a smaller run that still fails
  nexus sim failover
      how long shards take no write after the process that leads them has died
  nexus sim check linearizability history.edn
      whether clients could tell your store from one that does one thing at a time
  nexus sim check causality cluster.log
      whether the vector clocks of a log tell one story";

/// Attack simulated clusters, and check what clusters did
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
#[command(subcommand_required = true, disable_help_subcommand = true)]
pub struct SimArgs {
    /// What to do
    #[command(subcommand)]
    command: SimCommand,
}

/// What can be done with simulated clusters.
#[derive(Subcommand, Debug)]
enum SimCommand {
    Check(check::CheckArgs),
    /// Run one seed, or a few that follow it
    Run(run::RunArgs),
    /// Run many seeds, each of them again in another process
    Campaign(campaign::CampaignArgs),
    /// Kill leaders, and measure how long their shards take no write
    Failover(failover::FailoverArgs),
    /// Show what happened before the violation that a seed leads to
    Replay(replay::ReplayArgs),
    /// Find a smaller run of a seed that still fails
    Shrink(shrink::ShrinkArgs),
    /// Plant bugs, and see how many seeds it takes to find each
    Mutants(mutants::MutantsArgs),
}

impl SimCommand {
    /// What clusters are to be like, and how many seeds are to be run.
    fn seeds(&self) -> Option<(&params::Params, u64)> {
        match self {
            SimCommand::Check(_) | SimCommand::Failover(_) => None,
            SimCommand::Run(args) => Some((&args.params, args.seeds)),
            SimCommand::Campaign(args) => Some((&args.params, args.seeds)),
            SimCommand::Replay(args) => Some((&args.params, 1)),
            SimCommand::Shrink(args) => Some((&args.params, 1)),
            SimCommand::Mutants(args) => Some((&args.params, args.seeds)),
        }
    }
}

/// Does what was asked.
///
/// # Errors
/// Any [`Failure`]; [`Failure::Unfit`] if words do not fit together, [`Failure::Check`] if a promise was broken, [`Failure::Histories`] if a
/// history breaks one or cannot be read.
pub fn run(
    args: &SimArgs,
    common: &Common,
    interrupt: impl FnOnce() -> Result<Interrupt, Failure>,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    if let Some((params, seeds)) = args.command.seeds() {
        params.check(common.seed, seeds)?;
    }
    match &args.command {
        SimCommand::Check(args) => check::run(args, common, output),
        SimCommand::Run(args) => run::run(args, common, output),
        SimCommand::Campaign(args) => campaign::run(args, common, &interrupt()?, output),
        SimCommand::Failover(args) => failover::run(args, common, output),
        SimCommand::Replay(args) => replay::run(args, common, output),
        SimCommand::Shrink(args) => shrink::run(args, common, output),
        SimCommand::Mutants(args) => mutants::run(args, common, output),
    }
}
