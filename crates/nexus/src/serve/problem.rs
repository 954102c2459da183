//! Why a request was not done, as clients are told.

use http::StatusCode;
use nexus_agent::{AskError, BadArgs, Changed, ErrorCode, SpawnError};
use serde_json::{Value, json};

use super::route::NoRoute;
use crate::reactive::path_in_args;
use crate::{RequestError, Retry};

/// What stands under `error` in an answer, and the status that goes with it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) changed: Changed,
    pub(super) retry: Retry,
    pub(super) detail: Value,
    /// Methods there are, where the one used is not among them.
    pub(super) allow: Option<&'static str>,
    /// Whether the system has counted it among its errors.
    pub(super) counted: bool,
}

impl Problem {
    /// A problem with nothing changed and no use in trying again.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Problem {
        Problem {
            status: status(code),
            code,
            message: message.into(),
            changed: Changed::No,
            retry: Retry::after(code),
            detail: json!({}),
            allow: None,
            counted: false,
        }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Problem {
        Problem::new(ErrorCode::BadRequest, message)
    }

    pub(super) fn detail(self, detail: Value) -> Problem {
        Problem { detail, ..self }
    }

    pub(super) fn retry(self, retry: Retry) -> Problem {
        Problem { retry, ..self }
    }

    pub(super) fn status(self, status: StatusCode) -> Problem {
        Problem { status, ..self }
    }

    /// The same, of what the system has counted.
    pub(super) fn counted(self) -> Problem {
        Problem { counted: true, ..self }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"error": {
            "code": self.code.as_str(),
            "message": brief(&self.message),
            "changed": match self.changed { Changed::No => "no", Changed::Unknown => "unknown" },
            "retry": self.retry,
            "detail": brief_values(&self.detail),
        }})
    }
}

/// Characters of a text in an answer, at most: what is wrong may repeat what
/// the client sent, which may be long. A guess at what people still read.
const TEXT_CHARS_MAX: usize = 1_000;

fn brief(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn brief_values(detail: &Value) -> Value {
    let Value::Object(fields) = detail else { return detail.clone() };
    let brief = |value: &Value| match value {
        Value::String(text) => Value::String(brief(text)),
        other => other.clone(),
    };
    fields.iter().map(|(name, value)| (name.clone(), brief(value))).collect()
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound | ErrorCode::UnknownAgent | ErrorCode::UnknownKind => {
            StatusCode::NOT_FOUND
        }
        ErrorCode::Conflict | ErrorCode::Cycle => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::MailboxFull => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::ShuttingDown | ErrorCode::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Deadline => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Problem {
        // The system has counted it when it gave it to us.
        Problem::from(RequestError::from(error)).counted()
    }
}

impl From<SpawnError> for Problem {
    fn from(error: SpawnError) -> Problem {
        Problem::new(error.code(), error.to_string()).counted()
    }
}

impl From<BadArgs> for Problem {
    fn from(error: BadArgs) -> Problem {
        let path = path_in_args(&error.path);
        let detail = json!({"message": error.message, "path": path, "reason": error.reason});
        Problem::bad_request(error.to_string()).detail(detail)
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Problem {
        Problem {
            changed: error.changed,
            retry: error.retry,
            ..Problem::new(error.code, error.message).detail(Value::Object(error.detail))
        }
    }
}

impl From<NoRoute> for Problem {
    fn from(no: NoRoute) -> Problem {
        match no {
            NoRoute::NotFound => {
                Problem::new(ErrorCode::NotFound, "there is nothing here; see /openapi.json")
            }
            NoRoute::Method(allow) => Problem {
                allow: Some(allow),
                ..Problem::bad_request(format!("this address takes {allow}"))
                    .status(StatusCode::METHOD_NOT_ALLOWED)
            },
            NoRoute::Encoding => {
                Problem::bad_request("a percent-encoded part of the path is no UTF-8")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_run_is_not_to_be_repeated_blindly() {
        let problem = Problem::from(AskError::Stopped { changed: Changed::Unknown });
        assert_eq!((problem.changed, problem.retry), (Changed::Unknown, Retry::Refresh));
        let problem = Problem::from(AskError::MailboxFull { len_max: 7 });
        assert_eq!(problem.status, StatusCode::TOO_MANY_REQUESTS);
        let text = problem.to_json();
        assert_eq!(text["error"]["code"], "mailbox_full");
        assert_eq!(text["error"]["retry"], "later");
        assert_eq!(text["error"]["detail"], json!({"len_max": 7}));
    }
}
