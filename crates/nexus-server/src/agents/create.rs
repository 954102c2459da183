//! `nexus agents create`: start an agent unless it is there.

use std::io::{Write, stdin};

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::body;
use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Client, NodeArgs, Path};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

const EXAMPLES: &str = "\
Examples:
  nexus agents create kv/42
  nexus agents create room/lobby '{\"seats\":12}'
  generate-arguments | nexus agents create room/lobby -

An agent that is there already stays as it is, and that is no error.";

/// Start an agent
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CreateArgs {
    /// The agent
    #[arg(value_name = "KIND/KEY")]
    name: AgentName,
    /// What its kind wants to know to start it, as JSON; - reads standard input
    #[arg(value_name = "ARGS_JSON")]
    args: Option<String>,
}

#[derive(Serialize)]
struct Document {
    args: Box<RawValue>,
}

/// Runs `nexus agents create`.
pub fn run(
    args: &CreateArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let document = match &args.args {
        Some(text) => {
            let document = Document { args: body::read(text, stdin().lock())? };
            serde_json::to_string(&document).expect("JSON in JSON is JSON")
        }
        None => String::new(),
    };
    let answer = Client::new(node)?.put(&Path::agent(&args.name), document)?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text if answer.is_created() => format!("{} created\n", shown(&args.name)),
        OutputFormat::Text => format!("{} was there already\n", shown(&args.name)),
    };
    output.print(&text).map_err(Failure::Output)
}

fn shown(name: &AgentName) -> String {
    printable(&name.to_string())
}
