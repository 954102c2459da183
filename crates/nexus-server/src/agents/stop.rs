//! `nexus agents stop`: end an agent.

use std::io::Write;

use clap::Args;

use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Client, NodeArgs, Path};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

const EXAMPLES: &str = "\
Examples:
  nexus agents stop kv/42

Messages that still wait for it are not handled; askers are told.";

/// End an agent
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StopArgs {
    /// The agent
    #[arg(value_name = "KIND/KEY")]
    name: AgentName,
}

/// Runs `nexus agents stop`.
pub fn run(
    args: &StopArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let answer = Client::new(node)?.delete(&Path::agent(&args.name))?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => format!("{} stopped\n", printable(&args.name.to_string())),
    };
    output.print(&text).map_err(Failure::Output)
}
