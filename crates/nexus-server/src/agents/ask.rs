//! `nexus agents ask`: one request and its answer.

use std::io::{Write, stderr, stdin};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::body;
use crate::cli::{Common, OutputFormat};
use crate::client::{AgentName, Answer, Client, Level, NodeArgs, Path};
use crate::failure::Failure;
use crate::output::Output;
use crate::words::printable;

/// Milliseconds that a request may be given: an hour, beyond any request we know.
const DEADLINE_MS_MAX: u64 = 3_600_000;
/// Characters of an idempotency key. A guess: seven times a UUID.
const KEY_CHARS_MAX: usize = 255;

const EXAMPLES: &str = "\
Examples:
  nexus agents ask kv/42 put '{\"key\":\"a\",\"value\":[1,2]}'
  nexus agents ask kv/42 get '{\"key\":\"a\"}'
  nexus agents ask kv/42 add '{\"key\":\"n\",\"by\":5}' --idempotency-key order-17
      done once, however often this line is run
  nexus agents ask cart/7 AddItem '{\"sku\":\"A-1\",\"count\":2}' --deadline-ms 500
      a message of a kind of your own, named as in its code
  jq -c . big.json | nexus agents ask cart/7 Import -

The types query, update and action name one of the operations that a kind offers, the
type message one of its typed messages. The answer's value is printed; --format json
prints the whole answer, with the level used and the node.";

/// Send a request and print the answer
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct AskArgs {
    /// The agent
    #[arg(value_name = "KIND/KEY")]
    agent: AgentName,
    /// What to ask of it
    #[arg(value_name = "NAME")]
    name: String,
    /// The request's arguments, as JSON; - reads standard input
    #[arg(value_name = "ARGS_JSON", default_value = "{}")]
    args: String,
    /// What NAME is [default: message; for the kind kv what its operation is]
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    request_type: Option<RequestType>,
    /// Milliseconds the node has for it [default: the node's, mostly 5000]
    #[arg(long, value_name = "N", value_parser = deadline, allow_negative_numbers = true)]
    deadline_ms: Option<u64>,
    /// How the node picks who serves it [default: the node's]
    #[arg(long, value_name = "ROUTING", value_enum)]
    routing: Option<Routing>,
    /// A name for this request: asked again under it, it is not done again
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    idempotency_key: Option<String>,
}

/// What a request's name means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum RequestType {
    /// An operation that changes nothing
    Query,
    /// One that leaves the same when repeated
    Update,
    /// One that does not
    Action,
    /// A typed message of the kind
    Message,
}

/// How a request finds who serves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Routing {
    /// Straight to the agent
    Basic,
    /// With the load in mind
    Optimized,
    /// With what was learned
    Adaptive,
    /// As the agents agree
    Swarm,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: RequestType,
    name: &'a str,
    args: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<Routing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Answered {
    value: Value,
    #[serde(default)]
    level: Level,
}

/// Runs `nexus agents ask`.
pub fn run(
    args: &AskArgs,
    node: &NodeArgs,
    common: &Common,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let answer = send(args, node)?;
    let text = match common.format {
        OutputFormat::Json => answer.line()?,
        OutputFormat::Text => {
            let answered: Answered = answer.read()?;
            note_level(&answered.level);
            format!("{:#}\n", answered.value)
        }
    };
    if answer.is_replayed() {
        note("this is the answer to an earlier request with this idempotency key");
    }
    output.print(&text).map_err(Failure::Output)
}

/// Sends the request and waits until it was handled.
pub fn send(args: &AskArgs, node: &NodeArgs) -> Result<Answer, Failure> {
    let deadline = args.deadline_ms.map(Duration::from_millis);
    let document = serde_json::to_string(&document(args)?).expect("JSON in JSON is JSON");
    let client = Client::patient(node, deadline)?;
    let path = Path::agent(&args.agent);
    Ok(client.post(&path, document, args.idempotency_key.as_deref())?)
}

fn document(args: &AskArgs) -> Result<Document<'_>, Failure> {
    Ok(Document {
        r#type: args.request_type.unwrap_or_else(|| usual_type(&args.agent.kind, &args.name)),
        name: &args.name,
        args: body::read(&args.args, stdin().lock())?,
        routing: args.routing,
        deadline_ms: args.deadline_ms,
    })
}

/// The kind `kv` is built in, so its operations are known here.
fn usual_type(kind: &str, name: &str) -> RequestType {
    match (kind, name) {
        ("kv", "get") => RequestType::Query,
        ("kv", "put" | "cas") => RequestType::Update,
        ("kv", "add") => RequestType::Action,
        _ => RequestType::Message,
    }
}

fn note_level(level: &Level) {
    if level.asked != level.used {
        note(&printable(&format!("answered at the level {}", level.words())));
    }
}

fn note(text: &str) {
    // The answer matters more than a standard error that is closed.
    let _ = writeln!(stderr(), "note: {text}");
}

fn deadline(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(millis) if (1..=DEADLINE_MS_MAX).contains(&millis) => Ok(millis),
        _ => Err(format!("give whole milliseconds from 1 to {DEADLINE_MS_MAX}")),
    }
}

fn idempotency_key(text: &str) -> Result<String, String> {
    let sound = (1..=KEY_CHARS_MAX).contains(&text.len());
    if sound && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(format!("give 1 to {KEY_CHARS_MAX} letters, digits and signs without spaces"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        ask: AskArgs,
    }

    #[track_caller]
    fn check(line: &[&str], expected: &str) {
        let line = Line::try_parse_from([&["ask"], line].concat()).expect("it is well formed");
        let document = document(&line.ask).expect("JSON");
        assert_eq!(serde_json::to_string(&document).expect("JSON"), expected);
    }

    #[test]
    fn a_request_has_the_fields_that_nodes_expect() {
        check(&["kv/1", "get"], r#"{"type":"query","name":"get","args":{}}"#);
        check(&["kv/1", "cas", "[1]"], r#"{"type":"update","name":"cas","args":[1]}"#);
        check(&["kv/1", "add", "{}"], r#"{"type":"action","name":"add","args":{}}"#);
        check(&["kv/1", "other"], r#"{"type":"message","name":"other","args":{}}"#);
        check(&["cart/1", "get"], r#"{"type":"message","name":"get","args":{}}"#);
        check(
            &["kv/1", "get", "{}", "--type", "action", "--routing", "swarm", "--deadline-ms", "5"],
            r#"{"type":"action","name":"get","args":{},"routing":"swarm","deadline_ms":5}"#,
        );
    }
}
