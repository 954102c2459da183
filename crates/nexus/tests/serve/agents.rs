//! Making agents, asking them, looking at them, stopping them.

use serde_json::{Value, json};

use crate::support::{Client, serve};

const REACTIVE: &str = "reactive";

fn level() -> Value {
    json!({"asked": REACTIVE, "used": REACTIVE, "reason": null})
}

#[test]
fn an_agent_is_made_asked_looked_at_and_stopped() {
    let served = serve();
    let path = "/v1/agents/kv/a%2Fb";
    let made = served.ask("PUT", path, &Value::Null);
    assert_eq!((made.status, made.header("content-type")), (201, Some("application/json")));
    let agent = made.json();
    assert_eq!((&agent["kind"], &agent["key"]), (&json!("kv"), &json!("a/b")));
    assert_eq!((&agent["node"], &agent["term"]), (&json!("n1"), &Value::Null));
    assert_eq!(agent["level"], level());
    assert_eq!(agent["id"].as_str().map(str::len), Some(32));
    assert_eq!(served.ask("PUT", path, &Value::Null).status, 200, "it was there");

    let put = json!({"type": "update", "name": "put", "args": {"key": "k", "value": [1.5, "x"]}});
    let answer = served.ask("POST", path, &put);
    assert_eq!(answer.status, 200);
    let value = json!([1.5, "x"]);
    assert_eq!(
        answer.json(),
        json!({"value": value, "level": level(), "node": "n1", "term": null})
    );
    let looked = served.get(path).json();
    assert_eq!((&looked["phase"], &looked["mailbox"]), (&json!("idle"), &json!(0)));
    assert!(looked["metrics"]["handled"].as_u64() >= Some(1), "{looked}");
    assert!(looked["state"].is_object(), "{looked}");

    assert_eq!(served.ask("DELETE", path, &Value::Null).json(), json!({"stopped": true}));
    served.get(path).fails(404, "unknown_agent", "no", "refresh");
    served.ask("DELETE", path, &Value::Null).fails(404, "unknown_agent", "no", "refresh");
    served.ask("POST", path, &put).fails(404, "unknown_agent", "no", "refresh");
    served.get("/v1/agents/kw/a").fails(404, "unknown_kind", "no", "no");
    let error = served.ask("PUT", "/v1/agents/kw/a", &Value::Null);
    let error = error.fails(404, "unknown_kind", "no", "no");
    assert_eq!(error["detail"]["kinds"], json!(["cart", "gated", "kv"]));
}

#[test]
fn what_belongs_to_the_runtime_is_nobody_s_agent() {
    let served = serve();
    for (method, path) in [("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/why")] {
        let path = format!("/v1/agents/nexus.task/x{path}");
        let answer = served.ask(method, &path, &Value::Null);
        answer.fails(404, "unknown_kind", "no", "no");
    }
    // Pools are seen where there are some.
    for path in ["", "/why"] {
        let answer = served.get(&format!("/v1/agents/nexus.pool/x{path}"));
        answer.fails(404, "unknown_kind", "no", "no");
    }
}

#[test]
fn arguments_reach_the_agent_or_are_refused() {
    let served = serve();
    let create = |key: &str, body: Value| served.ask("PUT", &format!("/v1/agents/{key}"), &body);
    assert_eq!(create("cart/1", json!({"args": {"owner": "Ada"}})).status, 201);
    assert_eq!(served.get("/v1/agents/cart/1").json()["state"]["owner"], "Ada");
    assert_eq!(create("cart/2", json!({})).status, 201);
    assert_eq!(create("cart/3", json!({"args": null})).status, 201);
    let error = create("cart/4", json!({"args": {"owner": 7}}));
    let error = error.fails(400, "bad_request", "no", "no");
    let message = error["message"].as_str().expect("it is text");
    assert!(message.contains("owner is the name of a person"), "{message}");
    served.get("/v1/agents/cart/4").fails(404, "unknown_agent", "no", "refresh");
    create("cart/4", json!({"arg": {}})).fails(400, "bad_request", "no", "no");
    // Those of a kind made of rules are the keys that it starts with.
    assert_eq!(create("kv/1", json!({"args": {"x": 1}})).status, 201);
    assert_eq!(served.get("/v1/agents/kv/1").json()["state"]["first"], json!({"x": 1}));
    create("gated/1", json!({"args": {"x": 1}})).fails(400, "bad_request", "no", "no");
    create("kv/4", json!({"args": [1]})).fails(400, "bad_request", "no", "no");
    create("cart/4", json!([])).fails(400, "bad_request", "no", "no");
    create("cart/4", json!([{"owner": "Ada"}])).fails(400, "bad_request", "no", "no");
}

#[test]
fn messages_of_a_kind_are_read_and_checked() {
    let served = serve();
    served.create("cart/1");
    let answer = served.send("cart/1", "put", &json!({"item": "pear", "count": 2})).json();
    assert_eq!((&answer["value"], &answer["level"]), (&json!(2), &level()));
    for args in [json!(null), json!({})] {
        let answer = served.send("cart/1", "clear", &args);
        assert_eq!((answer.status, answer.json()["value"].clone()), (200, Value::Null), "{args}");
    }
    let without = json!({"type": "message", "name": "clear"});
    assert_eq!(served.ask("POST", "/v1/agents/cart/1", &without).status, 200);

    let bad = |name: &str, args: Value| {
        served.send("cart/1", name, &args).fails(400, "bad_request", "no", "no")["detail"].clone()
    };
    assert_eq!(bad("put", json!({"item": "pear", "count": "two"}))["path"], "args.count");
    assert_eq!(bad("put", json!({"item": "pear", "count": -1}))["path"], "args.count");
    assert_eq!(bad("visit", json!({"path": ["a", 7]}))["path"], "args.path[1]");
    assert_eq!(bad("put", json!({"item": "pear"}))["path"], "args");
    assert_eq!(bad("put", json!([]))["message"], "put");
    let lines = json!({"lines": [{"item": "pear", "count": 1}, ["plum", 1]]});
    assert_eq!(bad("put_all", lines)["path"], "args.lines[1]");
    assert_eq!(bad("put", json!(["pear", 1]))["path"], "args");
    let messages = json!(["boom", "clear", "note", "put", "put_all", "visit"]);
    assert_eq!(bad("pull", json!({}))["messages"], messages);
    let query = json!({"type": "query", "name": "get", "args": {"key": "k"}});
    let answer = served.ask("POST", "/v1/agents/cart/1", &query);
    assert_eq!(answer.fails(400, "bad_request", "no", "no")["detail"]["messages"], messages);
    served.create("kv/1");
    let error = served.send("kv/1", "put", &json!({})).fails(400, "bad_request", "no", "no");
    assert_eq!(error["detail"], json!({"path": "name", "messages": []}));
    served.send("cart/9", "clear", &json!({})).fails(404, "unknown_agent", "no", "refresh");
}

#[test]
fn a_request_that_makes_no_sense_is_told_where() {
    let served = serve();
    served.create("kv/1");
    let ask = |body: Value| {
        let answer = served.ask("POST", "/v1/agents/kv/1", &body);
        answer.fails(400, "bad_request", "no", "no")["detail"].clone()
    };
    assert_eq!(ask(json!({"type": "question", "name": "get"}))["path"], "type");
    let routing = json!({"type": "query", "name": "get", "routing": "best"});
    assert_eq!(ask(routing)["path"], "routing");
    let feature = json!({"type": "query", "name": "get", "features": {"priority": 2}});
    assert!(ask(feature).is_object());
    let unknown = json!({"type": "query", "name": "get", "dead_line": 7});
    assert_eq!(ask(unknown)["path"], "dead_line");
    ask(json!({"type": "query"}));
    ask(json!({"type": "query", "name": ""}));
    ask(json!({"type": "query", "name": "get", "deadline_ms": 0}));
    let unknown = ask(json!({"type": "query", "name": "got"}));
    assert_eq!((&unknown["path"], &unknown["suggestion"]), (&json!("name"), &json!("get")));
    let other = ask(json!({"type": "query", "name": "put"}));
    assert_eq!((&other["path"], &other["suggestion"]), (&json!("type"), &json!("update")));
    let add = |args: Value| ask(json!({"type": "action", "name": "add", "args": args}));
    assert_eq!(add(json!({"key": "z", "by": "no"}))["path"], "args.by");
    assert_eq!(add(json!({"key": "z"}))["path"], "args");
    assert_eq!(add(json!({"key": "z", "by": 1, "at": 2}))["path"], "args.at");
    ask(json!({"type": "message", "name": "x".repeat(257)}));
    ask(json!("query"));
    let mut client = served.client();
    let empty = client.ask("POST", "/v1/agents/kv/1", &[], "");
    empty.fails(400, "bad_request", "no", "no");
}

#[test]
fn a_level_is_set_and_what_is_used_is_told() {
    let served = serve();
    served.create("kv/1");
    let set =
        |agent: &str, body: Value| served.ask("PUT", &format!("/v1/agents/{agent}/level"), &body);
    assert_eq!(set("kv/1", json!({"level": REACTIVE})).json(), json!({"level": level()}));
    let proactive = set("kv/1", json!({"level": "proactive"})).json()["level"].clone();
    assert_eq!((&proactive["asked"], &proactive["used"]), (&json!("proactive"), &json!(REACTIVE)));
    assert!(proactive["reason"].is_string(), "{proactive}");
    assert_eq!(served.get("/v1/agents/kv/1").json()["level"], proactive);
    assert_eq!(served.get("/v1/agents/kv/1/why").json()["level"], proactive);
    let error = set("kv/1", json!({"level": "clever"})).fails(400, "bad_request", "no", "no");
    assert_eq!(error["detail"]["path"], "level");
    set("kv/2", json!({"level": REACTIVE})).fails(404, "unknown_agent", "no", "refresh");
}

#[test]
fn why_says_what_an_agent_does_now() {
    let served = serve();
    served.create("gated/1");
    let mut waiting = served.client();
    let body = json!({"type": "message", "name": "pass"}).to_string();
    assert!(waiting.say(crate::support::request("POST", "/v1/agents/gated/1", &[], &body)));
    served.gate.wait_for(1);
    let why = served.get("/v1/agents/gated/1/why").json();
    assert_eq!((&why["handler"], &why["phase"]), (&json!("pass"), &json!("suspended")), "{why}");
    assert_eq!((&why["waiting_on"], &why["epoch"]), (&json!([]), &json!(0)));
    let looked = served.get("/v1/agents/gated/1").json();
    assert_eq!(looked["state"], Value::Null, "it is busy");
    served.gate.open();
    assert_eq!(waiting.answer().json()["value"], 1);
    assert_eq!(served.get("/v1/agents/gated/1/why").json()["handler"], Value::Null);
    served.get("/v1/agents/gated/2/why").fails(404, "unknown_agent", "no", "refresh");
}

#[test]
fn many_requests_go_over_one_connection() {
    let served = serve();
    let mut client: Client = served.client();
    assert_eq!(client.ask("PUT", "/v1/agents/cart/1", &[], "").status, 201);
    let body = json!({"type": "message", "name": "put", "args": {"item": "x", "count": 1}});
    for count in 1..=100 {
        let answer = client.ask("POST", "/v1/agents/cart/1", &[], &body.to_string());
        assert_eq!(answer.json()["value"], count);
    }
}
