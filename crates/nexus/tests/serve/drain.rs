//! How a node ends.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::{Client, PATIENCE, eventually, ms, request, serve, serve_with};

fn pass() -> String {
    request("POST", "/v1/agents/gated/1", &[], r#"{"type":"message","name":"pass"}"#)
}

#[test]
fn what_has_begun_is_finished_and_nothing_new_is_taken() {
    let served = serve();
    served.create("gated/1");
    let mut underway = served.client();
    assert!(underway.say(pass()));
    served.gate.wait_for(1);
    let mut idle = served.client();
    assert_eq!(idle.ask("GET", "/readyz", &[], "").status, 200);
    let mut stream = served.client();
    assert!(stream.say(request("GET", "/v1/events?follow=1", &[], "")));
    stream.head().expect("it answers");
    stream.until(": here\n\n");

    let answer = served.ask("POST", "/v1/drain", &json!(null));
    assert_eq!((answer.status, answer.json()), (202, json!({"draining": true})));
    assert_eq!(idle.end(), b"", "it asked for nothing");
    assert!(stream.chunk().is_none(), "the stream ends as streams do");
    eventually("the port is closed", || TcpStream::connect(served.address).is_err());

    let gate = served.gate.clone();
    let ends = std::thread::spawn(move || served.end());
    gate.open();
    let answer = underway.answer();
    assert_eq!((answer.status, answer.json()["value"].clone()), (200, json!(1)));
    assert_eq!(answer.header("connection"), Some("close"));
    let (shutdown, _) = ends.join().expect("it ends");
    assert!(shutdown.drained, "{shutdown:?}");
}

#[test]
fn whoever_is_still_there_at_the_limit_is_cut_off() {
    let served = serve_with(|settings| settings.node.drain = ms(300));
    served.create("gated/1");
    let mut underway = served.client();
    assert!(underway.say(pass()));
    served.gate.wait_for(1);
    let mut half = served.client();
    assert!(half.say("GET /healthz HTTP/1.1\r\n"));
    let (shutdown, took) = served.end();
    assert!(!shutdown.drained);
    assert_eq!(shutdown.cut_short, ["gated/1: suspended"]);
    assert!((ms(300)..Duration::from_secs(8)).contains(&took), "{took:?}");
    underway.answer().fails(503, "shutting_down", "unknown", "refresh");
    half.end();
}

#[test]
fn what_has_not_quite_arrived_keeps_no_node_from_ending() {
    let long = Duration::from_secs(15);
    let served = serve_with(|settings| {
        settings.node.drain = long;
        settings.http.header_timeout = 2 * long;
        settings.http.body_timeout = 2 * long;
    });
    served.create("cart/1");
    let mut head = served.client();
    assert!(head.say("GET /healthz HTTP/1.1\r\n"));
    let mut body = served.client();
    let whole = request("POST", "/v1/agents/cart/1", &[], r#"{"type":"message","name":"clear"}"#);
    assert!(body.say(&whole[..whole.len() - 1]));
    eventually("both are there", || served.metric("nexus_http_connections ") == 3.0);
    let (shutdown, took) = served.end();
    assert!(shutdown.drained && took < long, "{shutdown:?} {took:?}");
    assert_eq!(head.end(), b"", "it asked for nothing");
    body.answer().fails(503, "shutting_down", "no", "later");
}

#[test]
fn nothing_is_done_without_an_answer_while_a_node_ends() {
    let served = serve();
    served.gate.open();
    let (gate, address) = (served.gate.clone(), served.address);
    let (answered, over) = (AtomicU64::new(0), AtomicBool::new(false));
    for number in 0..4 {
        served.create(&format!("gated/{number}"));
    }
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (answered, over) = (&answered, &over);
            let text = pass().replace("gated/1", &format!("gated/{number}"));
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else { return };
                    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
                    let mut client = Client::over(stream);
                    while client.say(&text) {
                        let Some(answer) = client.answer_or_end("POST") else { break };
                        match answer.status {
                            200 => answered.fetch_add(1, Ordering::SeqCst),
                            503 => break,
                            _ => panic!("{answer:?}"),
                        };
                    }
                }
            });
        }
        eventually("some are answered", || answered.load(Ordering::SeqCst) > 200);
        let (shutdown, _) = served.end();
        over.store(true, Ordering::SeqCst);
        assert!(shutdown.drained, "{shutdown:?}");
    });
    assert_eq!(gate.passed.load(Ordering::SeqCst), answered.load(Ordering::SeqCst));
}

#[test]
fn a_process_that_waits_is_told_of_a_drain() {
    let mut served = serve();
    let mut running = served.running.take().expect("it runs");
    let waits = std::thread::spawn(move || {
        let signalled = running.wait().expect("signals can be listened for");
        (signalled, running.shutdown().drained)
    });
    assert_eq!(served.ask("POST", "/v1/drain", &json!(null)).status, 202);
    assert_eq!(waits.join().expect("it ends"), (false, true));
}

#[test]
fn who_asks_again_and_again_is_told_which_answer_was_the_last() {
    let served = serve();
    let address = served.address;
    let (answered, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let (answered, over) = (&answered, &over);
                scope.spawn(move || {
                    let mut client = Client::connect(address);
                    while !over.load(Ordering::SeqCst) {
                        assert!(client.say(request("GET", "/healthz", &[], "")));
                        let answer = client.answer_or_end("GET").expect("nobody said goodbye");
                        answered.fetch_add(1, Ordering::SeqCst);
                        if answer.header("connection") == Some("close") {
                            return true;
                        }
                    }
                    false
                })
            })
            .collect();
        eventually("some are answered", || answered.load(Ordering::SeqCst) > 500);
        let (shutdown, _) = served.end();
        assert!(shutdown.drained, "{shutdown:?}");
        over.store(true, Ordering::SeqCst);
        for client in clients {
            assert!(client.join().expect("each request was answered"), "it was told");
        }
    });
}
