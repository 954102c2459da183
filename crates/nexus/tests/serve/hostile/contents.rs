//! Requests that arrive whole, with contents that nobody sends in earnest.

use std::time::Duration;

use serde_json::json;

use super::{HEAD, status};
use crate::support::{now, serve};

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
