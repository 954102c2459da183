//! `nexus events`: what happened at a node, and what happens now.

mod follow;
#[cfg(test)]
mod tests;

use std::io::Write;

use clap::Args;

pub use follow::FollowError;

use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Answer, Client, Event, EventPage, NodeArgs, Path, RawEventPage};
use crate::client::{ClientError, one_line};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::words::{NOTHING, printable};
use follow::{Follow, Pace};

/// Events shown unless told otherwise. A guess: two screens.
const LIMIT_DEFAULT: u64 = 100;
/// Events that can be asked for at once.
const LIMIT_MAX: u64 = 100_000;

const EXAMPLES: &str = "\
Examples:
  nexus events
      what happened last
  nexus events --follow --name agent.crashed
      every crash from now on, until ctrl-C
  nexus events --follow --agent cart/7 --format json | jq .detail
      one agent's events, one JSON object a line

While following, a connection that breaks is taken up again after the last event seen, ten
times in a row at most; events that a slow reader missed are reported on standard error.
Times are seconds since the node started.";

/// Show what happened at a node, and follow what happens
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct EventsArgs {
    /// Go on until ctrl-C
    #[arg(long)]
    follow: bool,
    /// Only events with this name, such as agent.crashed; everyday ones, such as
    /// agent.started, are kept where the node has events.everyday = true
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only events of this agent
    #[arg(long, value_name = "KIND/KEY")]
    agent: Option<AgentName>,
    /// Only events after the one with this number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// How many at most [default: 100]
    #[arg(long, value_name = "N", value_parser = limit, conflicts_with = "follow")]
    #[arg(allow_negative_numbers = true)]
    limit: Option<u64>,
    /// Which node.
    #[command(flatten)]
    node: NodeArgs,
}

fn limit(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count) if (1..=LIMIT_MAX).contains(&count) => Ok(count),
        _ => Err(format!("give a whole number from 1 to {LIMIT_MAX}")),
    }
}

/// Runs `nexus events`.
///
/// # Errors
/// [`Failure::Client`] if the node refuses or cannot be reached,
/// [`Failure::Follow`] if a stream is lost for good, [`Failure::Interrupted`]
/// when the user ends it.
pub fn run(
    args: &EventsArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let client = Client::new(&args.node)?;
    if args.follow {
        let interrupt = Interrupt::install().map_err(Failure::Signals)?;
        let follow =
            Follow { client, path: path(args).query("follow", "1"), format: common.format };
        return follow.run(args.after, Pace::USUAL, &interrupt, output);
    }
    let path = path(args).query("limit", &args.limit.unwrap_or(LIMIT_DEFAULT).to_string());
    let path = path.query_if("after", args.after.map(|after| after.to_string()).as_deref());
    let text = lines(&client.get(&path)?, common.format)?;
    output.print(&text).map_err(Failure::Output)
}

fn path(args: &EventsArgs) -> Path {
    let agent = args.agent.as_ref().map(AgentName::to_string);
    Path::new("/v1/events")
        .query_if("name", args.name.as_deref())
        .query_if("agent", agent.as_deref())
}

fn lines(answer: &Answer, format: OutputFormat) -> Result<String, ClientError> {
    match format {
        OutputFormat::Json => {
            let page: RawEventPage = answer.read()?;
            Ok(page.events.iter().map(|event| one_line(event.get())).collect())
        }
        OutputFormat::Text => {
            let page: EventPage = answer.read()?;
            Ok(page.events.iter().map(line).collect())
        }
    }
}

/// One event as one line for people.
pub fn line(event: &Event) -> String {
    let at = event.at_s.map_or(NOTHING.to_owned(), |at| format!("{at:.3} s"));
    let mut line = format!("{at:>13}  {}", printable(&event.name));
    for more in [&event.agent, &event.detail].into_iter().flatten().filter(|it| !it.is_empty()) {
        line += "  ";
        line += &printable(more);
    }
    line.push('\n');
    line
}
