//! `nexus agents`: the agents of a running node.

mod ask;
mod body;
mod create;
mod get;
mod layer;
mod level;
mod ls;
mod rollback;
mod stop;
mod tell;
#[cfg(test)]
mod tests;

use std::io::Write;

use clap::{Args, Subcommand};

pub use body::BodyError;

use crate::cli::Common;
use crate::client::NodeArgs;
use crate::failure::Failure;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  nexus agents create kv/42
      start an agent; nothing happens if it is there already
  nexus agents ask kv/42 put '{\"key\":\"a\",\"value\":1}'
  nexus agents ask kv/42 get '{\"key\":\"a\"}'
      send it a request and print the answer
  nexus agents ls --kind kv --where 'mailbox > 10'
      list those of one kind that have fallen behind
  nexus agents ask nexus.pool/models Complete '{\"text\":\"hello\"}' --routing adaptive
      send it to the member of a pool that is best placed for it
  nexus agents level nexus.pool/models proactive
      set how far up the ladder a pool or an agent may go
  nexus agents stop kv/42

An agent is named KIND/KEY. The kind ends at the first slash; the key may hold more.
Another node than the one on this machine: --url, or the environment's NEXUS_URL.";

/// List, look at, ask and end the agents of a node
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
#[command(subcommand_required = true, disable_help_subcommand = true)]
pub struct AgentsArgs {
    /// What to do with them.
    #[command(subcommand)]
    command: AgentsCommand,
    /// Which node.
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Subcommand, Debug)]
enum AgentsCommand {
    Ls(ls::LsArgs),
    Get(get::GetArgs),
    Tell(tell::TellArgs),
    Ask(ask::AskArgs),
    Create(create::CreateArgs),
    Stop(stop::StopArgs),
    Level(level::LevelArgs),
    Layer(layer::LayerArgs),
    Rollback(rollback::RollbackArgs),
}

/// Runs `nexus agents`.
///
/// # Errors
/// [`Failure::Client`] if the node refuses or cannot be reached,
/// [`Failure::Body`] if arguments are no JSON.
pub fn run(
    args: &AgentsArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let AgentsArgs { command, node } = args;
    match command {
        AgentsCommand::Ls(args) => ls::run(args, node, common, output),
        AgentsCommand::Get(args) => get::run(args, node, common, output),
        AgentsCommand::Tell(args) => tell::run(args, node),
        AgentsCommand::Ask(args) => ask::run(args, node, common, output),
        AgentsCommand::Create(args) => create::run(args, node, common, output),
        AgentsCommand::Stop(args) => stop::run(args, node, common, output),
        AgentsCommand::Level(args) => level::run(args, node, common, output),
        AgentsCommand::Layer(args) => layer::run(args, node, common, output),
        AgentsCommand::Rollback(args) => rollback::run(args, node, common, output),
    }
}
