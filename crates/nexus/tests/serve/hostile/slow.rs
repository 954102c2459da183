//! Clients that take their time, or are gone before the end.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use super::{HEAD, impatient, is_bounded, measured, reset_on_close};
use crate::support::{
    Client, connect, eventually, finish, ms, now, request, resident_bytes, serve,
};

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
