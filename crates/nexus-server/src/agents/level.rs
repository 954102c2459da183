//! `nexus agents level`: how an agent reasons.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Client, Level, NodeArgs, Path};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

const EXAMPLES: &str = "\
Examples:
  nexus agents level report/42 adaptive
  nexus agents level nexus.pool/models proactive
      a pool: none of its layers above the level is used from the next call on

A node that cannot give the level says so and uses the next one below it.
One layer alone: nexus agents layer. What each is worth: nexus why";

/// Set the level at which an agent or a pool reasons
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LevelArgs {
    /// The agent, or a pool as nexus.pool/NAME
    #[arg(value_name = "KIND/KEY")]
    name: AgentName,
    /// The level to use
    #[arg(value_enum)]
    level: LevelName,
}

/// The levels there are, each with all below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum LevelName {
    /// Answers what it is asked
    Reactive,
    /// Looks ahead
    Proactive,
    /// Learns from what happened
    Adaptive,
    /// Acts with others
    Emergent,
}

#[derive(Serialize)]
struct Document {
    level: LevelName,
}

#[derive(Deserialize)]
struct Answered {
    level: Level,
}

/// Runs `nexus agents level`.
pub fn run(
    args: &LevelArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let document = Document { level: args.level };
    let document = serde_json::to_string(&document).expect("a level is plain data");
    let answer = Client::new(node)?.put(&Path::agent(&args.name).segment("level"), document)?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => {
            let Answered { level } = answer.read()?;
            format!("{}: {}\n", printable(&args.name.to_string()), printable(&level.words()))
        }
    };
    output.print(&text).map_err(Failure::Output)
}
