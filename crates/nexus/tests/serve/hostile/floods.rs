//! Too much of something.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::{is_bounded, measured, pour, reset_on_close, status};
use crate::support::{
    Client, connect, eventually, now, request, resident_bytes, serve, serve_with,
};

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
        let error = answer.fails(429, "mailbox_full", "no", "later");
        assert_eq!(error["detail"], json!({"reason": "connections"}));
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
