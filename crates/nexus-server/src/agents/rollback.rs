//! `nexus agents rollback`: take an adaptation back.

use std::io::Write;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Client, NodeArgs, Path};
use crate::failure::Failure;
use crate::layers;
use crate::listing::Listing;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  nexus why report/42
      lists the adaptations in force, each with its id, such as a-3
  nexus agents rollback report/42 a-3
      takes that one back, for all agents of the kind report; the others stay

One that was taken back before, or never was, is refused, and nothing changes.";

/// Take an adaptation of a kind back
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RollbackArgs {
    /// Any agent of the kind
    #[arg(value_name = "KIND/KEY")]
    name: AgentName,
    /// Which adaptation, as a-3 or 3
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
}

/// The id as nodes write it.
fn id(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("a-").unwrap_or(text);
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    match digits.parse::<u64>() {
        Ok(number) if is_plain => Ok(format!("a-{number}")),
        _ => Err("give the id that nexus why shows, such as a-3".to_owned()),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answered {
    knobs: Value,
    adaptations: Vec<Value>,
}

/// Runs `nexus agents rollback`.
pub fn run(
    args: &RollbackArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let document = Document { id: &args.id };
    let document = serde_json::to_string(&document).expect("an id is plain data");
    let path = Path::agent(&args.name).segment("rollback");
    let answer = Client::new(node)?.post(&path, document, None)?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => {
            let Answered { knobs, adaptations } = answer.read()?;
            let rest = match adaptations.is_empty() {
                true => "nothing".to_owned(),
                false => layers::adaptations(&adaptations).join("\n"),
            };
            Listing::new(&format!("{}: {} is taken back", args.name, args.id))
                .fact("in force", rest)
                .fact("knobs", layers::lines(&knobs).join("\n"))
                .text()
        }
    };
    output.print(&text).map_err(Failure::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_with_and_without_its_letter() {
        assert_eq!(["3", "a-3"].map(id), [Ok("a-3".to_owned()), Ok("a-3".to_owned())]);
        for bad in ["", "a-", "0", "a-0", "-1", "+1", "a--1", "b-1", "3x", "99999999999999999999"] {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}
