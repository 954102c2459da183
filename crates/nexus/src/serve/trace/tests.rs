//! Traces against a collector that listens on loopback and does what the test says.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::queue::{BATCH_MAX, QUEUE_MAX};
use super::{Served, TraceCounts, TraceError, Tracer};

/// How long anything may take that takes no time. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector that gives `answers` in turn, then takes everything.
struct Collector {
    endpoint: String,
    bodies: Receiver<Value>,
}

impl Collector {
    fn start(answers: &[&str]) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let (seen, bodies) = channel();
        // Ends when the test does, with the process.
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                serve(stream.expect("a client came"), &mut answers, &seen);
            }
        });
        Collector { endpoint: format!("http://{address}"), bodies }
    }

    #[track_caller]
    fn body(&self) -> Value {
        self.bodies.recv_timeout(PATIENCE).expect("a batch arrives")
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, answers: &mut impl Iterator<Item = String>, seen: &Sender<Value>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be shared"));
    let mut writer = stream;
    while let Some((head, body)) = request(&mut reader) {
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("content-type: application/json\r\n"), "{head}");
        let body = serde_json::from_slice(&body).expect("the body is JSON");
        let answer = answers.next().unwrap_or_else(|| ok("{}"));
        let _ = seen.send(body);
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.expect("the body has a length").parse().expect("a number");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn start(endpoint: &str) -> Tracer {
    Tracer::start(endpoint, "shop", 1.0).expect("the address is in order")
}

fn served(status: u16, code: &'static str) -> Served<'static> {
    let route = "POST /v1/agents/{kind}/{key}";
    Served { route, kind: "cart", key: "42", message: "Add", status, code }
}

fn spans(body: &Value) -> &Vec<Value> {
    body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("there are spans")
}

/// An attribute's value by its name.
fn attribute<'a>(of: &'a Value, key: &str) -> &'a Value {
    let attributes = of["attributes"].as_array().expect("there are attributes");
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(&Value::Null, |attribute| &attribute["value"])
}

fn counts(sent: u64, dropped: u64, failed: u64) -> TraceCounts {
    TraceCounts { sent, dropped, failed, waiting: 0 }
}

/// The counts once nothing waits any more.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "tests on real threads wait by the real clock")]
fn settled(tracer: &Tracer) -> TraceCounts {
    let until = Instant::now() + PATIENCE;
    while tracer.counts().waiting > 0 {
        assert!(Instant::now() < until, "waited in vain for the collector");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    tracer.counts()
}

#[test]
fn a_span_arrives_with_all_that_is_known_of_it() {
    let collector = Collector::start(&[]);
    let tracer = start(&collector.endpoint);
    let span = tracer.begin(Some(CALLER));
    let here = span.traceparent().expect("it has a trace").to_bytes();
    let here = String::from_utf8(here.to_vec()).expect("it is ASCII");
    span.end(served(500, "crashed"));
    let body = collector.body();
    let resource = &body["resourceSpans"][0]["resource"];
    assert_eq!(attribute(resource, "service.name"), &json!({"stringValue": "shop"}));
    let [span] = &spans(&body)[..] else { panic!("one span: {body}") };
    assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(span["spanId"], here[36..52]);
    assert_eq!(&here[..36], &CALLER[..36]);
    assert_eq!(&here[52..], "-01");
    assert_eq!(span["name"], "POST /v1/agents/{kind}/{key}");
    assert_eq!(span["kind"], 2);
    assert_eq!(span["status"], json!({"code": 2}));
    for (key, value) in [
        ("http.request.method", json!({"stringValue": "POST"})),
        ("http.route", json!({"stringValue": "/v1/agents/{kind}/{key}"})),
        ("http.response.status_code", json!({"intValue": "500"})),
        ("nexus.kind", json!({"stringValue": "cart"})),
        ("nexus.key", json!({"stringValue": "42"})),
        ("nexus.message", json!({"stringValue": "Add"})),
        ("error.type", json!({"stringValue": "crashed"})),
    ] {
        assert_eq!(attribute(span, key), &value, "{key}");
    }
    let nanos =
        |name: &str| span[name].as_str().expect("a string").parse::<u64>().expect("a number");
    let (start, end) = (nanos("startTimeUnixNano"), nanos("endTimeUnixNano"));
    // Between the years 2020 and 2262, and in order.
    assert!((1_577_836_800_000_000_000..=end).contains(&start));
    assert!(end < start + PATIENCE.as_nanos() as u64);
    assert_eq!(tracer.shutdown(PATIENCE), counts(1, 0, 0));
}

#[test]
fn a_request_without_a_trace_begins_one() {
    let collector = Collector::start(&[]);
    let tracer = start(&collector.endpoint);
    for given in [None, Some("nonsense"), Some("")] {
        tracer.begin(given).end(served(200, ""));
    }
    let mut found = Vec::new();
    while found.len() < 3 {
        found.extend(spans(&collector.body()).clone());
    }
    for span in &found {
        assert!(span.get("parentSpanId").is_none(), "{span}");
        assert_eq!(span["status"], json!({}));
        assert_eq!(attribute(span, "error.type"), &Value::Null);
    }
    assert_ne!(found[0]["traceId"], found[1]["traceId"]);
}

#[test]
fn a_request_given_up_is_recorded_as_that() {
    let collector = Collector::start(&[]);
    let tracer = start(&collector.endpoint);
    drop(tracer.begin(Some(CALLER)));
    let body = collector.body();
    let span = &spans(&body)[0];
    assert_eq!(attribute(span, "error.type"), &json!({"stringValue": "cancelled"}));
    assert_eq!(attribute(span, "http.response.status_code"), &Value::Null);
    assert_eq!(span["status"], json!({"code": 2}));
}

#[test]
fn what_the_caller_does_not_record_is_not_recorded_here() {
    let collector = Collector::start(&[]);
    let tracer = start(&collector.endpoint);
    let unsampled = CALLER.replace("-01", "-00");
    let span = tracer.begin(Some(&unsampled));
    let here = span.traceparent().expect("the trace goes on");
    assert!(!here.is_sampled());
    assert_eq!(here.trace_id().get(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
    span.end(served(200, ""));
    assert_eq!(tracer.counts(), counts(0, 0, 0));
}

#[test]
fn a_share_of_nothing_sends_nothing() {
    let tracer = Tracer::start("http://127.0.0.1:1", "shop", 0.0).expect("nothing is connected");
    for _ in 0..100 {
        tracer.begin(None).end(served(200, ""));
    }
    assert_eq!(tracer.counts(), counts(0, 0, 0));
}

#[test]
fn without_a_collector_a_trace_is_passed_on_as_it_came() {
    let tracer = Tracer::off();
    assert_eq!(tracer.begin(None).traceparent(), None);
    assert_eq!(tracer.begin(Some("nonsense")).traceparent(), None);
    let span = tracer.begin(Some(CALLER));
    assert_eq!(
        span.traceparent().map(|here| here.to_bytes()).as_ref().map(|b| &b[..]),
        Some(CALLER.as_bytes())
    );
    span.end(served(200, ""));
    assert_eq!(tracer.counts(), counts(0, 0, 0));
    assert_eq!(tracer.shutdown(Duration::ZERO), counts(0, 0, 0));
}

#[test]
fn a_busy_collector_is_asked_again() {
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    let collector = Collector::start(&[busy, busy]);
    let tracer = start(&collector.endpoint);
    tracer.begin(None).end(served(200, ""));
    let first = collector.body();
    assert_eq!(collector.body(), first);
    assert_eq!(collector.body(), first);
    assert_eq!(tracer.shutdown(PATIENCE), counts(1, 0, 0));
}

#[test]
fn a_collector_that_refuses_is_not_asked_again() {
    let refused = "HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nno!";
    let collector = Collector::start(&[refused]);
    let tracer = start(&collector.endpoint);
    tracer.begin(None).end(served(200, ""));
    let first = collector.body();
    assert_eq!(settled(&tracer), counts(0, 0, 1));
    assert!(collector.bodies.try_recv().is_err(), "{first} came twice");
}

#[test]
fn redirects_are_not_followed() {
    let moved = "HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let collector = Collector::start(&[moved]);
    let tracer = start(&collector.endpoint);
    tracer.begin(None).end(served(200, ""));
    collector.body();
    assert_eq!(settled(&tracer), counts(0, 0, 1));
}

#[test]
fn spans_that_a_collector_rejects_are_counted() {
    let partly = ok(r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}"#);
    let collector = Collector::start(&[&partly]);
    let tracer = start(&collector.endpoint);
    tracer.begin(None).end(served(200, ""));
    assert_eq!(tracer.shutdown(PATIENCE), counts(0, 0, 1));
    collector.body();
}

#[test]
fn shutdown_sends_what_waits() {
    let collector = Collector::start(&[]);
    let tracer = start(&collector.endpoint);
    let many = 3 * BATCH_MAX + 7;
    for _ in 0..many {
        tracer.begin(None).end(served(200, ""));
    }
    assert_eq!(tracer.shutdown(PATIENCE), counts(many as u64, 0, 0));
    let mut arrived = 0;
    while arrived < many {
        let batch = spans(&collector.body()).len();
        assert!(batch <= BATCH_MAX);
        arrived += batch;
    }
}

/// A collector that takes connections and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    (listener, endpoint)
}

#[test]
fn requests_do_not_wait_for_a_silent_collector() {
    let (_listener, endpoint) = silent();
    let tracer = start(&endpoint);
    let many = (QUEUE_MAX + 3 * BATCH_MAX) as u64;
    for _ in 0..many {
        tracer.begin(None).end(served(200, ""));
    }
    let TraceCounts { sent, dropped, failed, waiting } = tracer.counts();
    assert_eq!((sent, failed), (0, 0));
    assert!(dropped > 0, "the queue is bounded");
    assert_eq!(dropped + waiting, many);
    assert!(waiting <= (QUEUE_MAX + BATCH_MAX) as u64);
}

#[test]
fn a_silent_collector_does_not_hold_up_a_shutdown() {
    let (_listener, endpoint) = silent();
    let tracer = start(&endpoint);
    tracer.begin(None).end(served(200, ""));
    let late = tracer.begin(None);
    let queue = tracer.sending.as_ref().expect("it is on").queue.clone();
    let TraceCounts { sent, waiting, .. } = tracer.shutdown(Duration::from_millis(50));
    assert_eq!(sent, 0);
    assert!(waiting <= 1);
    // Who ends later is refused, and waits for nothing either.
    let before = queue.counts().dropped;
    late.end(served(200, ""));
    assert_eq!(queue.counts().dropped, before + 1);
}

#[test]
fn a_collector_that_is_not_there_costs_its_spans_and_no_more() {
    let (listener, endpoint) = silent();
    drop(listener);
    let tracer = start(&endpoint);
    tracer.begin(None).end(served(200, ""));
    // Shutting down there is no second try.
    assert_eq!(tracer.shutdown(PATIENCE), counts(0, 0, 1));
}

#[test]
fn what_cannot_be_meant_is_refused_at_the_start() {
    assert!(matches!(Tracer::start("nowhere", "shop", 1.0), Err(TraceError::Endpoint { .. })));
    assert!(matches!(Tracer::start("http://a", "shop", 2.0), Err(TraceError::Sample(_))));
}
