//! Requests whose bytes are not what they say they are.

use serde_json::Value;

use super::{HEAD, impatient, status};
use crate::support::{request, serve};

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
fn a_request_with_a_length_and_chunks_is_the_last() {
    let served = serve();
    served.create("kv/1");
    let body = r#"{"type":"query","name":"get","args":{"key":"k","default":1}}"#;
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let hidden = "DELETE /v1/agents/kv/1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for length in [String::new(), format!("Content-Length: {}\r\n", chunks.len() + hidden.len())] {
        let mut client = served.client();
        client.say(format!("{HEAD}{length}Transfer-Encoding: chunked\r\n\r\n{chunks}{hidden}"));
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert_eq!(client.end(), b"", "nothing follows");
        assert_eq!(served.get("/v1/agents/kv/1").status, 200, "nobody deleted it");
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
