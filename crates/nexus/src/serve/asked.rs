//! What a client asks of an agent, as it stands in the body.

use std::time::Duration;

use nexus_coord::{DEADLINE_DEFAULT, DEADLINE_MAX, Features, NAME_BYTES_MAX, Routing};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::Request;

/// One request to an agent.
pub(super) enum Asked {
    /// A query, an update or an action.
    Request(Request),
    /// A message of the kind's own.
    Message { name: String, args: Box<RawValue>, within: Duration, through: Through },
}

/// How a pool is to find who serves a message; of no use where the agent is named.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Through {
    pub(super) routing: Routing,
    pub(super) features: Features,
}

/// What a request can be.
const TYPES: [&str; 4] = ["query", "update", "action", "message"];

#[derive(Deserialize)]
struct Kind<'b> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'b, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    #[serde(rename = "type")]
    _kind: String,
    name: String,
    #[serde(default)]
    args: Option<Box<RawValue>>,
    #[serde(default)]
    deadline_ms: Option<u64>,
    #[serde(default)]
    routing: Routing,
    #[serde(default)]
    features: Features,
}

impl Asked {
    /// Reads a body.
    pub(super) fn read(body: &[u8]) -> Result<Asked, Problem> {
        let kind: Kind<'_> = read_borrowed(body)?;
        if !TYPES.contains(&&*kind.kind) {
            let (shown, known) = (kind.kind.chars().take(64).collect::<String>(), TYPES.join(", "));
            let text = format!("there is no type {shown:?}; known are {known}; nothing changed");
            return Err(Problem::bad_request(text).detail(json!({"path": "type"})));
        }
        if kind.kind != "message" {
            return Ok(Asked::Request(read::<nexus_coord::Request>(body)?.into()));
        }
        let message: Message = read(body)?;
        let bytes = message.name.len();
        if bytes > NAME_BYTES_MAX {
            let text = format!("name has {bytes} bytes, at most {NAME_BYTES_MAX} are taken");
            return Err(Problem::bad_request(text).detail(json!({"path": "name"})));
        }
        let most = DEADLINE_MAX.as_millis() as u64;
        let within = match message.deadline_ms {
            None => DEADLINE_DEFAULT,
            Some(ms) if (1..=most).contains(&ms) => Duration::from_millis(ms),
            Some(_) => {
                let text = format!("deadline_ms must be a whole number between 1 and {most}");
                return Err(Problem::bad_request(text).detail(json!({"path": "deadline_ms"})));
            }
        };
        let args = message.args.unwrap_or_else(no_args);
        let through = Through { routing: message.routing, features: message.features };
        Ok(Asked::Message { name: message.name, args, within, through })
    }

    /// What is asked, in a word.
    pub(super) fn name(&self) -> &str {
        match self {
            Asked::Request(request) => &request.name,
            Asked::Message { name, .. } => name,
        }
    }
}

fn no_args() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("this is JSON")
}

/// Reads a body as JSON, or says where it is wrong.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    read_borrowed(body)
}

fn read_borrowed<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Problem> {
    // Readers made by derive take a list for an object, its fields in order.
    if body.trim_ascii_start().starts_with(b"[") {
        let text = "the body is a list, and must be an object; nothing changed";
        return Err(Problem::bad_request(text).detail(json!({"path": ""})));
    }
    // First without keeping track of the path, which costs more than reading.
    serde_json::from_slice(body).map_err(|error| where_it_is_wrong::<T>(body, &error))
}

#[cold]
fn where_it_is_wrong<'b, T: Deserialize<'b>>(body: &'b [u8], first: &serde_json::Error) -> Problem {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let path = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(error) => error.path().to_string(),
        Ok(_) => String::new(),
    };
    let path = if path == "." { String::new() } else { path };
    let place = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
    Problem::bad_request(format!("the body does not fit{place}: {first}; nothing changed"))
        .detail(json!({"path": path}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_messages_are_told_apart() {
        let read = |text: &str| Asked::read(text.as_bytes());
        assert!(matches!(read(r#"{"type":"query","name":"get"}"#), Ok(Asked::Request(_))));
        let asked = read(
            r#"{"type":"message","name":"Add","args":{"by":1},"deadline_ms":7,
                "routing":"adaptive","features":{"complexity":3}}"#,
        );
        let Ok(Asked::Message { name, args, within, through }) = asked else { panic!("a message") };
        assert_eq!((&*name, args.get(), within.as_millis()), ("Add", r#"{"by":1}"#, 7));
        assert_eq!((through.routing, through.features.complexity()), (Routing::Adaptive, 3.0));
        let Err(problem) = read(r#"{"type":"message","name":"A","deadline_ms":0}"#) else {
            panic!("no deadline is that short")
        };
        assert_eq!(problem.detail, json!({"path": "deadline_ms"}));
        let Err(problem) = read(r#"{"type":"query","name":"get","routing":"best"}"#) else {
            panic!("there is no such routing")
        };
        assert_eq!(problem.detail, json!({"path": "routing"}));
        let Err(problem) = read(r#"{"type":"mesage","name":"A"}"#) else {
            panic!("there is no such type")
        };
        assert!(problem.message.contains("query, update, action, message"), "{}", problem.message);
        assert_eq!(problem.detail, json!({"path": "type"}));
        assert!(read("[1]").is_err() && read("").is_err() && read(&"[".repeat(9_999)).is_err());
    }
}
