//! What the client promises, against canned answers.

mod secure;

use std::net::TcpListener;

use super::canned::{Canned, Reply, events, json};
use super::sse::Item;
use super::*;
use crate::failure::{Exit, Failure};

fn status() -> Path {
    Path::new("/v1/status")
}

fn client(canned: &Canned) -> Client {
    Client::new(&canned.args()).expect("the arguments are sound")
}

/// What getting the status from something that answers `bytes` comes to.
fn get(bytes: impl Into<Vec<u8>>) -> Result<Answer, ClientError> {
    let canned = Canned::start(vec![Reply::Bytes(bytes.into())]);
    client(&canned).get(&status())
}

#[track_caller]
fn check_error(error: ClientError, exit: Exit, parts: &[&str]) {
    assert_eq!(error.exit(), exit, "{error}");
    let text = Failure::Client(error).chain();
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn a_request_says_who_asks_and_what() {
    let canned = Canned::json(r#"{"value":1}"#);
    let mut args = canned.args();
    args.token = Some(Token::from("secret".to_owned()));
    let client = Client::new(&args).expect("sound");
    let path = Path::agent(&"kv/a b".parse().expect("a name"));
    let answer = client.post(&path, "{}".to_owned(), Some("key-1")).expect("an answer");
    assert_eq!(answer.line().expect("JSON"), "{\"value\":1}\n");
    let request = canned.request();
    let request = request.to_lowercase();
    assert!(request.starts_with("post /v1/agents/kv/a%20b http/1.1\r\n"), "{request}");
    for header in
        ["authorization: bearer secret", "idempotency-key: key-1", "content-type: application/json"]
    {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{request}");
    }
    assert!(request.ends_with("\r\n\r\n{}"), "{request}");
    assert!(!format!("{client:?}").contains("secret"));
}

#[test]
fn an_empty_body_is_sent_as_such() {
    let canned = Canned::start(vec![Reply::Bytes(json("201 Created", "{}"))]);
    let answer = client(&canned).put(&Path::new("/v1/agents/kv/1"), String::new());
    assert!(answer.expect("an answer").is_created());
    let request = canned.request().to_lowercase();
    assert!(request.contains("\r\ncontent-length: 0\r\n"), "{request}");
}

#[test]
fn deleting_and_replays_come_through() {
    let bytes = "HTTP/1.1 200 OK\r\nIdempotency-Replayed: true\r\nContent-Length: 16\r\n\r\n{\"stopped\":true}";
    let canned = Canned::start(vec![Reply::Bytes(bytes.into())]);
    let answer = client(&canned).delete(&Path::new("/v1/agents/kv/1")).expect("an answer");
    assert!(answer.is_replayed() && !answer.is_created());
    assert!(canned.request().starts_with("DELETE "));
}

#[test]
fn chunked_bodies_are_put_together() {
    let body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                5\r\n{\"nod\r\n8;x=y\r\ne\":\"n1\"}\r\n0\r\n\r\n";
    let status: Status = get(body).expect("an answer").read().expect("a status");
    assert_eq!(status.node, "n1");
}

#[test]
fn an_answer_of_several_lines_is_printed_on_one() {
    let answer = get(json("200 OK", "{\r\n  \"a\": 1\n}\n")).expect("an answer");
    assert_eq!(answer.line().expect("JSON"), "{    \"a\": 1 }\n");
}

#[test]
fn a_refusal_comes_through() {
    let body = r#"{"error":{"code":"unknown_agent","message":"there is no agent kv/1","changed":"no","retry":"no","detail":{}}}"#;
    check_error(
        get(json("404 Not Found", body)).expect_err("refused"),
        Exit::Check,
        &["there is no agent kv/1 (unknown_agent, 404)\nnothing was changed\ncreate it with"],
    );
    let head = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nConnection: close\r\n\r\n";
    let body = r#"{"error":{"code":"mailbox_full","message":"full","changed":"no","retry":"later","detail":{}}}"#;
    let error = get(format!("{head}{body}")).expect_err("refused");
    assert!(error.may_pass());
    check_error(error, Exit::Check, &["try again in 7 s"]);
}

#[test]
fn what_is_no_node_is_said_to_be_none() {
    for bytes in [
        json("200 OK", "<html>hello</html>"),
        json("200 OK", ""),
        json("200 OK", "[1, 2"),
        json("502 Bad Gateway", "<html>"),
        json("404 Not Found", "{\"error\":\"nothing here\"}"),
        json("301 Moved Permanently", ""),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe".to_vec(),
    ] {
        let error = get(bytes).and_then(|answer| answer.read::<Status>()).expect_err("no node");
        let parts = ["does not answer as a node", "nothing was changed", "--url"];
        check_error(error, Exit::Environment, &parts);
    }
}

#[test]
fn garbage_and_half_answers_are_errors() {
    for bytes in [
        &b"\x15\x03\x01\x00\x02\x02\x16"[..],
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"hello there\r\n\r\n",
        &[b'a'; 100_000],
    ] {
        let error = get(bytes).expect_err("garbage");
        check_error(error, Exit::Environment, &["no answer from the node at http://127.0.0.1:"]);
    }
}

#[test]
fn a_broken_answer_to_a_write_leaves_open_whether_it_happened() {
    for bytes in [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec(), json("200 OK", "{")] {
        let canned = Canned::start(vec![Reply::Bytes(bytes)]);
        let answer = client(&canned).put(&Path::new("/v1/agents/kv/1"), String::new());
        let error = answer.and_then(|answer| answer.line()).expect_err("it broke");
        check_error(error, Exit::Environment, &["it is not known whether anything was changed"]);
    }
}

#[test]
fn an_answer_has_an_end() {
    let length = ANSWER_BYTES_MAX + 1;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let body = vec![b' '; length as usize];
    let error = get([head.into_bytes(), body].concat()).expect_err("too long");
    check_error(error, Exit::Environment, &["longer than 67108864 bytes", "--limit"]);
}

#[test]
fn where_nobody_listens_nothing_is_changed() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    drop(listener);
    let mut args = Canned::json("").args();
    args.url = format!("http://{address}");
    let client = Client::new(&args).expect("sound");
    let error = client.post(&status(), String::new(), None).expect_err("nobody listens");
    assert!(error.may_pass());
    let parts = ["no answer from the node at", "refused", "nothing was changed", "nexus serve"];
    check_error(error, Exit::Environment, &parts);
}

#[test]
fn a_node_that_is_silent_is_given_up_on() {
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let canned = Canned::start(vec![Reply::Held(begun.into())]);
        let mut args = canned.args();
        args.timeout = Some(Duration::from_millis(50));
        let client = Client::new(&args).expect("sound");
        let error = client.put(&status(), String::new()).expect_err("it is silent");
        let parts = ["no answer in time", "it is not known whether", "--timeout"];
        check_error(error, Exit::Environment, &parts);
    }
}

#[test]
fn a_redirection_does_not_lead_the_token_elsewhere() {
    let elsewhere = Canned::json("{}");
    let bytes = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.url()
    );
    check_error(get(bytes).expect_err("not followed"), Exit::Environment, &["status 307"]);
}

#[test]
fn options_of_tls_need_tls_and_files_that_hold_what_they_should() {
    let mut args = Canned::json("").args();
    args.ca = Some("no/such/ca.pem".into());
    let error = Client::new(&args).expect_err("not secure");
    check_error(error, Exit::Usage, &["--ca is given, but", "http://", "nothing was sent"]);
    args.url = "https://127.0.0.1:1".to_owned();
    let error = Client::new(&args).expect_err("no file");
    check_error(error, Exit::Environment, &["cannot read no/such/ca.pem for --ca"]);
    args.ca = Some("Cargo.toml".into());
    let error = Client::new(&args).expect_err("no certificate");
    check_error(error, Exit::Usage, &["Cargo.toml for --ca holds no certificate"]);
}

#[test]
fn plain_http_behind_https_is_told_apart() {
    let canned = Canned::start(vec![Reply::Blunt(json("400 Bad Request", ""))]);
    let mut args = canned.args();
    args.url = args.url.replace("http://", "https://");
    let error = Client::new(&args).expect("sound").put(&status(), String::new());
    let error = error.expect_err("no TLS");
    check_error(error, Exit::Environment, &["TLS: ", "nothing was changed", "try http://"]);
}

#[test]
fn tls_behind_plain_http_is_told_apart() {
    let alert = b"\x15\x03\x01\x00\x02\x02\x16";
    check_error(get(alert).expect_err("TLS"), Exit::Environment, &["try https://"]);
}

#[test]
fn events_are_followed_from_where_they_were_left() {
    let canned = Canned::start(vec![Reply::Bytes(events(": hi\n\nid: 8\ndata: {}\n\n"))]);
    let mut stream = client(&canned).follow(&Path::new("/v1/events"), Some(7)).expect("a stream");
    let request = canned.request().to_lowercase();
    assert!(request.contains("\r\nlast-event-id: 7\r\n"), "{request}");
    assert!(request.contains("\r\naccept: text/event-stream\r\n"), "{request}");
    assert_eq!(stream.next().expect("sound"), Some(Item::Alive));
    assert!(
        matches!(stream.next().expect("sound"), Some(Item::Frame(frame)) if frame.id == Some(8))
    );
    assert_eq!(stream.next().expect("sound"), None);
}

#[test]
fn an_answer_that_is_no_stream_is_not_followed() {
    let canned = Canned::json("{\"events\":[]}");
    let error = client(&canned).follow(&Path::new("/v1/events"), None).map(|_| ());
    let parts = ["no stream of events", "nothing was changed"];
    check_error(error.expect_err("no stream"), Exit::Environment, &parts);
}
