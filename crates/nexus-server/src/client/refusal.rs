//! A node's own word on why it did not do what it was asked.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::Changed;
use crate::failure::Exit;
use crate::words::{clipped, printable};

/// Characters of a message that are shown. A guess: ten lines.
const MESSAGE_CHARS_MAX: usize = 800;
/// Characters of the details that are shown. A guess: ten lines.
const DETAIL_CHARS_MAX: usize = 800;

/// An error object, as every node answers it.
#[derive(Clone, PartialEq, Debug)]
pub struct Refusal {
    /// The status of HTTP.
    pub status: u16,
    /// Its name among the errors.
    pub code: String,
    /// What happened, in words.
    pub message: String,
    /// Whether anything was changed.
    pub changed: Changed,
    /// Whether trying again helps.
    pub retry: Retry,
    /// More, as JSON; empty if there is no more.
    pub detail: String,
    /// Seconds after which trying again makes sense, if the node says so.
    pub retry_after_s: Option<u64>,
}

/// Whether trying again helps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// After a pause.
    Later,
    /// After looking the agent up afresh.
    Refresh,
    /// The same again fails again.
    #[serde(other)]
    No,
}

#[derive(Deserialize)]
struct Document {
    error: Object,
}

#[derive(Deserialize)]
struct Object {
    code: String,
    message: String,
    #[serde(default = "unknown")]
    changed: Changed,
    #[serde(default = "no")]
    retry: Retry,
    #[serde(default)]
    detail: Value,
}

fn unknown() -> Changed {
    Changed::Unknown
}

fn no() -> Retry {
    Retry::No
}

impl Refusal {
    /// Reads an answer with this status; `None` if it is no node's error object.
    pub fn read(status: u16, text: &str, retry_after_s: Option<u64>) -> Option<Refusal> {
        let Object { code, message, changed, retry, detail } =
            serde_json::from_str::<Document>(text).ok()?.error;
        let empty = match &detail {
            Value::Null => true,
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        let detail = if empty { String::new() } else { detail.to_string() };
        Some(Refusal { status, code, message, changed, retry, detail, retry_after_s })
    }

    /// The exit code that stands for it.
    pub fn exit(&self) -> Exit {
        match self.code.as_str() {
            "bad_request" | "too_large" => Exit::Usage,
            "unauthorized" | "forbidden" => Exit::Environment,
            _ => Exit::Check,
        }
    }

    /// Whether the node may come round without anyone doing anything.
    pub fn may_pass(&self) -> bool {
        self.retry == Retry::Later || self.code == "shutting_down"
    }

    fn hint(&self) -> String {
        let known = match self.code.as_str() {
            "unauthorized" => "give a token with --token-file or NEXUS_TOKEN",
            "forbidden" => "use a token with a higher role (viewer, operator, admin)",
            "unknown_agent" => {
                "create it with `nexus agents create`, or list those there are with \
                 `nexus agents ls`"
            }
            "unknown_kind" => "`nexus status` lists the kinds of a node",
            "too_large" => "send less, or raise http.body_bytes_max at the node",
            "deadline" => "allow more time with --deadline-ms",
            "shutting_down" => "ask another node, or this one when it is back",
            _ => "",
        };
        match (known, self.retry, self.retry_after_s) {
            ("", Retry::Later, Some(seconds)) => format!("try again in {seconds} s"),
            ("", Retry::Later, None) => "try again after a pause".to_owned(),
            ("", Retry::Refresh, _) => {
                "look at it afresh with `nexus agents get`, then try again".to_owned()
            }
            ("", Retry::No, _) => "the same again fails again; see --help".to_owned(),
            (hint, ..) => hint.to_owned(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = clipped(&printable(&self.message), MESSAGE_CHARS_MAX);
        write!(f, "{message} ({}, {})", clipped(&printable(&self.code), 40), self.status)?;
        if !self.detail.is_empty() {
            write!(f, "\ndetails: {}", clipped(&printable(&self.detail), DETAIL_CHARS_MAX))?;
        }
        write!(f, "\n{}\n{}", self.changed, self.hint())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, exit: Exit, expected: &str) {
        let refusal = Refusal::read(400, text, None).expect(text);
        assert_eq!(refusal.exit(), exit);
        assert_eq!(refusal.to_string(), expected);
    }

    #[test]
    fn a_refusal_says_what_happened_what_changed_and_what_to_do() {
        check(
            r#"{"error":{"code":"bad_request","message":"no field `by`","changed":"no","retry":"no","detail":{"path":"args.by"}}}"#,
            Exit::Usage,
            "no field `by` (bad_request, 400)\ndetails: {\"path\":\"args.by\"}\n\
             nothing was changed\nthe same again fails again; see --help",
        );
        check(
            r#"{"error":{"code":"mailbox_full","message":"kv/1 is full","changed":"no","retry":"later","detail":{}}}"#,
            Exit::Check,
            "kv/1 is full (mailbox_full, 400)\nnothing was changed\ntry again after a pause",
        );
        check(
            r#"{"error":{"code":"unauthorized","message":"no token","changed":"no","retry":"no"}}"#,
            Exit::Environment,
            "no token (unauthorized, 400)\nnothing was changed\n\
             give a token with --token-file or NEXUS_TOKEN",
        );
        check(
            r#"{"error":{"code":"crashed","message":"the handler \u001b[31mpanicked","changed":"perhaps","retry":"?"}}"#,
            Exit::Check,
            "the handler \\u{1b}[31mpanicked (crashed, 400)\n\
             it is not known whether anything was changed\nthe same again fails again; see --help",
        );
    }

    #[test]
    fn anything_else_is_no_refusal() {
        for text in ["", "<html>", "{}", r#"{"error":"no"}"#, r#"{"error":{"code":1}}"#] {
            assert_eq!(Refusal::read(500, text, None), None, "{text}");
        }
    }
}
