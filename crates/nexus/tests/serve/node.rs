//! What the node says of itself, and what is said where nothing is.

use serde_json::json;

use crate::support::serve;

#[test]
fn status_has_the_figures_of_the_node() {
    let served = serve();
    served.create("cart/1");
    served.send("cart/1", "put", &json!({"item": "pear", "count": 1}));
    let status = served.get("/v1/status").json();
    assert_eq!((&status["node"], &status["side"]), (&json!("n1"), &json!("single")));
    assert_eq!((&status["workers"], &status["draining"]), (&json!(2), &json!(false)));
    assert_eq!(status["members"][0]["addr"], served.address.to_string());
    assert_eq!(status["kinds"]["cart"]["agents"], 1);
    assert_eq!(status["kinds"]["cart"]["latency_s"]["count"], 1);
    assert_eq!(status["slowest"][0]["agent"], "cart/1");
    let bounds = status["latency"]["bounds_s"].as_array().map_or(0, Vec::len);
    assert_eq!(status["latency"]["counts"].as_array().map(Vec::len), Some(bounds + 1));
    assert!(status["resident_bytes"].as_u64() > Some(1 << 20), "{status}");
    assert!(status["connections"].as_u64() >= Some(1), "{status}");
}

#[test]
fn metrics_come_in_the_form_that_is_asked_for() {
    let served = serve();
    let open = "Accept: application/openmetrics-text;version=1.0.0";
    let answer = served.client().ask("GET", "/metrics", &[open], "");
    let kind = answer.header("content-type").expect("it has a type");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.text().ends_with("# EOF\n"));
    let answer = served.client().ask("GET", "/metrics", &["Accept: text/plain"], "");
    let kind = answer.header("content-type").expect("it has a type");
    assert!(kind.starts_with("text/plain"), "{kind}");
    assert!(!answer.text().contains("# EOF"));
    assert!(answer.text().contains("nexus_messages_total{"));
}

#[test]
fn health_and_readiness_are_told() {
    let served = serve();
    assert_eq!(served.get("/healthz").json(), json!({"ok": true}));
    assert_eq!(served.get("/readyz").json(), json!({"ok": true}));
}

#[test]
fn the_description_has_the_messages_of_the_kinds() {
    let served = serve();
    let document = served.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let schema = &document["components"]["schemas"]["cart.put"];
    assert_eq!(schema["properties"]["item"]["type"], "string", "{schema}");
    let requests = &document["paths"]["/v1/agents/cart/{key}"]["post"]["requestBody"];
    let requests = requests["content"]["application/json"]["schema"]["oneOf"].as_array();
    let required = |name: &str| {
        let request = requests.into_iter().flatten().find(|request| request["title"] == name);
        request.map(|request| request["required"].clone())
    };
    assert_eq!(required("put"), Some(json!(["type", "name", "args"])));
    assert_eq!(required("clear"), Some(json!(["type", "name"])));
    for path in ["/v1/drain", "/v1/agents/cart/{key}", "/v1/agents/{kind}/{key}/why"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    assert!(document.get("security").is_none(), "it is open");
}

#[test]
fn a_head_has_the_length_and_no_body() {
    let served = serve();
    served.create("kv/1");
    for path in ["/healthz", "/v1/agents/kv/1", "/v1/agents", "/openapi.json", "/", "/none"] {
        let got = served.get(path);
        let mut client = served.client();
        let head = client.ask("HEAD", path, &[], "");
        assert_eq!(head.status, got.status, "{path}");
        assert_eq!(head.header("content-type"), got.header("content-type"), "{path}");
        if !path.starts_with("/v1/") {
            assert_eq!(head.header("content-length"), got.header("content-length"), "{path}");
        }
        assert_eq!(client.ask("GET", "/healthz", &[], "").status, 200, "nothing was in between");
    }
    let head = served.client().ask("HEAD", "/v1/events?follow=1", &[], "");
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
}

#[test]
fn what_is_not_there_and_what_is_not_done_is_told() {
    let served = serve();
    for path in ["/v1", "/v2/agents", "/v1/agents/kv", "/v1/agents/kv/1/what", "/assets/none.js"] {
        served.get(path).fails(404, "not_found", "no", "no");
    }
    for (method, path, allow) in [
        ("POST", "/v1/status", "GET"),
        ("GET", "/v1/drain", "POST"),
        ("PATCH", "/v1/agents/kv/1", "GET, PUT, POST, DELETE"),
        ("GET", "/v1/agents/kv/1/level", "PUT"),
        ("DELETE", "/v1/agents/kv/1/why", "GET"),
        ("DELETE", "/", "GET"),
    ] {
        let answer = served.client().ask(method, path, &[], "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some(allow)), "{method} {path}");
        answer.fails(405, "bad_request", "no", "no");
    }
}

#[test]
fn the_page_is_served_with_its_policy() {
    let served = serve();
    let page = served.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("'self'")));
    let etag = format!("If-None-Match: {}", page.header("etag").expect("it has one"));
    assert_eq!(served.client().ask("GET", "/", &[&etag], "").status, 304);
}

#[test]
fn the_description_takes_the_keys_that_the_node_takes() {
    let served = serve();
    let document = served.get("/openapi.json").json();
    let parameters = &document["components"]["parameters"];
    let agent = &parameters["key"]["schema"];
    assert_eq!((agent["maxLength"].as_u64(), agent.get("pattern")), (Some(1_024), None));
    assert_eq!(parameters["idempotency"]["schema"]["pattern"], "^[!-~]+$");
    let list = &document["paths"]["/v1/agents"]["get"]["responses"];
    assert!(list["404"].is_object(), "a kind may not be there");
    served.create(&format!("cart/a%20b%2F%C3%BC{}", "k".repeat(1_024 - 6)));
    served.create("cart/1");
    let body = r#"{"type":"message","name":"clear"}"#;
    for key in ["Idempotency-Key: !a.b:c~", "Idempotency-Key: 0"] {
        assert_eq!(served.client().ask("POST", "/v1/agents/cart/1", &[key], body).status, 200);
    }
}
