//! Requests: messages that the layers of intelligence understand.

use std::fmt;
use std::time::Duration;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Features, Routing};

/// How long a request that names no deadline may take, unless who serves it knows
/// better. Source: a guess; long for a handler, short for a person.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(5);

/// The longest deadline a request can ask for. Source: a guess; every wait ends.
pub const DEADLINE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest name of a query, update or action, in bytes. Source: a guess.
pub const NAME_BYTES_MAX: usize = 256;

/// What a caller asks of an agent, as it arrives over HTTP.
///
/// Reading one refuses unknown fields and values out of range with an error that
/// names the field.
///
/// ```
/// use nexus_coord::{Request, RequestKind, Routing};
///
/// let request: Request = serde_json::from_str(
///     r#"{"type": "action", "name": "add", "args": {"key": "hits", "by": 1},
///         "routing": "optimized", "deadline_ms": 250}"#,
/// )?;
/// assert_eq!(request.kind, RequestKind::Action);
/// assert_eq!(request.routing, Routing::Optimized);
/// assert_eq!(request.deadline, Some(std::time::Duration::from_millis(250)));
/// assert_eq!(request.features.priority(), 0.5);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Whether it reads, writes or does.
    #[serde(rename = "type")]
    pub kind: RequestKind,
    /// Which query, update or action.
    #[serde(deserialize_with = "read_name")]
    pub name: String,
    /// Its arguments: a JSON object, empty by default.
    #[serde(default = "no_args", deserialize_with = "read_args")]
    pub args: Value,
    /// How it is to be routed over a pool; basic by default.
    #[serde(default)]
    pub routing: Routing,
    /// How long the caller waits, from the moment the request is taken in. Of one
    /// that does not say, that is for who serves it: [`DEADLINE_DEFAULT`], or longer.
    #[serde(
        rename = "deadline_ms",
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_deadline",
        deserialize_with = "read_deadline"
    )]
    pub deadline: Option<Duration>,
    /// What it declares about itself.
    #[serde(default)]
    pub features: Features,
}

impl Request {
    /// A request with everything else as by default.
    pub fn new(kind: RequestKind, name: &str, args: Value) -> Request {
        Request {
            kind,
            name: name.to_owned(),
            args,
            routing: Routing::default(),
            deadline: None,
            features: Features::default(),
        }
    }
}

/// What a request does to the state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// Reads it.
    Query,
    /// Changes it as the caller says.
    Update,
    /// Changes it as a registered function says.
    Action,
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            RequestKind::Query => "query",
            RequestKind::Update => "update",
            RequestKind::Action => "action",
        })
    }
}

fn no_args() -> Value {
    Value::Object(serde_json::Map::new())
}

fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() {
        return Err(D::Error::custom("name is empty"));
    }
    if name.len() > NAME_BYTES_MAX {
        let bytes = name.len();
        return Err(D::Error::custom(format!(
            "name has {bytes} bytes, at most {NAME_BYTES_MAX} are allowed"
        )));
    }
    Ok(name)
}

fn read_args<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let unexpected = match Value::deserialize(deserializer)? {
        object @ Value::Object(_) => return Ok(object),
        Value::Null => Unexpected::Unit,
        Value::Bool(truth) => Unexpected::Bool(truth),
        Value::Number(_) => Unexpected::Other("number"),
        Value::String(_) => Unexpected::Other("string"),
        Value::Array(_) => Unexpected::Seq,
    };
    Err(D::Error::invalid_type(unexpected, &"a JSON object as args"))
}

fn read_deadline<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let millis = Value::deserialize(deserializer)?;
    millis
        .as_u64()
        .map(Duration::from_millis)
        .filter(|deadline| !deadline.is_zero() && *deadline <= DEADLINE_MAX)
        .map(Some)
        .ok_or_else(|| {
            let max = DEADLINE_MAX.as_millis();
            D::Error::custom(format!("deadline_ms must be a whole number between 1 and {max}"))
        })
}

fn write_deadline<S: Serializer>(
    deadline: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let millis = deadline.map(|deadline| u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
    millis.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(json: &str, said: &str) {
        let error = serde_json::from_str::<Request>(json).expect_err(json).to_string();
        assert!(error.contains(said), "{json}: {error}");
    }

    #[test]
    fn a_full_request_reads_back_as_written() {
        let json = r#"{"type":"query","name":"get","args":{"key":"k"},"routing":"swarm","deadline_ms":5000,"features":{"complexity":2.0,"priority":0.25,"resources":3.0}}"#;
        let request: Request = serde_json::from_str(json).expect("as the interface says");
        assert_eq!(serde_json::to_string(&request).expect("it is data"), json);
    }

    #[test]
    fn what_is_left_out_has_defaults() {
        let request: Request =
            serde_json::from_str(r#"{"type":"update","name":"put"}"#).expect("short");
        assert_eq!(request, Request::new(RequestKind::Update, "put", no_args()));
    }

    #[test]
    fn bad_requests_are_told_what_is_wrong() {
        check_refused(r#"{"name":"get"}"#, "missing field `type`");
        check_refused(r#"{"type":"query"}"#, "missing field `name`");
        check_refused(r#"{"type":"query","name":""}"#, "name is empty");
        check_refused(r#"{"type":"erase","name":"x"}"#, "expected one of `query`, `update`");
        check_refused(r#"{"type":"query","name":"x","arg":{}}"#, "unknown field `arg`");
        check_refused(r#"{"type":"query","name":"x","args":[1]}"#, "expected a JSON object");
        check_refused(r#"{"type":"query","name":"x","args":null}"#, "expected a JSON object");
        check_refused(r#"{"type":"query","name":"x","routing":"best"}"#, "expected one of `basic`");
        for deadline in ["0", "-1", "1.5", "86400001", "1e300", "\"5\"", "null"] {
            let json = format!(r#"{{"type":"query","name":"x","deadline_ms":{deadline}}}"#);
            check_refused(&json, "deadline_ms must be a whole number between 1 and 86400000");
        }
        let features = r#"{"type":"query","name":"x","features":{"complexity":-1}}"#;
        check_refused(features, "features.complexity is -1, must be between 0 and 1000000");
        let long = format!(r#"{{"type":"query","name":"{}"}}"#, "x".repeat(10_000));
        check_refused(&long, "name has 10000 bytes, at most 256 are allowed");
    }
}
