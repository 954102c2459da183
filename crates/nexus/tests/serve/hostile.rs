//! What is thrown at the port, and the answer it gives. After each of these the
//! node does what it is there for. `docs/security.md` lists them by name.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Answer, Client, Served, connect, eventually, finish, ms, now, request, resident_bytes, serve,
    serve_with,
};

/// What memory may grow by while other tests run in the same process.
const GROWTH_MAX: u64 = 96 << 20;

/// Tests that measure memory, one after the other.
fn measured() -> MutexGuard<'static, ()> {
    static MEASURED: Mutex<()> = Mutex::new(());
    MEASURED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn is_bounded(before: u64) {
    let growth = resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_MAX, "memory grew by {} MiB", growth >> 20);
}

/// A node that waits for nobody.
fn impatient() -> Served {
    serve_with(|settings| {
        settings.http.header_timeout = ms(300);
        settings.http.body_timeout = ms(300);
        settings.http.idle_timeout = ms(600);
    })
}

/// What the node answers to these bytes, if it does, before it ends the connection.
#[track_caller]
fn reply(served: &Served, bytes: impl AsRef<[u8]>) -> Option<Answer> {
    let mut client = served.client();
    client.say(bytes);
    client.answer_or_end("GET")
}

#[track_caller]
fn status(served: &Served, bytes: impl AsRef<[u8]>) -> u16 {
    reply(served, bytes).map_or(0, |answer| answer.status)
}

/// Says one byte after the other until the node has had enough.
fn drip(client: &mut Client, bytes: &[u8]) {
    let until = now() + Duration::from_secs(10);
    for byte in bytes.iter().cycle() {
        if !client.say([*byte]) {
            return;
        }
        assert!(now() < until, "the node listens for ever");
        std::thread::park_timeout(ms(20));
    }
}

#[test]
fn a_head_that_drips() {
    let served = impatient();
    let mut client = served.client();
    client.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\n");
    drip(&mut client, b"X-A: b\r\n");
    assert!(served.metric("nexus_http_refused_total{reason=\"slow\"") >= 1.0);
    served.is_well();
}

#[test]
fn a_body_that_drips() {
    let served = impatient();
    served.create("kv/1");
    let mut client = served.client();
    client.say("POST /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n");
    drip(&mut client, b" ");
    let answer = client.answer_or_end("POST").expect("it is told");
    answer.fails(408, "bad_request", "no", "later");
    client.end();
    served.is_well();
}

#[test]
fn a_body_that_never_comes() {
    let served = impatient();
    let mut client = served.client();
    client.say("PUT /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
    client.answer().fails(408, "bad_request", "no", "later");
    assert_eq!(client.end(), b"");
    served.is_well();
}

#[test]
fn no_bytes_at_all() {
    let served = impatient();
    let begun = now();
    assert_eq!(served.client().end(), b"");
    assert!(begun.elapsed() >= ms(500), "browsers connect before they ask");
    served.is_well();
}

#[test]
fn a_client_that_ends_its_side_and_listens() {
    let served = serve();
    let stream = connect(served.address);
    let mut client = Client::over(stream.try_clone().expect("it is a socket"));
    client.say(request("GET", "/healthz", &[], ""));
    finish(&stream);
    // Who says good-bye is gone, whatever it asked for before.
    client.end();
    let stream = connect(served.address);
    let mut client = Client::over(stream.try_clone().expect("it is a socket"));
    client.say("GET /healthz HTTP/1.1\r\nHost:");
    finish(&stream);
    client.end();
    served.is_well();
}

#[test]
fn a_client_that_vanishes_in_the_middle() {
    let served = serve();
    served.create("gated/1");
    let connections = || served.get("/v1/status").json()["connections"].as_u64();
    for text in [
        "POST /v1/agents/gated/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"
            .to_owned(),
        "GET /heal".to_owned(),
        request("POST", "/v1/agents/gated/1", &[], r#"{"type":"message","name":"pass"}"#),
        request("GET", "/v1/events?follow=1", &[], ""),
    ] {
        let stream = connect(served.address);
        reset_on_close(&stream);
        (&stream).write_all(text.as_bytes()).expect("it is heard");
        eventually("it is seen", || connections() >= Some(2));
        drop(stream);
        eventually("its place is free", || connections() == Some(1));
    }
    served.is_well();
}

/// Closes without good-bye: what is not read is thrown away, and the other side
/// is told that nobody is here.
fn reset_on_close(stream: &TcpStream) {
    let socket = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
    socket.expect("it is a socket");
}

#[test]
fn a_hundred_requests_before_the_first_answer() {
    let served = serve();
    served.create("cart/1");
    let body = r#"{"type":"message","name":"put","args":{"item":"x","count":1}}"#;
    let mut client = served.client();
    assert!(client.say(request("POST", "/v1/agents/cart/1", &[], body).repeat(100)));
    for count in 1..=100 {
        assert_eq!(client.answer().json()["value"], count, "in order");
    }
    served.is_well();
}

#[test]
fn pipelined_requests_whose_answers_nobody_reads() {
    let _alone = measured();
    let served = serve();
    for number in 0..1_000 {
        let node = served.running.as_ref().expect("it runs").node();
        node.spawn::<nexus::Kv>(&format!("{number:0>200}")).expect("the key is free");
    }
    let before = resident_bytes();
    let text = request("GET", "/v1/agents?limit=1000", &[], "").repeat(200);
    let clients: Vec<TcpStream> = (0..4)
        .map(|_| {
            let stream = connect(served.address);
            (&stream).write_all(text.as_bytes()).expect("it fits");
            stream
        })
        .collect();
    let listed = || served.metric("nexus_http_requests_total{code=\"200\"");
    eventually("each has some answers", || listed() >= 8.0);
    for _ in 0..20 {
        served.is_well();
    }
    is_bounded(before);
    drop(clients);
}

/// A body of zeros, as long as it may get, until the node has had enough.
fn pour(client: &mut Client, chunked: bool, bytes: usize) {
    let piece = vec![b'0'; 65_536];
    let framed = [b"10000\r\n", piece.as_slice(), b"\r\n"].concat();
    for _ in 0..bytes / piece.len() {
        if !client.say(if chunked { &framed } else { &piece }) {
            return;
        }
    }
}

#[test]
fn a_body_of_100_mb() {
    let _alone = measured();
    let served = serve();
    served.create("kv/1");
    let before = resident_bytes();
    for framing in ["Content-Length: 104857600", "Transfer-Encoding: chunked"] {
        let mut client = served.client();
        client
            .say(format!("POST /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"));
        pour(&mut client, framing.ends_with("chunked"), 100 << 20);
        client.answer().fails(413, "too_large", "no", "no");
        client.end();
        is_bounded(before);
    }
    served.is_well();
}

#[test]
fn a_body_where_none_is_taken() {
    let served = serve();
    for path in ["/healthz", "/v1/agents", "/none"] {
        let mut client = served.client();
        client.say(format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n"
        ));
        pour(&mut client, false, 4 << 20);
        assert!(client.answer().status < 500);
        client.end();
    }
    served.is_well();
}

const HEAD: &str = "POST /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\n";

#[test]
fn lengths_that_lie() {
    let served = impatient();
    served.create("kv/1");
    let body = r#"{"type":"query","name":"get","args":{"key":"k","default":1}}"#;
    let with = |length: &str| format!("{HEAD}Content-Length: {length}\r\n\r\n{body}");
    assert_eq!(status(&served, with(&body.len().to_string())), 200);
    assert_eq!(status(&served, with("7")), 400, "cut short");
    assert_eq!(status(&served, with("99")), 408, "the rest never comes");
    for length in ["-1", "+60", "0x3c", "6 0", "", "60, 61", "99999999999999999999", "1e2"] {
        assert_eq!(status(&served, with(length)), 400, "{length:?}");
    }
    served.is_well();
}

#[test]
fn requests_hidden_behind_another_s_length() {
    let served = serve();
    served.create("kv/1");
    let hidden = "DELETE /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    for framing in [
        "Content-Length: 5\r\nContent-Length: 90\r\n".to_owned(),
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunked.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", chunked.len()),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        "Transfer-Encoding:\x0bchunked\r\n".to_owned(),
        " Transfer-Encoding: chunked\r\n".to_owned(),
        "X: y\r\n\tTransfer-Encoding: chunked\r\n".to_owned(),
        "X: y\nTransfer-Encoding: chunked\r\n".to_owned(),
    ] {
        let mut client = served.client();
        client.say(format!("{HEAD}{framing}\r\n{chunked}"));
        let answer = client.answer();
        assert_eq!(answer.status, 400, "{framing:?}");
        assert_eq!(client.end(), b"", "{framing:?}: nothing follows");
        assert_eq!(served.get("/v1/agents/kv/1").status, 200, "{framing:?}: nobody deleted it");
    }
    served.is_well();
}

#[test]
fn chunks_that_are_none() {
    let served = impatient();
    served.create("kv/1");
    let with = |chunks: &str| format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(status(&served, with("2\r\n{}\r\n0\r\n\r\n")), 400, "a body, but no request");
    for chunks in [
        "x\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}",
        "ffffffffffffffff\r\n{}",
        "2\r\n{}}}\r\n0\r\n\r\n",
        "\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
    ] {
        let status = status(&served, with(chunks));
        assert!(matches!(status, 400 | 408 | 413), "{status} for {chunks:?}");
    }
    let extension = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(100_000));
    assert_eq!(status(&served, with(&extension)), 400);
    let trailers = format!("2\r\n{{}}\r\n0\r\n{}\r\n", "A: b\r\n".repeat(20_000));
    assert_eq!(status(&served, with(&trailers)), 400);
    served.is_well();
}

#[test]
fn json_ten_thousand_levels_deep() {
    let served = serve();
    served.create("kv/1");
    served.create("cart/1");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        for (method, agent, body) in [
            ("POST", "kv/1", deep.clone()),
            ("POST", "kv/1", format!(r#"{{"type":"update","name":"put","args":{deep}}}"#)),
            ("POST", "cart/1", format!(r#"{{"type":"message","name":"put","args":{deep}}}"#)),
            ("POST", "cart/1", format!(r#"{{"type":"message","name":"clear","args":{deep}}}"#)),
            ("POST", "cart/1", format!(r#"{{"type":"message","name":"none","args":{deep}}}"#)),
            ("PUT", "cart/2", format!(r#"{{"args":{deep}}}"#)),
            ("PUT", "cart/1/level", format!(r#"{{"level":{deep}}}"#)),
        ] {
            let answer = served.client().ask(method, &format!("/v1/agents/{agent}"), &[], &body);
            answer.fails(400, "bad_request", "no", "no");
        }
    }
    served.is_well();
}

#[test]
fn numbers_that_are_too_much() {
    let served = serve();
    served.create("kv/1");
    served.create("cart/1");
    let put = |value: &str| {
        let body =
            format!(r#"{{"type":"update","name":"put","args":{{"key":"k","value":{value}}}}}"#);
        served.client().ask("POST", "/v1/agents/kv/1", &[], &body).status
    };
    for number in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x10", "01", "1.", "+1"] {
        assert_eq!(put(number), 400, "{number}");
    }
    assert_eq!(put(&"9".repeat(400)), 400, "more than any number");
    assert_eq!(put(&format!("0.{}1", "0".repeat(100_000))), 200, "very little");
    assert_eq!(put("18446744073709551615"), 200);
    let count = |count: &str| {
        let body =
            format!(r#"{{"type":"message","name":"put","args":{{"item":"x","count":{count}}}}}"#);
        served.client().ask("POST", "/v1/agents/cart/1", &[], &body).status
    };
    for number in ["4294967296", "1e3", "1.5", "-1", "1e999", "null", "\"1\"", "true"] {
        assert_eq!(count(number), 400, "{number}");
    }
    let deadline = |ms: &str| {
        let body = format!(r#"{{"type":"query","name":"get","deadline_ms":{ms}}}"#);
        served.client().ask("POST", "/v1/agents/kv/1", &[], &body).status
    };
    for number in ["-1", "0", "1e999", "86400001", "18446744073709551616", "1.5", "null"] {
        let status = deadline(number);
        assert_eq!(status, 400, "{number}");
    }
    // A sum beyond what numbers hold.
    let body = r#"{"type":"action","name":"add","args":{"key":"k","by":1e308}}"#;
    for _ in 0..3 {
        let status = served.client().ask("POST", "/v1/agents/kv/1", &[], body).status;
        assert!(status == 200 || (400..500).contains(&status), "{status}");
    }
    served.is_well();
}

#[test]
fn text_that_is_none() {
    let served = serve();
    served.create("kv/1");
    let ask = |body: &[u8]| {
        let head = format!("{HEAD}Content-Length: {}\r\n\r\n", body.len());
        status(&served, [head.as_bytes(), body].concat())
    };
    assert_eq!(ask(b"{\"type\":\"query\",\"name\":\"\xff\xfe\"}"), 400);
    assert_eq!(ask(b"\xef\xbb\xbf{}"), 400);
    assert_eq!(ask(b"{\"type\":\"query\",\"name\":\"\\ud800\"}"), 400);
    assert_eq!(ask(b"\x00\x00\x00\x00"), 400);
    for path in [&b"/v1/agents/kv/\xff"[..], b"/v1/agents/kv/%FF%FE", b"/v1/agents/%C0%AF/1"] {
        let request = [b"GET ", path, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
        assert_eq!(status(&served, request), 400, "{path:?}");
    }
    for (header, wanted) in [
        (&b"X-Any: \xff\xfe"[..], 200),
        (b"Authorization: Bearer \xff", 200),
        (b"Traceparent: \xff", 200),
        (b"Origin: \xff", 403),
        (b"X-\xff: 1", 400),
        (b"X-Any: a\x00b", 400),
    ] {
        let request =
            [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", header, b"\r\n\r\n"].concat();
        assert_eq!(status(&served, request), wanted, "{header:?}");
    }
    assert_eq!(status(&served, b"GET /healthz HTTP/1.1\r\nHost: \xff\r\n\r\n"), 400);
    served.is_well();
}

#[test]
fn paths_that_lead_elsewhere() {
    let served = serve();
    for (path, wanted) in [
        ("/../../etc/passwd", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/assets/../../Cargo.toml", 404),
        ("/assets/%2e%2e%2findex.html", 404),
        ("/assets//app.js", 404),
        ("//healthz", 404),
        ("/healthz/", 404),
        ("/HEALTHZ", 404),
        ("/healthz%00", 404),
        ("/healthz;x=1", 404),
        ("/v1/agents//1", 404),
        ("/v1/agents/kv/1/../../../status", 404),
        ("/v1/agents/kv/%2e%2e", 404),
        ("/v1/agents/kv/%", 404),
        ("/v1/agents/kv/%zz", 404),
        ("/v1/agents/k%76/1", 404),
        ("/v1\\agents", 404),
        ("/healthz?x=%00#y", 200),
        ("*", 404),
    ] {
        assert_eq!(served.get(path).status, wanted, "{path}");
    }
    // A key is a name, not a path: any bytes of UTF-8, up to a length.
    for key in ["..", "%2e%2e%2f%2e%2e", "%00", "%0d%0aX:%20y", "%E2%80%AE", "%F0%9F%92%A3"] {
        let path = format!("/v1/agents/kv/{key}");
        let answer = served.ask("PUT", &path, &Value::Null);
        assert_eq!((answer.status, answer.header("x")), (201, None), "{key}");
        assert_eq!(served.get(&path).json()["id"], answer.json()["id"], "{key}");
    }
    let answer = served.ask("PUT", &format!("/v1/agents/kv/{}", "k".repeat(2_000)), &Value::Null);
    answer.fails(413, "too_large", "no", "no");
    for length in [65_536, 1 << 20] {
        let status = status(&served, request("GET", &format!("/{}", "a".repeat(length)), &[], ""));
        assert!(matches!(status, 414 | 431), "{status} for {length}");
    }
    served.is_well();
}

#[test]
fn a_flood_of_headers() {
    let _alone = measured();
    let served = serve();
    let before = resident_bytes();
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
    let flood = (0..10_000).fold(String::from(head), |mut text, number| {
        let _ = write!(text, "X-{number}: y\r\n");
        text
    });
    assert_eq!(status(&served, format!("{flood}\r\n")), 431);
    assert_eq!(status(&served, format!("{head}{}\r\n", "A: b\r\n".repeat(65))), 431, "too many");
    assert_eq!(status(&served, format!("{head}X: {}\r\n\r\n", "y".repeat(1 << 20))), 431);
    assert_eq!(status(&served, format!("{head}{}: y\r\n\r\n", "x".repeat(1 << 20))), 431);
    // And one that has no end.
    let mut client = served.client();
    client.say(head);
    pour(&mut client, false, 50 << 20);
    assert_eq!(client.answer_or_end("GET").map_or(431, |answer| answer.status), 431);
    is_bounded(before);
    served.is_well();
}

#[test]
fn hosts_that_are_doubtful() {
    let served = serve();
    let ask = |first: &str, headers: &str| status(&served, format!("{first}\r\n{headers}\r\n"));
    let get = "GET /v1/status HTTP/1.1";
    assert_eq!(ask(get, ""), 400, "none");
    assert_eq!(ask(get, "Host: localhost\r\nHost: localhost\r\n"), 400, "two");
    assert_eq!(ask(get, "Host: localhost\r\nHost: evil.example\r\n"), 400, "two");
    let full = |uri: &str| format!("GET {uri} HTTP/1.1");
    assert_eq!(ask(&full("http://localhost/v1/status"), "Host: localhost\r\n"), 200);
    assert_eq!(ask(&full("http://evil.example/v1/status"), "Host: localhost\r\n"), 403);
    assert_eq!(ask(&full("http://localhost/v1/status"), "Host: evil.example\r\n"), 403);
    assert_eq!(ask(&full("http://u@localhost/v1/status"), "Host: localhost\r\n"), 403);
    assert_eq!(ask(&full("evil"), "Host: localhost\r\n"), 403);
    assert_eq!(ask(&full("http:///"), "Host: localhost\r\n"), 400);
    served.is_well();
}

#[test]
fn older_versions() {
    let served = impatient();
    let old = |headers: &str| format!("GET /healthz HTTP/1.0\r\n{headers}\r\n");
    assert_eq!(status(&served, old("")), 400, "no host");
    let mut client = served.client();
    client.say(old("Host: localhost\r\n"));
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.end(), b"", "one request each");
    let mut client = served.client();
    for _ in 0..2 {
        client.say(old("Host: localhost\r\nConnection: keep-alive\r\n"));
        assert_eq!(client.answer().status, 200);
    }
    for bytes in ["GET /healthz\r\n", "GET /healthz HTTP/1.2\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let mut client = served.client();
        client.say(bytes);
        let said = String::from_utf8_lossy(&client.end()).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    }
    served.is_well();
}

#[test]
fn other_languages() {
    let served = impatient();
    let mut noise = vec![0u8; 4_096];
    let mut state = 88_172_645_463_325_252u64;
    for byte in &mut noise {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = state as u8;
    }
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"EHLO localhost\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\r\n\r\n\r\n\r\n",
        &noise,
    ] {
        let mut client = served.client();
        client.say(bytes);
        let said = String::from_utf8_lossy(&client.end()).into_owned();
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    }
    served.is_well();
}

#[test]
fn methods_that_are_none_of_ours() {
    let served = serve();
    let ask = |first: &str| status(&served, format!("{first} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    for (method, wanted) in
        [("TRACE", 405), ("OPTIONS", 405), ("PATCH", 405), ("get", 405), ("PROPFIND", 405)]
    {
        assert_eq!(ask(&format!("{method} /v1/status")), wanted, "{method}");
    }
    assert_eq!(ask("OPTIONS *"), 404);
    assert_eq!(ask("CONNECT localhost:22"), 404, "nobody is connected to anything");
    assert_eq!(ask("CONNECT evil.example:443"), 403);
    for method in ["G\u{cb}T", "GE(T", "", " "] {
        assert_eq!(ask(&format!("{method} /healthz")), 400, "{method:?}");
    }
    let long = ask(&format!("{} /healthz", "M".repeat(10_000)));
    assert!(matches!(long, 400 | 405), "{long}");
    served.is_well();
}

#[test]
fn a_body_that_waits_to_be_asked_for() {
    let served = impatient();
    served.create("kv/1");
    let body = r#"{"type":"query","name":"get","args":{"key":"k","default":1}}"#;
    let mut client = served.client();
    client.say(format!("{HEAD}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", body.len()));
    assert_eq!(client.answer().status, 100);
    client.say(body);
    assert_eq!(client.answer().json()["value"], 1);
    // Who will be refused is not asked for the body.
    let mut client = served.client();
    client.say(format!("{HEAD}Expect: 100-continue\r\nContent-Length: 104857600\r\n\r\n"));
    client.answer().fails(413, "too_large", "no", "no");
    let mut client = served.client();
    client.say(format!("{HEAD}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"));
    assert_eq!(client.answer().status, 100);
    client.answer().fails(408, "bad_request", "no", "later");
    served.is_well();
}

#[test]
fn ten_thousand_connects() {
    let _alone = measured();
    let served = serve();
    let before = resident_bytes();
    let begun = now();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_500 {
                    let stream = connect(served.address);
                    reset_on_close(&stream);
                }
            });
        }
    });
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    served.is_well();
    let connections = || served.get("/v1/status").json()["connections"].as_u64();
    eventually("all places are free", || connections() == Some(1));
    is_bounded(before);
}

#[test]
fn more_connections_than_there_may_be() {
    let served = serve_with(|settings| settings.http.connections_max = 8);
    let mut held: Vec<Client> = (0..8)
        .map(|_| {
            let mut client = served.client();
            assert_eq!(client.ask("GET", "/healthz", &[], "").status, 200);
            client
        })
        .collect();
    for _ in 0..20 {
        let mut client = served.client();
        client.say(request("GET", "/healthz", &[], ""));
        let Some(answer) = client.answer_or_end("GET") else { continue };
        let error = answer.fails(503, "shutting_down", "no", "later");
        assert_eq!(error["detail"], json!({"limit": true}));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    for client in &mut held {
        assert_eq!(client.ask("GET", "/healthz", &[], "").status, 200, "who is in stays");
    }
    drop(held);
    eventually("there is room again", || {
        let mut client = served.client();
        client.say(request("GET", "/healthz", &[], ""));
        client.answer_or_end("GET").is_some_and(|answer| answer.status == 200)
    });
    assert!(served.metric("nexus_http_refused_total{reason=\"connections\"") >= 20.0);
}

#[test]
fn a_client_that_never_reads_its_answer() {
    let _alone = measured();
    let served = impatient();
    let node = served.running.as_ref().expect("it runs").node();
    for number in 0..1_000 {
        node.spawn::<nexus::Kv>(&format!("{number:0>1000}")).expect("the key is free");
    }
    let before = resident_bytes();
    let clients: Vec<TcpStream> = (0..20)
        .map(|_| {
            let stream = connect(served.address);
            let text = request("GET", "/v1/agents?limit=1000", &[], "");
            // More than the system keeps on the way: what is left waits in the node.
            (&stream).write_all(text.repeat(8).as_bytes()).expect("it fits");
            stream
        })
        .collect();
    let slow = || served.metric("nexus_http_refused_total{reason=\"slow\"");
    eventually("they are cut off", || slow() >= 20.0);
    is_bounded(before);
    drop(clients);
    served.is_well();
}

#[test]
fn a_reader_of_events_that_never_reads() {
    let _alone = measured();
    let served = impatient();
    served.create("cart/1");
    let before = resident_bytes();
    let readers: Vec<Client> = (0..10)
        .map(|_| {
            let mut client = served.client();
            client.say(request("GET", "/v1/events?follow=1&after=0", &[], ""));
            assert_eq!(client.head().expect("it answers").0, 200);
            client
        })
        .collect();
    let slow = || served.metric("nexus_http_refused_total{reason=\"slow\"");
    eventually("they are cut off", || {
        served.send("cart/1", "note", &json!({"count": 2_000}));
        slow() >= 10.0
    });
    is_bounded(before);
    drop(readers);
    served.is_well();
}

#[test]
fn filters_that_take_their_time() {
    let served = serve();
    let node = served.running.as_ref().expect("it runs").node();
    for number in 0..100_000 {
        node.spawn::<nexus::Kv>(&number.to_string()).expect("the key is free");
    }
    let list = |filter: &str| {
        let filter: String = filter.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let begun = now();
        let answer = served.get(&format!("/v1/agents?where={filter}"));
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        answer
    };
    let page = list("key = \"none\"").json();
    assert_eq!((&page["agents"], &page["scanned"]), (&json!([]), &json!(100_000)));
    // What would make a matcher that goes back try everything.
    let backtracking = format!("key ~ \"{}b\"", "a*".repeat(200));
    assert_eq!(list(&backtracking).json()["agents"], json!([]));
    let wide = vec!["key ~ \"zzz\""; 60].join(" or ");
    assert_eq!(list(&wide).json()["agents"], json!([]));
    // A page that asks agents for their state ends before all were asked.
    let page = list("state.x = 1").json();
    assert!(page["next"].is_string() && page["scanned"].as_u64() < Some(3_000), "{page}");
    for bad in ["(".repeat(1_000), "not ".repeat(250), "x".repeat(4_000), "key = \"".to_owned()] {
        list(&bad).fails(400, "bad_request", "no", "no");
    }
    served.is_well();
}

#[test]
fn a_flood_of_idempotency_keys() {
    let _alone = measured();
    let served = serve_with(|settings| settings.idempotency.entries_max = 1_000);
    let mut client = served.client();
    let before = resident_bytes();
    let body = r#"{"type":"message","name":"put","args":{"item":"x","count":0}}"#;
    served.create("cart/1");
    for number in 0..5_000 {
        // Some are for nobody, under names as long as names may be.
        let path = match number % 2 {
            0 => "/v1/agents/cart/1".to_owned(),
            _ => format!("/v1/agents/cart/{:x>1000}", number),
        };
        let key = format!("Idempotency-Key: {:k>255}", number);
        let status = client.ask("POST", &path, &[&key], body).status;
        assert_eq!(status, if number % 2 == 0 { 200 } else { 404 });
    }
    is_bounded(before);
    // The same key from many at once: done once.
    served.create("cart/2");
    let body = r#"{"type":"message","name":"put","args":{"item":"x","count":1}}"#;
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = served.client();
                for _ in 0..50 {
                    let key = ["Idempotency-Key: same"];
                    let answer = client.ask("POST", "/v1/agents/cart/2", &key, body);
                    match answer.status {
                        200 => assert_eq!(answer.json()["value"], 1),
                        409 => drop(answer.fails(409, "conflict", "no", "later")),
                        _ => panic!("{answer:?}"),
                    }
                }
            });
        }
    });
    assert_eq!(served.get("/v1/agents/cart/2").json()["state"]["items"], 1);
    served.is_well();
}

#[test]
fn idempotency_keys_that_are_none() {
    let served = serve();
    served.create("cart/1");
    let body = r#"{"type":"message","name":"put","args":{"item":"x","count":1}}"#;
    for (key, wanted) in [
        ("k".repeat(255), 200),
        ("k".repeat(256), 400),
        ("k".repeat(10_000), 400),
        ("\u{1f4a3}".to_owned(), 400),
        ("a\tb".to_owned(), 400),
        (String::new(), 400),
    ] {
        let header = format!("Idempotency-Key: {key}");
        let answer = served.client().ask("POST", "/v1/agents/cart/1", &[&header], body);
        assert_eq!(answer.status, wanted, "{} bytes of {:.9}", key.len(), key);
    }
    let raw = format!(
        "POST /v1/agents/cart/1 HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: a\x01b\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(status(&served, raw), 400);
    assert_eq!(served.get("/v1/agents/cart/1").json()["state"]["items"], 1, "one was taken");
    served.is_well();
}

#[test]
fn an_upgrade_to_something_else() {
    let served = serve();
    for headers in [
        &[
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ][..],
        &["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"],
    ] {
        let mut client = served.client();
        let answer = client.ask("GET", "/healthz", headers, "");
        assert_eq!((answer.status, answer.header("upgrade")), (200, None), "it stays as it is");
        assert_eq!(client.ask("GET", "/healthz", &[], "").status, 200);
    }
    served.is_well();
}

#[test]
fn answers_are_no_larger_for_long_mistakes() {
    let served = serve();
    served.create("cart/1");
    let long = "x".repeat(1_000_000);
    for body in [
        format!(r#"{{"type":"{long}"}}"#),
        format!(r#"{{"type":"message","name":"{long}"}}"#),
        format!(r#"{{"type":"query","name":"{long}"}}"#),
        format!(r#"{{"type":"message","name":"put","{long}":1}}"#),
        format!(r#"{{"type":"message","name":"put","args":{{"{long}":1}}}}"#),
        format!(r#"{{"type":"query","name":"get","routing":"{long}"}}"#),
        format!(r#"{{"type":"query","name":"get","features":{{"{long}":1}}}}"#),
        format!(r#"{{"type":"message","name":"put","args":"{long}"}}"#),
    ] {
        let answer = served.client().ask("POST", "/v1/agents/cart/1", &[], &body);
        answer.fails(400, "bad_request", "no", "no");
        assert!(answer.body.len() < 20_000, "{} bytes for {:.40}", answer.body.len(), body);
    }
    served.is_well();
}
