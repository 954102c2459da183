//! `nexus agents stop`: end an agent.

use std::io::Write;

use clap::Args;
use serde::Deserialize;

use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Client, NodeArgs, Path};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

const EXAMPLES: &str = "\
Examples:
  nexus agents stop kv/42
  nexus agents stop kv/42 --force

Messages that still wait for it are not handled; askers are told.";

/// End an agent
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StopArgs {
    /// The agent
    #[arg(value_name = "KIND/KEY")]
    name: AgentName,

    /// Do not wait for the message it is handling: drop the handler where it waits
    #[arg(long)]
    force: bool,
}

/// What the node says.
#[derive(Deserialize)]
struct Stopped {
    stopped: bool,
}

/// Runs `nexus agents stop`.
pub fn run(
    args: &StopArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let path = Path::agent(&args.name).query_if("force", args.force.then_some("true"));
    let answer = Client::new(node)?.delete(&path)?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => {
            let Stopped { stopped } = answer.read()?;
            let name = printable(&args.name.to_string());
            match stopped {
                true => format!("{name} stopped\n"),
                false => format!(
                    "{name} is stopping: it has yet to finish a message; \
                     --force does not wait for that\n"
                ),
            }
        }
    };
    output.print(&text).map_err(Failure::Output)
}
