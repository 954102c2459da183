//! `nexus sim`: what a simulated cluster does, and whether that was right.

mod check;

use std::io::Write;

use clap::{Args, Subcommand};

pub use check::CheckError;

use crate::cli::Common;
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  nexus sim check linearizability history.edn
      whether clients could tell your store from one that does one thing at a time
  nexus sim check causality cluster.log
      whether the vector clocks of a log tell one story";

/// Check what clusters did, simulated or real
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
#[command(subcommand_required = true, disable_help_subcommand = true)]
pub struct SimArgs {
    /// What to do.
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Subcommand, Debug)]
enum SimCommand {
    Check(check::CheckArgs),
}

/// Runs `nexus sim`.
///
/// # Errors
/// [`Failure::Histories`] if a history breaks a promise or cannot be read.
pub fn run(
    args: &SimArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    match &args.command {
        SimCommand::Check(args) => check::run(args, common, output),
    }
}
