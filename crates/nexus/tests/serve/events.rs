//! What happened: as a page, and as a stream.

use serde_json::{Value, json};

use crate::support::{Client, Served, eventually, ms, serve, serve_with};

fn crash(served: &Served, agent: &str) {
    served.send(agent, "boom", &json!({})).fails(500, "crashed", "unknown", "refresh");
}

fn events(served: &Served, query: &str) -> Value {
    let answer = served.get(&format!("/v1/events?{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn follow(served: &Served, query: &str, headers: &[&str]) -> Client {
    let mut client = served.client();
    let path = format!("/v1/events?follow=1{query}");
    assert!(client.say(crate::support::request("GET", &path, headers, "")));
    let (status, headers) = client.head().expect("it answers");
    assert_eq!(status, 200, "{headers:?}");
    let kind = headers.iter().find(|(name, _)| name == "content-type");
    assert_eq!(kind.map(|(_, value)| value.as_str()), Some("text/event-stream"));
    client.until(": here\n\n");
    client
}

const CRASHED: &str = "name=agent.crashed";

#[test]
fn a_page_goes_on_where_the_one_before_ended() {
    let served = serve();
    served.create("cart/1");
    served.create("cart/2");
    for agent in ["cart/1", "cart/2", "cart/1"] {
        crash(&served, agent);
    }
    let count = |query: &str| events(&served, query)["events"].as_array().map_or(0, Vec::len);
    eventually("all are told", || count(CRASHED) == 3);
    assert_eq!(count(&format!("{CRASHED}&agent=cart/1")), 2);
    let first = events(&served, &format!("{CRASHED}&limit=2"));
    let next = first["next"].as_u64().expect("it is a number");
    assert_eq!(first["events"][1]["seq"], next);
    let second = events(&served, &format!("{CRASHED}&limit=2&after={next}"));
    assert_eq!(second["events"].as_array().map(Vec::len), Some(1));
    let event = &second["events"][0];
    assert_eq!((&event["name"], &event["agent"]), (&json!("agent.crashed"), &json!("cart/1")));
    assert!(event["at_s"].is_number() && event["detail"].is_string());
    let end = second["next"].as_u64().expect("it is a number");
    assert_eq!(events(&served, &format!("after={end}"))["events"], json!([]));
    for query in ["name=agent.krashed", "after=-1", "after=x", "limit=0", "follow=maybe"] {
        served.get(&format!("/v1/events?{query}")).fails(400, "bad_request", "no", "no");
    }
}

#[test]
fn a_stream_tells_what_happens_from_now_on() {
    let served = serve();
    served.create("cart/1");
    crash(&served, "cart/1");
    eventually("it is told", || events(&served, CRASHED)["events"][0]["seq"].is_u64());
    let mut stream = follow(&served, "&name=agent.crashed", &[]);
    crash(&served, "cart/1");
    let text = stream.until("\n\n");
    assert_eq!(text.matches("event: agent.crashed\n").count(), 1, "{text}");
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("there is data");
    let event: Value = serde_json::from_str(data).expect("it is JSON");
    assert!(text.contains(&format!("id: {}\n", event["seq"])), "{text}");
    assert_eq!(event["agent"], "cart/1");
}

#[test]
fn a_stream_that_is_taken_up_again_misses_nothing() {
    let served = serve();
    served.create("cart/1");
    for _ in 0..3 {
        crash(&served, "cart/1");
    }
    let all = || events(&served, CRASHED)["events"].clone();
    eventually("all are told", || all().as_array().map(Vec::len) == Some(3));
    let seqs: Vec<u64> =
        (0..3).map(|place| all()[place]["seq"].as_u64().expect("it is a number")).collect();
    let id = |place: usize| format!("id: {}\n", seqs[place]);
    let text = follow(&served, &format!("&{CRASHED}&after=0"), &[]).until(&id(2));
    assert!(text.contains(&id(0)) && text.contains(&id(1)), "{text}");
    // A browser asks with the address of the first time, and says what it has seen.
    let last = format!("Last-Event-ID: {}", seqs[1]);
    for query in ["", "&after=0"] {
        let mut stream = follow(&served, &format!("&{CRASHED}{query}"), &[&last]);
        let text = stream.until(&id(2));
        assert!(!text.contains(&id(1)), "it was seen: {text}");
    }
}

#[test]
fn a_quiet_stream_outlives_the_time_for_idle_connections() {
    let served = serve_with(|settings| {
        settings.http.idle_timeout = ms(200);
        settings.http.header_timeout = ms(200);
    });
    served.create("cart/1");
    let mut stream = follow(&served, "&name=agent.crashed", &[]);
    // A connection that asks for nothing shows when that time is over, twice.
    for _ in 0..2 {
        assert_eq!(served.client().end(), b"");
    }
    crash(&served, "cart/1");
    stream.until("event: agent.crashed\n");
}

#[test]
fn who_comes_too_late_is_told_how_much_is_missing() {
    let served = serve();
    served.create("cart/1");
    served.send("cart/1", "note", &json!({"count": 5_000}));
    let text = follow(&served, "&after=0", &[]).until("event: operation.completed\n");
    let missed = text.split_once("event: lagged\ndata: ").expect("it is told").1;
    let missed: Value =
        missed.lines().next().and_then(|line| serde_json::from_str(line).ok()).expect("it is JSON");
    assert!(missed["missed"].as_u64() >= Some(5_000 - 4_096), "{missed}");
}

#[test]
fn everyday_events_are_kept_on_request_and_never_waited_for_in_vain() {
    let served = serve();
    for follow in ["", "&follow=1"] {
        for name in ["agent.started", "agent.stopped"] {
            let answer = served.get(&format!("/v1/events?name={name}{follow}"));
            let error = answer.fails(400, "bad_request", "no", "no");
            assert_eq!(error["detail"]["setting"], "events.everyday");
        }
    }
    let served = serve_with(|settings| settings.events.everyday = true);
    served.create("cart/1");
    let events = served.get("/v1/events?name=agent.started").json();
    assert_eq!(events["events"][0]["agent"], "cart/1", "{events}");
}
