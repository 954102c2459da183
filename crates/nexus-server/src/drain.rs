//! `nexus drain`: end a node as soon as its work is done.

use std::io::Write;

use clap::Args;

use crate::cli::{Common, OutputFormat};
use crate::client::{Client, NodeArgs, Path, Status};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

const EXAMPLES: &str = "\
Examples:
  nexus drain
      the node on this machine
  nexus drain n1 --url https://n1.example:7400 --ca ca.pem --token-file admin.token
      a node elsewhere, but only if it is really n1

A draining node takes no new work, finishes what it has within its limit (node.drain_s),
and ends. Needs the role admin where the node asks for tokens.";

/// End a node as soon as its work is done
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DrainArgs {
    /// The name the node must have, to be sure
    #[arg(value_name = "NODE")]
    name: Option<String>,
    /// Which node.
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs `nexus drain`.
///
/// # Errors
/// [`Failure::Client`] if the node refuses or cannot be reached,
/// [`Failure::OtherNode`] if it has another name than the one given.
pub fn run(
    args: &DrainArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let client = Client::new(&args.node)?;
    if let Some(wanted) = &args.name {
        let status: Status = client.get(&Path::new("/v1/status"))?.read()?;
        if status.node != *wanted {
            let found = printable(&status.node);
            return Err(Failure::OtherNode { wanted: wanted.clone(), found });
        }
    }
    let answer = client.post(&Path::new("/v1/drain"), String::new(), None)?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => format!("the node at {} drains and will end\n", client.url()),
    };
    output.print(&text).map_err(Failure::Output)
}
