//! What `nexus agents` prints and sends, against canned answers.

use super::*;
use crate::cli::{Cli, Command};
use crate::client::canned::{Canned, Reply, json};
use crate::failure::Exit;
use clap::Parser;

/// Runs `nexus agents` with these words; what it printed and how it ended.
fn agents(canned: &Canned, words: &[&str]) -> (String, Result<(), Failure>) {
    let line = [&["nexus", "agents", "--url", canned.url()], words].concat();
    let cli = Cli::try_parse_from(line).expect("it is well formed");
    let Command::Agents(args) = &cli.command else { panic!("no agents") };
    let mut printed = Vec::new();
    let result = run(args, &cli.common, &mut Output::new(&mut printed));
    (String::from_utf8(printed).expect("text"), result)
}

#[track_caller]
fn check(words: &[&str], body: &str, request: &str, printed: &str) {
    let canned = Canned::json(body);
    let (found, result) = agents(&canned, words);
    result.expect("it is answered");
    assert_eq!(found, printed);
    let sent = canned.request();
    let (head, content) = sent.split_once("\r\n\r\n").expect("a head ends");
    let (first, _) = head.split_once(" HTTP/1.1\r\n").expect("a request line");
    assert_eq!(format!("{first} {content}").trim_end(), request);
}

const LEVEL: &str = r#""level":{"asked":"reactive","used":"reactive","reason":null}"#;

#[test]
fn requests_are_sent_as_the_node_expects_them() {
    let ask = format!(r#"{{"value":{{"a":[1]}},{LEVEL},"node":"n1","term":null}}"#);
    check(
        &["ask", "kv/a/b", "put", r#"{"key":"x","value":1}"#],
        &ask,
        r#"POST /v1/agents/kv/a%2Fb {"type":"update","name":"put","args":{"key":"x","value":1}}"#,
        "{\n  \"a\": [\n    1\n  ]\n}\n",
    );
    check(
        &["ask", "kv/1", "get", "--format", "json"],
        &ask,
        r#"POST /v1/agents/kv/1 {"type":"query","name":"get","args":{}}"#,
        &format!("{ask}\n"),
    );
    check(
        &["tell", "cart/1", "AddItem", "null", "--deadline-ms", "9"],
        &ask,
        r#"POST /v1/agents/cart/1 {"type":"message","name":"AddItem","args":null,"deadline_ms":9}"#,
        "",
    );
    check(&["stop", "kv/1"], r#"{"stopped":true}"#, "DELETE /v1/agents/kv/1", "kv/1 stopped\n");
    check(&["create", "kv/1"], "{}", "PUT /v1/agents/kv/1", "kv/1 was there already\n");
    check(
        &["create", "kv/1", "[2]"],
        "{}",
        r#"PUT /v1/agents/kv/1 {"args":[2]}"#,
        "kv/1 was there already\n",
    );
    check(
        &["level", "kv/1", "proactive"],
        r#"{"level":{"asked":"proactive","used":"reactive","reason":"not built"}}"#,
        r#"PUT /v1/agents/kv/1/level {"level":"proactive"}"#,
        "kv/1: reactive instead of proactive: not built\n",
    );
    check(
        &["layer", "nexus.pool/p", "adaptive", "off"],
        r#"{"enabled":false,"layer":{"stage":"off","reason":"switched off by an operator"},
            "level":{"asked":"adaptive","used":"proactive","reason":"it is off"}}"#,
        r#"PUT /v1/agents/nexus.pool/p/layers/adaptive {"enabled":false}"#,
        "nexus.pool/p: adaptive is off (switched off by an operator); \
         level proactive instead of adaptive: it is off\n",
    );
    check(
        &["rollback", "kv/1", "3"],
        r#"{"rolled_back":"a-3","knobs":{"complexity":1.0},"adaptations":[]}"#,
        r#"POST /v1/agents/kv/1/rollback {"id":"a-3"}"#,
        "kv/1: a-3 is taken back\n  in force  nothing\n  knobs     complexity  1.0\n",
    );
}

#[test]
fn an_agent_that_was_made_is_said_to_be() {
    let canned = Canned::start(vec![Reply::Bytes(json("201 Created", "{}"))]);
    assert_eq!(agents(&canned, &["create", "kv/1"]).0, "kv/1 created\n");
}

fn page(keys: &[&str], next: &str) -> Reply {
    let agents: Vec<String> = keys
        .iter()
        .map(|key| format!(r#"{{"kind":"kv","key":"{key}","phase":"idle",{LEVEL},"mailbox":1,"state":{{"n":1}}}}"#))
        .collect();
    let body = format!(r#"{{"agents":[{}],"next":{next},"scanned":9}}"#, agents.join(","));
    Reply::Bytes(json("200 OK", &body))
}

#[test]
fn a_listing_goes_on_from_page_to_page() {
    let replies =
        vec![page(&["a", "b"], r#""X 1""#), page(&[], r#""X2""#), page(&["longer"], "null")];
    let canned = Canned::start(replies);
    let (printed, result) =
        agents(&canned, &["ls", "--all", "--kind", "kv", "--where", "mailbox > 0"]);
    result.expect("it is answered");
    let names: Vec<&str> = printed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names[0], "agent");
    assert_eq!(names[2..], ["kv/a", "kv/b", "kv/longer"]);
    let first = canned.request();
    assert!(
        first.starts_with("GET /v1/agents?kind=kv&where=mailbox%20%3E%200&limit=1000 HTTP"),
        "{first}"
    );
    assert!(canned.request().contains("&after=X%201 HTTP"));
    assert!(canned.request().contains("&after=X2 HTTP"));
}

#[test]
fn a_listing_ends_at_its_limit_and_can_go_on() {
    let canned = Canned::start(vec![page(&["a", "b"], r#""2""#), page(&["c"], r#""3""#)]);
    let words = ["ls", "--limit", "3", "--after", "1", "--state", "--format", "json"];
    let (printed, result) = agents(&canned, &words);
    result.expect("it is answered");
    assert_eq!(printed.lines().count(), 3);
    assert!(printed.starts_with(r#"{"kind":"kv","key":"a","#), "{printed}");
    assert!(canned.request().starts_with("GET /v1/agents?limit=3&after=1&state=1 HTTP"));
    assert!(canned.request().starts_with("GET /v1/agents?limit=1&after=2&state=1 HTTP"));
}

#[test]
fn a_listing_that_turns_in_circles_is_an_error() {
    let canned = Canned::start(vec![page(&["a"], r#""1""#), page(&["a"], r#""1""#)]);
    let (printed, result) = agents(&canned, &["ls", "--all", "--state"]);
    assert!(printed.contains(r#"{"n":1}"#), "{printed}");
    let failure = result.expect_err("endless");
    assert_eq!(failure.exit(), Exit::Check);
    assert!(failure.chain().contains("does not come to an end"));
}

#[test]
fn arguments_that_are_no_json_are_not_sent() {
    let canned = Canned::start(Vec::new());
    for words in [&["ask", "kv/1", "put", "{key:1}"][..], &["create", "kv/1", "x"]] {
        let failure = agents(&canned, words).1.expect_err("no JSON");
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.chain().starts_with("the arguments are not JSON: "), "{}", failure.chain());
    }
}
