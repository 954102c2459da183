//! Pages of agents, and which are on them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Served, now, request, serve};

fn page(served: &Served, query: &str) -> Value {
    let answer = served.get(&format!("/v1/agents?{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn keys(page: &Value) -> Vec<String> {
    let agents = page["agents"].as_array().expect("it is a list").iter();
    agents.map(|agent| agent["key"].as_str().expect("it is text").to_owned()).collect()
}

#[test]
fn pages_show_each_agent_once() {
    let served = serve();
    let node = served.running.as_ref().expect("it runs").node();
    for number in 0..25 {
        node.spawn::<nexus::Kv>(&number.to_string()).expect("the key is free");
    }
    served.create("cart/x");
    let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = page(&served, &format!("kind=kv&limit=10&after={after}"));
        seen.extend(keys(&page));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    assert_eq!((pages, seen.len()), (3, 25));
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 25);
    assert_eq!(keys(&page(&served, "")).len(), 26);
    assert_eq!(keys(&page(&served, "kind=gated")), [""; 0]);
}

#[test]
fn a_filter_picks_and_a_bad_one_is_told_where() {
    let served = serve();
    for key in ["a", "b", "c"] {
        served.create(&format!("cart/{key}"));
    }
    served.create("kv/b");
    served.send("cart/b", "put", &json!({"item": "pear", "count": 3}));
    let found = |filter: &str| {
        let filter: String = form(filter);
        let mut keys = keys(&page(&served, &format!("where={filter}")));
        keys.sort();
        keys
    };
    assert_eq!(found("kind = \"cart\" and key != \"b\""), ["a", "c"]);
    assert_eq!(found("state.items > 2"), ["b"]);
    assert_eq!(found("handled >= 1 and kind ~ \"car\" and state.items > 0"), ["b"]);
    assert_eq!(found("mailbox > 0"), [""; 0]);
    for (filter, at) in [("kind", 5), ("kind = cart", 12), ("size > 1", 5), ("(((", 4)] {
        let answer = served.get(&format!("/v1/agents?where={}", form(filter)));
        let error = answer.fails(400, "bad_request", "no", "no");
        assert_eq!(error["detail"]["at"], at, "{error}");
    }
}

fn form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn states_come_on_request() {
    let served = serve();
    served.create("cart/a");
    assert_eq!(page(&served, "")["agents"][0]["state"], Value::Null);
    assert_eq!(page(&served, "state=1")["agents"][0]["state"]["items"], 0);
}

#[test]
fn agents_that_are_busy_do_not_keep_a_page_waiting_for_long() {
    let served = serve();
    let body = json!({"type": "message", "name": "pass"}).to_string();
    let mut waiting = Vec::new();
    for number in 0..40 {
        served.create(&format!("gated/{number}"));
        let mut client = served.client();
        let path = format!("/v1/agents/gated/{number}");
        assert!(client.say(request("POST", &path, &[], &body)));
        waiting.push(client);
    }
    served.gate.wait_for(40);
    let begun = now();
    let first = page(&served, "state=1");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(6), "40 that take 200 ms each: {took:?}");
    let (shown, next) = (keys(&first).len(), first["next"].as_str().expect("there is more"));
    assert!((1..40).contains(&shown));
    let rest = keys(&page(&served, &format!("after={next}")));
    assert_eq!(shown + rest.len(), 40, "nobody is left out");
}

#[test]
fn what_is_no_query_is_refused() {
    let served = serve();
    for query in [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "limit=-1",
        "limit=1&limit=2",
        "state=yes",
        "after=7",
        "after=+0000000000000000000000000000001",
        "lmit=1",
        "kind=kv&%6bind=kv",
    ] {
        served.get(&format!("/v1/agents?{query}")).fails(400, "bad_request", "no", "no");
    }
}
