//! Following events, against canned streams.

use super::*;
use crate::client::canned::{Canned, Reply, events, json};
use crate::failure::Exit;

/// Follows what `replies` bring; what was printed and how it ended.
fn follow(
    replies: Vec<Reply>,
    after: Option<u64>,
    format: OutputFormat,
) -> (Canned, String, Result<(), Failure>) {
    let canned = Canned::start(replies);
    let client = Client::new(&canned.args()).expect("sound");
    let mut printed = Vec::new();
    let follow = Follow { client, path: Path::new("/v1/events").query("follow", "1"), format };
    let interrupt = Interrupt::default();
    let result = follow.run(after, Pace::HASTY, &interrupt, &mut Output::new(&mut printed));
    (canned, String::from_utf8(printed).expect("text"), result)
}

fn frame(seq: u64) -> String {
    format!(
        "id: {seq}\nevent: agent.started\ndata: {{\"seq\":{seq},\"at_s\":{seq}.5,\
         \"name\":\"agent.started\",\"agent\":\"kv/{seq}\",\"detail\":\"\"}}\n\n"
    )
}

const GONE: &str =
    r#"{"error":{"code":"forbidden","message":"no more","changed":"no","retry":"no","detail":{}}}"#;

#[test]
fn a_broken_stream_goes_on_after_the_last_event() {
    let replies = vec![
        Reply::Bytes(events(&format!("{}{}id: 9\ndata: {{\"cut", frame(1), frame(2)))),
        Reply::Bytes(events(&frame(3))),
        Reply::Bytes(json("403 Forbidden", GONE)),
    ];
    let (canned, printed, result) = follow(replies, None, OutputFormat::Text);
    let expected = "      1.500 s  agent.started  kv/1\n      2.500 s  agent.started  kv/2\n\
                    \u{20}     3.500 s  agent.started  kv/3\n";
    assert_eq!(printed, expected);
    assert!(canned.request().starts_with("GET /v1/events?follow=1 HTTP"));
    let second = canned.request().to_lowercase();
    assert!(second.starts_with("get /v1/events?follow=1&after=2 http"), "{second}");
    assert!(second.contains("\r\nlast-event-id: 2\r\n"), "{second}");
    assert!(canned.request().contains("after=3"));
    assert_eq!(result.expect_err("refused at last").exit(), Exit::Environment);
}

#[test]
fn rows_are_printed_as_they_come_and_lost_ones_are_not_rows() {
    let lines = format!("event: lagged\ndata: {{\"missed\":3}}\n\n{}", frame(7));
    let replies = vec![Reply::Bytes(events(&lines)), Reply::Bytes(json("403 Forbidden", GONE))];
    let (_, printed, _) = follow(replies, Some(5), OutputFormat::Json);
    let expected =
        "{\"seq\":7,\"at_s\":7.5,\"name\":\"agent.started\",\"agent\":\"kv/7\",\"detail\":\"\"}\n";
    assert_eq!(printed, expected);
}

#[test]
fn the_tries_have_an_end() {
    let replies = (0..10).map(|_| Reply::Bytes(events(""))).collect();
    let (canned, printed, result) = follow(replies, Some(4), OutputFormat::Text);
    for _ in 0..10 {
        assert!(canned.request().contains("after=4"));
    }
    let failure = result.expect_err("lost");
    assert_eq!((failure.exit(), printed.as_str()), (Exit::Environment, ""));
    let text = failure.chain();
    assert!(
        text.starts_with("the stream of events broke 10 times in a row: the node ended it\n"),
        "{text}"
    );
    assert!(text.contains("--after 4"), "{text}");
}

#[test]
fn a_first_stream_that_does_not_begin_is_no_reason_to_wait() {
    let replies = vec![Reply::Bytes(json("502 Bad Gateway", ""))];
    let (_, _, result) = follow(replies, None, OutputFormat::Text);
    assert!(matches!(result, Err(Failure::Client(_))));
}

#[test]
fn an_interrupt_ends_a_stream_that_is_silent() {
    let canned = Canned::start(vec![Reply::Held(events(": hi\n"))]);
    let client = Client::new(&canned.args()).expect("sound");
    let follow = Follow { client, path: Path::new("/v1/events"), format: OutputFormat::Text };
    let interrupt = Interrupt::default();
    interrupt.ask();
    let mut output = Output::new(Vec::new());
    let result = follow.run(None, Pace::HASTY, &interrupt, &mut output);
    let failure = result.expect_err("interrupted");
    assert_eq!(failure.exit(), Exit::Interrupted);
}

#[test]
fn a_reader_that_leaves_ends_it() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let canned = Canned::start(vec![Reply::Held(events(&frame(1)))]);
    let client = Client::new(&canned.args()).expect("sound");
    let follow = Follow { client, path: Path::new("/v1/events"), format: OutputFormat::Json };
    let result = follow.run(None, Pace::HASTY, &Interrupt::default(), &mut Output::new(Gone));
    assert!(result.is_ok());
}

#[test]
fn a_page_of_events_reads_well() {
    let body = r#"{"events":[{"seq":1,"at_s":0.5,"name":"node.started","agent":null,"detail":"x"},
        {"seq":2,"at_s":null,"name":"odd"}],"next":2}"#;
    let canned = Canned::json(body);
    let client = Client::new(&canned.args()).expect("sound");
    let answer = client.get(&Path::new("/v1/events")).expect("an answer");
    let text = lines(&answer, OutputFormat::Text).expect("events");
    assert_eq!(text, "      0.500 s  node.started  x\n            –  odd\n");
    let rows = lines(&answer, OutputFormat::Json).expect("events");
    assert_eq!(rows.lines().count(), 2);
    assert!(rows.starts_with(r#"{"seq":1,"#), "{rows}");
}
