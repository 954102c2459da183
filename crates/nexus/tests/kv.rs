//! Agents at the reactive level, behind real mailboxes: what they answer, what
//! they refuse, and that a refusal leaves everything as it was.

use std::sync::LazyLock;

use nexus::{
    Answer, AskError, Changed, ErrorCode, Handle, Kv, Level, Node, Reactive, ReactiveAgent,
    ReactiveError, ReactiveKind, Request, RequestError, Retry,
};
use serde_json::{Value, json};

fn start() -> Node {
    nexus::NodeSpec::new().workers(1).start().expect("one worker can be started")
}

fn ask<K: ReactiveKind>(
    node: &Node,
    agent: &Handle<ReactiveAgent<K>>,
    request: Request,
) -> Result<Answer, RequestError> {
    node.block_on(agent.ask(request)).expect("the agent answers")
}

/// Sends what a client would write and compares what it would read.
#[track_caller]
fn check(node: &Node, kv: &Handle<Kv>, request: Value, answer: Value) {
    let request: Request = serde_json::from_value(request).expect("a request");
    let said = match ask(node, kv, request) {
        Ok(answer) => serde_json::to_value(answer),
        Err(error) => serde_json::to_value(error),
    };
    assert_eq!(said.expect("it is data"), answer);
}

fn value(value: Value) -> Value {
    json!({"value": value, "level": {"asked": "reactive", "used": "reactive", "reason": null}})
}

#[test]
fn requests_read_change_and_do() {
    let node = start();
    let kv = node.spawn::<Kv>("shop").expect("the key is free");
    let get =
        |key: &str| json!({"type": "query", "name": "get", "args": {"key": key, "default": 0}});
    let put = json!({"type": "update", "name": "put", "args": {"key": "a", "value": [1, null]}});
    let add = json!({"type": "action", "name": "add", "args": {"key": "n", "by": 3}});

    check(&node, &kv, get("a"), value(json!(0)));
    check(&node, &kv, put, value(json!([1, null])));
    check(&node, &kv, get("a"), value(json!([1, null])));
    check(&node, &kv, add.clone(), value(json!(3)));
    check(&node, &kv, add, value(json!(6)));
    check(&node, &kv, get("n"), value(json!(6)));
}

#[test]
fn a_refusal_says_what_to_do_and_changes_nothing() {
    let node = start();
    let kv = node.spawn::<Kv>("shop").expect("the key is free");
    let put = json!({"type": "update", "name": "put", "args": {"key": "a", "value": "old"}});
    check(&node, &kv, put, value(json!("old")));

    let cas = json!({"type": "update", "name": "cas",
        "args": {"key": "a", "expect": "new", "value": "newer"}});
    let message = "key \"a\" does not hold the expected value";
    let refusal = json!({"code": "conflict", "message": message, "changed": "no",
        "retry": "refresh", "detail": {"key": "a", "found": "old"}});
    check(&node, &kv, cas, refusal);

    let typo = json!({"type": "query", "name": "git", "args": {}});
    let refusal = json!({"code": "bad_request", "changed": "no", "retry": "no",
        "message": "there is no query called \"git\", did you mean `get`?",
        "detail": {"path": "name", "name": "git", "suggestion": "get"}});
    check(&node, &kv, typo, refusal);

    let get = json!({"type": "query", "name": "get", "args": {"key": "a"}});
    check(&node, &kv, get, value(json!("old")));
}

#[test]
fn requests_arrive_by_name_too() {
    let node = start();
    node.spawn::<Kv>("shop").expect("the key is free");
    let request = Request::action("add", json!({"key": "n", "by": 3}));
    let asked =
        |message, bytes| node.block_on(node.system().ask_by_name("kv", "shop", message, bytes));
    let reply = asked("nexus.request", nexus::encode(&request)).expect("it is answered");
    let reply: Result<Answer, RequestError> = nexus::decode(&reply).expect("an answer");
    let answer = reply.expect("it is done");
    assert_eq!((answer.value, answer.level.used), (json!(3), Level::Reactive));

    let error = asked("nexus.request", b"no request".to_vec()).expect_err("it is none");
    assert!(matches!(error, AskError::Malformed { .. }), "{error}");
    assert_eq!(error.changed(), Changed::No);
}

/// A stock of apples: at most ten, never fewer than none.
struct Stock;

impl ReactiveKind for Stock {
    const KIND: &'static str = "stock";

    fn rules() -> &'static Reactive {
        static RULES: LazyLock<Reactive> = LazyLock::new(|| {
            Reactive::kv()
                .with_query("is-empty", |stock, _args| Ok(json!(stock.is_empty())))
                .with_action("sell", |stock, args| {
                    let count = args["count"].as_i64().unwrap_or(1);
                    let left = stock.get("apples").and_then(Value::as_i64).unwrap_or(0) - count;
                    stock.put("apples", json!(left))?;
                    stock.put("sold", args["count"].clone())?;
                    if count > 5 {
                        return Err(ReactiveError::refused("nobody needs so many"));
                    }
                    Ok(json!(left))
                })
                .with_validator(|stock| match stock.get("apples").and_then(Value::as_i64) {
                    Some(0..=10) | None => Ok(()),
                    Some(apples) => Err(format!("{apples} apples")),
                })
        });
        &RULES
    }
}

#[test]
fn a_kind_of_ones_own_has_its_own_rules() {
    let node = start();
    let stock = node.spawn::<ReactiveAgent<Stock>>("shop").expect("the key is free");
    let put = |apples: i64| Request::update("put", json!({"key": "apples", "value": apples}));
    let sell = |count: i64| Request::action("sell", json!({"count": count}));
    let all = || {
        ["apples", "sold"].map(|key| {
            let get = Request::query("get", json!({"key": key, "default": null}));
            ask(&node, &stock, get).expect("it is read").value
        })
    };
    let empty = Request::query("is-empty", json!({}));
    assert_eq!(ask(&node, &stock, empty).expect("it is read").value, json!(true));
    ask(&node, &stock, put(10)).expect("ten fit");
    assert_eq!(ask(&node, &stock, sell(4)).expect("four are there").value, json!(6));

    // Neither the validator's refusal, nor the function's own half-way through.
    for (request, message) in [
        (put(11), "the change is not valid: 11 apples"),
        (put(-1), "the change is not valid: -1 apples"),
        (sell(9), "refused: nobody needs so many"),
    ] {
        let error = ask(&node, &stock, request).expect_err(message);
        assert_eq!(error.to_string(), message);
        assert_eq!((error.code, error.retry), (ErrorCode::Conflict, Retry::Refresh));
        assert_eq!(error.changed, Changed::No);
        assert_eq!(all(), [json!(6), json!(4)]);
    }
}
