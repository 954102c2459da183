//! Requests that are sent twice under one key.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::support::{Answer, Served, eventually, request, serve, serve_with};

const PATH: &str = "/v1/agents/cart/1";

fn put(count: u64) -> String {
    json!({"type": "message", "name": "put", "args": {"item": "pear", "count": count}}).to_string()
}

fn keyed(served: &Served, path: &str, key: &str, body: &str) -> Answer {
    served.client().ask("POST", path, &[&format!("Idempotency-Key: {key}")], body)
}

#[test]
fn the_second_gets_the_answer_of_the_first() {
    let served = serve();
    served.create("cart/1");
    let first = keyed(&served, PATH, "a", &put(1));
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    let second = keyed(&served, PATH, "a", &put(1));
    assert_eq!((second.status, second.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(second.body, first.body);
    keyed(&served, PATH, "a", &put(2)).fails(409, "conflict", "no", "no");
    assert_eq!(keyed(&served, PATH, "b", &put(1)).json()["value"], 2, "another key");
    assert_eq!(keyed(&served, "/v1/agents/cart/%31", "a", &put(1)).body, first.body, "one agent");
    served.create("cart/2");
    assert_eq!(keyed(&served, "/v1/agents/cart/2", "a", &put(1)).json()["value"], 1);
}

#[test]
fn what_was_not_done_may_be_tried_under_the_same_key() {
    let served = serve();
    keyed(&served, PATH, "a", &put(1)).fails(404, "unknown_agent", "no", "refresh");
    served.create("cart/1");
    assert_eq!(keyed(&served, PATH, "a", &put(1)).json()["value"], 1);
    // What may have been done is not done again.
    let boom = json!({"type": "message", "name": "boom"}).to_string();
    keyed(&served, PATH, "b", &boom).fails(500, "crashed", "unknown", "refresh");
    let again = keyed(&served, PATH, "b", &boom);
    again.fails(500, "crashed", "unknown", "refresh");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let looked = || served.get(PATH).json();
    eventually("it has started again", || looked()["epoch"] == 1);
}

#[test]
fn a_repeat_while_the_first_is_underway_is_told_so() {
    let served = serve();
    served.create("gated/1");
    let (path, body) = ("/v1/agents/gated/1", json!({"type": "message", "name": "pass"}));
    let text = request("POST", path, &["Idempotency-Key: a"], &body.to_string());
    let mut first = served.client();
    assert!(first.say(&text));
    served.gate.wait_for(1);
    keyed(&served, path, "a", &body.to_string()).fails(409, "conflict", "no", "later");
    served.gate.open();
    assert_eq!(first.answer().json()["value"], 1);
    assert_eq!(keyed(&served, path, "a", &body.to_string()).json()["value"], 1);
}

#[test]
fn a_client_that_lost_its_connection_gets_the_answer_when_it_asks_again() {
    let served = serve();
    served.create("gated/1");
    let (path, body) = ("/v1/agents/gated/1", json!({"type": "message", "name": "pass"}));
    let mut first = served.client();
    assert!(first.say(request("POST", path, &["Idempotency-Key: a"], &body.to_string())));
    served.gate.wait_for(1);
    let connections = || served.get("/v1/status").json()["connections"].as_u64();
    drop(first);
    eventually("the node knows", || connections() == Some(1));
    served.gate.open();
    let mut again = Value::Null;
    eventually("it is done", || {
        let answer = keyed(&served, path, "a", &body.to_string());
        again = answer.json();
        answer.status == 200
    });
    assert_eq!(again["value"], 1, "the answer of the first time");
    assert_eq!(served.gate.passed.load(Ordering::SeqCst), 1, "it was done once");
}

#[test]
fn keys_are_forgotten_oldest_first() {
    let served = serve_with(|settings| settings.idempotency.entries_max = 2);
    served.create("cart/1");
    for key in ["a", "b", "c"] {
        keyed(&served, PATH, key, &put(1));
    }
    assert_eq!(keyed(&served, PATH, "c", &put(1)).json()["value"], 3);
    assert_eq!(keyed(&served, PATH, "a", &put(1)).json()["value"], 4, "it was forgotten");
}
