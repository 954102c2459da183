//! `nexus why`: what an agent does, waits for, and went through.

use std::io::Write;

use clap::Args;

use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Client, NodeArgs, Path, Why};
use crate::events;
use crate::failure::Failure;
use crate::layers;
use crate::listing::Listing;
use crate::output::Output;
use crate::words::grouped;

const EXAMPLES: &str = "\
Examples:
  nexus why kv/42
  nexus why cart/7 --format json | jq .waiting_on
  nexus why nexus.pool/models
      which layers a pool uses, what each was measured to be worth, what was learned

An agent that waits for another one points at it: ask why of that one next.
Costs are told relative to those without the layer: below 1 it pays. In brackets is where
the truth lies, with 95 % for all layers together unless the pool's trial says otherwise.";

/// Show what an agent does, waits for, and went through
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct WhyArgs {
    /// The agent
    #[arg(value_name = "KIND/KEY")]
    agent: AgentName,
    /// Which node.
    #[command(flatten)]
    node: NodeArgs,
}

/// Runs `nexus why`.
///
/// # Errors
/// [`Failure::Client`] if the node refuses or cannot be reached.
pub fn run(
    args: &WhyArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let answer = Client::new(&args.node)?.get(&Path::agent(&args.agent).segment("why"))?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => text(&answer.read()?),
    };
    output.print(&text).map_err(Failure::Output)
}

fn text(why: &Why) -> String {
    let mut text = Listing::new(&format!("{}/{} is {}", why.kind, why.key, why.phase))
        .fact("handles", why.handler.as_deref().unwrap_or("nothing"))
        .fact("waits for", waits_for(why))
        .fact("mailbox", grouped(why.mailbox))
        .fact("level", why.level.words())
        .fact("epoch", grouped(why.epoch))
        .text();
    for section in layers::sections(why) {
        text += &section.text();
    }
    if why.events.is_empty() {
        text += "no events\n";
        return text;
    }
    text += "last events:\n";
    for event in &why.events {
        text += &events::line(event);
    }
    text
}

/// Whose answers it waits for, in words.
pub fn waits_for(why: &Why) -> String {
    if why.waiting_on.is_empty() { "nobody".to_owned() } else { why.waiting_on.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_reads_well() {
        let json = r#"{"kind":"kv","key":"42","phase":"suspended","mailbox":2,
            "level":{"asked":"reactive","used":"reactive","reason":null},"handler":"Add",
            "waiting_on":["cart/7","cart/8"],"epoch":1,
            "events":[{"seq":17,"at_s":3.25,"name":"agent.crashed","agent":"kv/42","detail":"a\nb"}]}"#;
        let expected = "kv/42 is suspended
  handles    Add
  waits for  cart/7, cart/8
  mailbox    2
  level      reactive
  epoch      1
last events:
      3.250 s  agent.crashed  kv/42  a\\nb
";
        assert_eq!(text(&serde_json::from_str(json).expect("a reason")), expected);
        let idle = text(&Why { phase: "idle".to_owned(), ..Why::default() });
        assert!(idle.contains("waits for  nobody") && idle.ends_with("no events\n"), "{idle}");
    }
}
