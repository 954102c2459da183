//! Spans as JSON, in the form that collectors take, and what they answer.
//!
//! # Source
//! OpenTelemetry protocol 1.x, "OTLP/HTTP, JSON Protobuf encoding": ids are hex
//! digits there, and integers of 64 bits are strings.

use serde::{Deserialize, Serialize};

use super::span::Record;

/// The instrumentation that made the spans.
const SCOPE: &str = "nexus";

/// `SPAN_KIND_SERVER`.
const KIND_SERVER: u8 = 2;

/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: u8 = 2;

/// The first status that is a failure of ours; those before are the caller's affair.
const SERVER_ERROR: u16 = 500;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: Vec<Attribute<'a>>,
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<Span<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
    flags: u8,
    name: &'static str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute<'a>>,
    status: Status,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'static str,
    value: Value<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Value<'a> {
    StringValue(&'a str),
    IntValue(String),
}

#[derive(Serialize)]
struct Status {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
}

/// The body of a request that carries `records` in the name of `service`.
pub(crate) fn encode(service: &str, records: &[Record]) -> Vec<u8> {
    let attributes = vec![
        text("service.name", service),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("telemetry.sdk.name", SCOPE),
        text("telemetry.sdk.language", "rust"),
    ];
    let scope = Scope { name: SCOPE, version: env!("CARGO_PKG_VERSION") };
    let spans = records.iter().map(span).collect();
    let resource = Resource { attributes };
    let spans = ResourceSpans { resource, scope_spans: [ScopeSpans { scope, spans }] };
    let request = Request { resource_spans: [spans] };
    serde_json::to_vec(&request).expect("texts and numbers can be written as JSON")
}

fn span(record: &Record) -> Span<'_> {
    let failed = record.status >= SERVER_ERROR || record.status == 0;
    Span {
        trace_id: format!("{:032x}", record.here.trace_id()),
        span_id: format!("{:016x}", record.here.span_id()),
        parent_span_id: record.parent.map(|parent| format!("{parent:016x}")),
        flags: u8::from(record.here.is_sampled()),
        name: record.route,
        kind: KIND_SERVER,
        start_time_unix_nano: record.start_ns.to_string(),
        end_time_unix_nano: record.end_ns.to_string(),
        attributes: attributes(record),
        status: Status { code: failed.then_some(STATUS_ERROR) },
    }
}

/// OpenTelemetry's names where it has some, ours where it has none.
fn attributes(record: &Record) -> Vec<Attribute<'_>> {
    let route = record.route.split_once(' ');
    let texts = [
        ("http.request.method", route.map_or("", |(method, _)| method)),
        ("http.route", route.map_or("", |(_, route)| route)),
        ("nexus.kind", &record.kind),
        ("nexus.key", &record.key),
        ("nexus.message", &record.message),
        ("error.type", record.code),
    ];
    let given = texts.into_iter().filter(|(_, value)| !value.is_empty());
    let mut attributes: Vec<Attribute<'_>> = given.map(|(key, value)| text(key, value)).collect();
    if record.status != 0 {
        let value = Value::IntValue(record.status.to_string());
        attributes.push(Attribute { key: "http.response.status_code", value });
    }
    attributes
}

fn text<'a>(key: &'static str, value: &'a str) -> Attribute<'a> {
    Attribute { key, value: Value::StringValue(value) }
}

/// The answer of a collector that took the request, perhaps not all of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    partial_success: Partial,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Partial {
    rejected_spans: Number,
    error_message: String,
}

/// A string by the rules of the encoding; some collectors write a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Number {
    Text(String),
    Number(u64),
}

impl Default for Number {
    fn default() -> Number {
        Number::Number(0)
    }
}

/// How many spans a collector did not take, and why. Unreadable: it said nothing.
pub(crate) fn rejected(answer: &[u8]) -> (u64, String) {
    let Partial { rejected_spans, error_message } =
        serde_json::from_slice::<Answer>(answer).unwrap_or_default().partial_success;
    let rejected = match rejected_spans {
        Number::Text(text) => text.parse().unwrap_or(0),
        Number::Number(number) => number,
    };
    (rejected, error_message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_rejects_is_read() {
        let check = |answer: &str| rejected(answer.as_bytes());
        assert_eq!(check("{}"), (0, String::new()));
        assert_eq!(check(""), (0, String::new()));
        assert_eq!(check("not JSON"), (0, String::new()));
        assert_eq!(check(r#"{"partialSuccess":{}}"#), (0, String::new()));
        let text = r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
        assert_eq!(check(text), (3, "too old".to_owned()));
        assert_eq!(check(r#"{"partialSuccess":{"rejectedSpans":2}}"#), (2, String::new()));
    }
}
