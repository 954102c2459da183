//! `nexus agents get`: one agent as it is.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use crate::cli::{Common, OutputFormat};
use crate::client::{Agent, AgentName, Client, NodeArgs, Path};
use crate::failure::Failure;
use crate::listing::Listing;
use crate::output::Output;
use crate::words::{NOTHING, age, grouped, rate};

const EXAMPLES: &str = "\
Examples:
  nexus agents get kv/42
  nexus agents get kv/42 --format json | jq .state

Looking does not start an agent. Why it is as it is: nexus why kv/42";

/// Show one agent: state summary, level, mailbox, figures
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct GetArgs {
    /// The agent
    #[arg(value_name = "KIND/KEY")]
    name: AgentName,
}

/// Runs `nexus agents get`.
pub fn run(
    args: &GetArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let answer = Client::new(node)?.get(&Path::agent(&args.name))?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => text(&answer.read()?),
    };
    output.print(&text).map_err(Failure::Output)
}

fn text(agent: &Agent) -> String {
    let metrics = &agent.metrics;
    Listing::new(&agent.name())
        .fact("phase", &agent.phase)
        .fact("level", agent.level.words())
        .fact("mailbox", grouped(agent.mailbox))
        .fact("handled", grouped(metrics.handled))
        .fact("errors", grouped(metrics.errors))
        .fact("rate", metrics.rate_per_s.map_or(NOTHING.to_owned(), |it| rate(it) + " /s"))
        .fact("age", metrics.age_s.map_or(NOTHING.to_owned(), age))
        .fact("epoch", grouped(agent.epoch))
        .fact("node", &agent.node)
        .fact("id", &agent.id)
        .fact_if("metadata", pretty(&agent.metadata))
        .fact_if("state", pretty(&agent.state))
        .text()
}

/// JSON for people; `None` for null.
fn pretty(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| format!("{value:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_reads_well() {
        let json = r#"{"kind":"kv","key":"42","id":"00ff","phase":"idle","mailbox":3,"epoch":1,
            "level":{"asked":"proactive","used":"reactive","reason":"not built"},
            "metrics":{"handled":1200,"errors":1,"age_s":61.5,"rate_per_s":null},
            "metadata":null,"state":{"a":1},"node":"n1","term":null}"#;
        let expected = "kv/42
  phase    idle
  level    reactive instead of proactive: not built
  mailbox  3
  handled  1,200
  errors   1
  rate     –
  age      1 min 1 s
  epoch    1
  node     n1
  id       00ff
  state    {
             \"a\": 1
           }
";
        assert_eq!(text(&serde_json::from_str(json).expect("an agent")), expected);
    }
}
