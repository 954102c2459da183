//! What a client is told when an agent does not answer as it should.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::support::{Answer, Client, Served, eventually, request, serve};

fn pass(served: &Served, deadline_ms: u64) -> Client {
    let mut client = served.client();
    let body = json!({"type": "message", "name": "pass", "deadline_ms": deadline_ms});
    assert!(client.say(request("POST", "/v1/agents/gated/1", &[], &body.to_string())));
    client
}

#[test]
fn a_deadline_tells_whether_the_handler_had_begun() {
    let served = serve();
    served.create("gated/1");
    let mut first = pass(&served, 60_000);
    served.gate.wait_for(1);
    // It waits behind the first: it has not begun when its time is over.
    let error = pass(&served, 100).answer().fails(504, "deadline", "no", "later");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("nothing changed")));
    served.gate.open();
    assert_eq!(first.answer().json()["value"], 1);

    let served = serve();
    served.create("gated/1");
    pass(&served, 100).answer().fails(504, "deadline", "unknown", "refresh");
}

#[test]
fn a_full_mailbox_refuses_and_says_when_to_come_again() {
    let served = serve();
    served.create("gated/1");
    let mut waiting = vec![pass(&served, 60_000)];
    served.gate.wait_for(1);
    let mailbox = || served.get("/v1/agents/gated/1/why").json()["mailbox"].clone();
    for count in 1..=2 {
        waiting.push(pass(&served, 60_000));
        eventually("it waits", || mailbox() == count);
    }
    let refused = pass(&served, 60_000).answer();
    let error = refused.fails(429, "mailbox_full", "no", "later");
    assert_eq!(error["detail"], json!({"len_max": 2}));
    assert_eq!(refused.header("retry-after"), Some("1"));
    served.gate.open();
    for (place, client) in waiting.iter_mut().enumerate() {
        assert_eq!(client.answer().json()["value"], place + 1, "who was taken is answered");
    }
    assert_eq!(served.gate.passed.load(Ordering::SeqCst), 3, "who was refused did nothing");
}

#[test]
fn a_crash_is_told_and_the_agent_starts_again() {
    let served = serve();
    served.create("cart/1");
    served.send("cart/1", "put", &json!({"item": "pear", "count": 1}));
    let error =
        served.send("cart/1", "boom", &json!({})).fails(500, "crashed", "unknown", "refresh");
    assert_eq!(error["detail"]["panic"], "the wheel came off");
    let looked = || served.get("/v1/agents/cart/1").json();
    eventually("it has started again", || looked()["epoch"] == 1);
    assert_eq!(looked()["state"]["items"], 0);
    assert_eq!(looked()["metrics"]["errors"], 1);
    let why = served.get("/v1/agents/cart/1/why").json();
    let crashed = why["events"].as_array().expect("there are events").iter();
    assert!(crashed.clone().any(|event| event["name"] == "agent.crashed"), "{why}");
}

#[test]
fn a_cycle_is_told_with_its_path() {
    let served = serve();
    served.create("cart/1");
    served.create("cart/2");
    let answer = served.send("cart/1", "visit", &json!({"path": ["2"]})).json();
    assert_eq!(answer["value"], json!({"Ok": "arrived"}));
    let answer = served.send("cart/1", "visit", &json!({"path": ["2", "1"]}));
    let error = answer.fails(409, "cycle", "no", "no");
    assert_eq!(error["detail"]["path"], json!(["cart/1", "cart/2", "cart/1"]));
    let answer = served.send("cart/1", "visit", &json!({"path": ["nobody"]}));
    answer.fails(404, "unknown_agent", "no", "refresh");
}

#[test]
fn who_looks_is_not_noticed() {
    let served = serve();
    served.create("gated/1");
    served.create("cart/1");
    let mut first = pass(&served, 60_000);
    served.gate.wait_for(1);
    let books = || served.get("/v1/agents/gated/1").json();
    for _ in 0..5 {
        let look = books();
        assert_eq!((&look["mailbox"], &look["state"]), (&json!(0), &Value::Null), "it is at work");
    }
    let mut second = pass(&served, 60_000);
    eventually("there is still room", || books()["mailbox"] == 1);
    served.gate.open();
    assert_eq!(
        (first.answer().json()["value"].clone(), second.answer().json()["value"].clone()),
        (json!(1), json!(2))
    );
    eventually("it rests", || books()["state"] == json!({"passed": 2}));
    assert_eq!(books()["metrics"]["handled"], 2, "looks are not among them");
    let listed = served.get("/v1/agents?kind=gated&state=1").json();
    assert_eq!(listed["agents"][0]["state"], json!({"passed": 2}));
    assert_eq!(books()["metrics"]["handled"], 2);
}

#[test]
fn who_looks_crashes_nobody() {
    let served = serve();
    served.create("cart/1");
    served.send("cart/1", "put", &json!({"item": "pear", "count": 1_000}));
    for _ in 0..5 {
        let look = served.get("/v1/agents/cart/1").json();
        assert_eq!(look["state"]["error"], "panic in handler: too many to tell");
        assert_eq!(look["epoch"], 0);
    }
    let put = served.send("cart/1", "put", &json!({"item": "pear", "count": 1}));
    assert_eq!(put.json()["value"], 1_001, "nothing is lost");
}

#[test]
fn an_agent_that_is_at_work_stops_later_or_by_force() {
    let served = serve();
    served.create("gated/1");
    let mut first = pass(&served, 60_000);
    served.gate.wait_for(1);
    let path = "/v1/agents/gated/1";
    let stop = |path: &str| served.ask("DELETE", path, &Value::Null);
    let answer = stop(path);
    assert_eq!((answer.status, answer.json()), (202, json!({"stopped": false, "stopping": true})));
    assert_eq!(served.get(path).json()["phase"], "stopping");
    assert_eq!(served.get(&format!("{path}/why")).json()["phase"], "stopping");
    let again = served.ask("PUT", path, &Value::Null);
    again.fails(409, "conflict", "no", "later");
    stop(&format!("{path}?force=maybe")).fails(400, "bad_request", "no", "no");
    let answer = stop(&format!("{path}?force=1"));
    assert_eq!((answer.status, answer.json()), (200, json!({"stopped": true})));
    first.answer().fails(503, "stopped", "unknown", "refresh");
    served.get(path).fails(404, "unknown_agent", "no", "refresh");
    assert_eq!(served.ask("PUT", path, &Value::Null).status, 201, "the key is free");
}

#[test]
fn a_trace_of_the_caller_is_passed_on() {
    let served = serve();
    let theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let header = format!("traceparent: {theirs}");
    let answer = served.client().ask("GET", "/v1/status", &[&header], "");
    let ours = answer.header("traceparent").expect("it is passed on");
    assert_eq!(ours.split('-').nth(1), theirs.split('-').nth(1), "{ours}");
    for bad in ["traceparent: 00-zz-1-01", "traceparent: \u{fc}", "traceparent:"] {
        let answer = served.client().ask("GET", "/healthz", &[bad], "");
        assert_eq!((answer.status, answer.header("traceparent")), (200, None));
    }
}

#[test]
fn every_error_that_a_client_is_told_is_counted_once() {
    let served = serve();
    served.create("cart/1");
    let errors = || -> BTreeMap<String, f64> {
        let text = served.get("/metrics").text();
        let lines = text.lines().filter_map(|line| line.strip_prefix("nexus_errors_total{"));
        let pairs = lines.map(|line| line.split_once("} ").expect("it has a value"));
        pairs.map(|(code, count)| (code.to_owned(), count.parse().expect("a number"))).collect()
    };
    let put = |agent: &str| served.send(agent, "put", &json!({"item": "pear", "count": 1}));
    let query = json!({"type": "query", "name": "get", "args": {"key": "a"}});
    let long = format!("/v1/agents/cart/{}", "k".repeat(1_100));
    let tries: [&dyn Fn() -> Answer; 11] = [
        &|| served.send("cart/1", "put", &json!({})),
        &|| served.send("cart/1", "nothing", &json!({})),
        &|| served.send("cart/1", "boom", &json!({})),
        &|| served.ask("POST", "/v1/agents/cart/1", &query),
        &|| served.ask("POST", "/v1/agents/cartt/1", &query),
        &|| put("cart/2"),
        &|| put("cartt/2"),
        &|| served.get("/nowhere"),
        &|| served.client().ask("GET", "/healthz", &["Host: elsewhere.example"], ""),
        &|| served.ask("PUT", "/v1/agents/cartt/1", &json!(null)),
        &|| served.ask("PUT", &long, &json!(null)),
    ];
    for tried in tries {
        let mut wanted = errors();
        let answer = tried();
        let code = answer.error()["code"].as_str().expect("it is text").to_owned();
        *wanted.get_mut(&format!("code=\"{code}\"")).expect("it is listed") += 1.0;
        assert_eq!(errors(), wanted, "{answer:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let served = serve();
    served.create("cart/1");
    for (path, said) in [
        ("/v1/status?x=1", "there are none"),
        ("/v1/agents/cart/1?x=1", "there are none"),
        ("/v1/agents/cart/1/why?state=1", "there are none"),
        ("/v1/agents?after=%2bfffffffffffffffffffffffffffffff", "no id of an agent"),
        ("/v1/agents?where=mailbox%20%3E%20%22a%22", "is a number"),
    ] {
        let error = served.get(path).fails(400, "bad_request", "no", "no");
        let told = error["message"].as_str().expect("it is text");
        assert!(told.contains(said), "{path}: {told}");
    }
    let error = served.get("/v1/agents?kind=crat").fails(404, "unknown_kind", "no", "no");
    assert_eq!(error["detail"]["kinds"], json!(["cart", "gated", "kv"]));
    served.get("/v1/agents?kind=nexus.supervisor").fails(404, "unknown_kind", "no", "no");
    for path in ["/healthz?verbose", "/metrics?x=1", "/v1/agents?kind=cart"] {
        assert_eq!(served.get(path).status, 200, "{path}");
    }
    let body = r#"{"type":"message","name":"clear"}"#;
    for args in [json!(["pear", 1]), json!([])] {
        let error = served.send("cart/1", "put", &args).fails(400, "bad_request", "no", "no");
        assert_eq!(
            error["detail"]["path"].as_str().map(|path| &path[..4]),
            Some("args"),
            "{error}"
        );
    }
    let error = served.send("cart/1", "visit", &json!({"path": [1]}));
    assert_eq!(error.error()["detail"]["path"], "args.path[0]");
    let keys = ["Idempotency-Key: a", "Idempotency-Key: b"];
    let answer = served.client().ask("POST", "/v1/agents/cart/1", &keys, body);
    answer.fails(400, "bad_request", "no", "no");
}
