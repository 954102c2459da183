//! `nexus agents tell`: a request whose answer is of no interest.

use clap::Args;

use super::ask::{self, AskArgs};
use crate::client::NodeArgs;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  nexus agents tell kv/42 put '{\"key\":\"a\",\"value\":1}'
      as `nexus agents ask`, but prints nothing

It still waits until the request was handled, and fails if it was not.";

/// Send a request and print nothing
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TellArgs {
    /// The request.
    #[command(flatten)]
    request: AskArgs,
}

/// Runs `nexus agents tell`.
pub fn run(args: &TellArgs, node: &NodeArgs) -> Result<(), Failure> {
    ask::send(&args.request, node).map(drop)
}
