//! What an agent at the reactive level replies.

use nexus_agent::{AskError, Changed, ErrorCode, Wire};
use nexus_coord::ReactiveError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::LevelUsed;

/// The answer to a request.
#[derive(Clone, PartialEq, Debug, Wire)]
#[wire(name = "nexus.answer")]
pub struct Answer {
    /// What was asked for.
    #[serde(with = "super::json_text")]
    pub value: Value,
    /// Which level served.
    pub level: LevelUsed,
}

/// Why a request was not done. At the reactive level the state is as it was
/// before.
///
/// A kind of one's own may reply `Result<T, RequestError>` to its messages: over
/// HTTP the error is then answered as any other, with the status of its code.
/// `?` turns the [`AskError`] of an agent that was asked into one.
///
/// Serialises to what stands under `error` in an answer over HTTP.
#[derive(Clone, PartialEq, Debug, Wire, thiserror::Error)]
#[wire(name = "nexus.request_error")]
#[error("{message}")]
#[non_exhaustive]
pub struct RequestError {
    /// In one word.
    #[serde(with = "code_text")]
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Whether anything changed: at the reactive level it never did.
    #[serde(with = "changed_text")]
    pub changed: Changed,
    /// Whether the same request can do better another time.
    pub retry: Retry,
    /// For programs: names and values that depend on what went wrong.
    #[serde(with = "super::json_text")]
    pub detail: Map<String, Value>,
}

/// Whether trying again helps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// No: the request is wrong.
    No,
    /// The same request, after a pause.
    Later,
    /// After a new look at the state, a request that fits it.
    Refresh,
}

impl Retry {
    /// What helps after an error of this code that changed nothing.
    pub(crate) fn after(code: ErrorCode) -> Retry {
        match code {
            ErrorCode::MailboxFull | ErrorCode::ShuttingDown => Retry::Later,
            ErrorCode::Conflict | ErrorCode::UnknownAgent => Retry::Refresh,
            _ => Retry::No,
        }
    }
}

impl From<AskError> for RequestError {
    /// An agent that could not ask another passes on why: the code is the
    /// same, and so is whether anything changed.
    ///
    /// ```
    /// use nexus::{AskError, ErrorCode, RequestError};
    ///
    /// assert_eq!(RequestError::from(AskError::NotRunning).code, ErrorCode::UnknownAgent);
    /// ```
    fn from(error: AskError) -> RequestError {
        let detail = match &error {
            AskError::MailboxFull { len_max } => json!({"len_max": len_max}),
            AskError::Cycle { path, .. } => json!({"path": path.0}),
            AskError::Crashed(crash) => json!({"panic": &*crash.message}),
            _ => json!({}),
        };
        let (code, changed) = (error.code(), error.changed());
        let retry = match (changed, &error) {
            (Changed::Unknown, _) => Retry::Refresh,
            (_, AskError::Expired { .. } | AskError::Stopped { .. }) => Retry::Later,
            _ => Retry::after(code),
        };
        RequestError { code, message: error.to_string(), changed, retry, detail: fields(detail) }
    }
}

impl From<ReactiveError> for RequestError {
    fn from(error: ReactiveError) -> RequestError {
        let (code, retry) = match &error {
            ReactiveError::BadKey { key_bytes: 0, .. } => (ErrorCode::BadRequest, Retry::No),
            ReactiveError::BadKey { .. } => (ErrorCode::TooLarge, Retry::No),
            ReactiveError::StateFull { .. } => (ErrorCode::TooLarge, Retry::Refresh),
            // Another state might have allowed these.
            ReactiveError::Conflict { .. }
            | ReactiveError::NotAnInteger { .. }
            | ReactiveError::Overflow { .. }
            | ReactiveError::Invalid { .. }
            | ReactiveError::Refused { .. } => (ErrorCode::Conflict, Retry::Refresh),
            _ => (ErrorCode::BadRequest, Retry::No),
        };
        let message = with_causes(&error);
        RequestError { code, message, changed: Changed::No, retry, detail: detail(error) }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The path of a part of the arguments, from the body on.
pub(crate) fn path_in_args(path: &str) -> String {
    match path {
        "" => "args".to_owned(),
        index if index.starts_with('[') => format!("args{index}"),
        path => format!("args.{path}"),
    }
}

fn detail(error: ReactiveError) -> Map<String, Value> {
    let detail = match error {
        ReactiveError::UnknownName { name, suggestion, .. } => {
            json!({"path": "name", "name": name, "suggestion": suggestion})
        }
        ReactiveError::WrongKind { name, is, .. } => {
            json!({"path": "type", "name": name, "suggestion": is})
        }
        ReactiveError::BadArgs { name, path, .. } => {
            json!({"path": path_in_args(&path), "name": name})
        }
        ReactiveError::BadKey { key_bytes, key_bytes_max } => {
            json!({"key_bytes": key_bytes, "key_bytes_max": key_bytes_max})
        }
        ReactiveError::StateFull { keys_max } => json!({"keys_max": keys_max}),
        ReactiveError::Conflict { key, found } => json!({"key": key, "found": found}),
        ReactiveError::NotAnInteger { key } => json!({"key": key}),
        ReactiveError::Overflow { key, by } => json!({"key": key, "by": by}),
        ReactiveError::Invalid { reason } | ReactiveError::Refused { reason } => {
            json!({"reason": reason})
        }
        _ => json!({}),
    };
    fields(detail)
}

fn fields(detail: Value) -> Map<String, Value> {
    match detail {
        Value::Object(detail) => detail,
        _ => unreachable!("each of them is an object"),
    }
}

/// A code by its word.
mod code_text {
    use super::{Deserialize, ErrorCode};
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(code: &ErrorCode, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(code.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ErrorCode, D::Error> {
        let word = String::deserialize(from)?;
        let known = ErrorCode::ALL.iter().find(|code| code.as_str() == word);
        known.copied().ok_or_else(|| D::Error::custom(format!("no error has the code {word:?}")))
    }
}

/// Whether anything changed, in a word.
mod changed_text {
    use super::{Changed, Deserialize};
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(changed: &Changed, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match changed {
            Changed::No => "no",
            Changed::Unknown => "unknown",
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Changed, D::Error> {
        match String::deserialize(from)?.as_str() {
            "no" => Ok(Changed::No),
            "unknown" => Ok(Changed::Unknown),
            other => Err(D::Error::custom(format!("changed is `no` or `unknown`, not {other:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use nexus_agent::{decode, encode};

    use super::*;

    fn check(error: ReactiveError, json: Value) {
        let error = RequestError::from(error);
        assert_eq!(serde_json::to_value(&error).expect("it is data"), json);
        assert_eq!(serde_json::from_value::<RequestError>(json).expect("reads back"), error);
        assert_eq!(decode::<RequestError>(&encode(&error)), Ok(error));
    }

    #[test]
    fn errors_look_as_the_interface_says() {
        check(
            ReactiveError::Conflict { key: "k".to_owned(), found: json!([1, null]) },
            json!({
                "code": "conflict", "message": "key \"k\" does not hold the expected value",
                "changed": "no", "retry": "refresh", "detail": {"key": "k", "found": [1, null]}
            }),
        );
        let source = serde_json::from_str::<u8>("-1").expect_err("no byte is negative");
        let message = format!("the arguments of add do not fit at `by`: {source}");
        check(
            ReactiveError::BadArgs { name: "add", path: "by".to_owned(), source },
            json!({
                "code": "bad_request", "message": message,
                "changed": "no", "retry": "no", "detail": {"path": "args.by", "name": "add"}
            }),
        );
        check(
            ReactiveError::BadKey { key_bytes: 2_000, key_bytes_max: 1_024 },
            json!({
                "code": "too_large",
                "message": "the key has 2000 bytes, must have between 1 and 1024",
                "changed": "no", "retry": "no",
                "detail": {"key_bytes": 2_000, "key_bytes_max": 1_024}
            }),
        );
    }

    #[test]
    fn a_path_into_a_list_reads_as_one() {
        for (path, told) in [("", "args"), ("a.b", "args.a.b"), ("[0]", "args[0]")] {
            assert_eq!(path_in_args(path), told);
        }
    }

    #[test]
    fn an_answer_looks_as_the_interface_says() {
        let answer = Answer { value: json!({"n": 0.1}), level: LevelUsed::REACTIVE };
        let json = json!({
            "value": {"n": 0.1},
            "level": {"asked": "reactive", "used": "reactive", "reason": null}
        });
        assert_eq!(serde_json::to_value(&answer).expect("it is data"), json);
        assert_eq!(decode::<Answer>(&encode(&answer)), Ok(answer));
    }
}
