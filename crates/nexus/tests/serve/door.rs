//! Who gets in.

use std::net::SocketAddr;
use std::sync::Arc;

use nexus::{Role, ServeError, Tokens};

use crate::support::{Folder, Gate, Served, serve, serve_with, server, settings};

/// A file with a token for each role, and the tokens.
fn tokens(folder: &Folder) -> (std::path::PathBuf, [String; 3]) {
    let path = folder.0.join("tokens");
    let mut text = String::new();
    let secrets = [Role::Viewer, Role::Operator, Role::Admin].map(|role| {
        let made = Tokens::create(role, role.name(), None).expect("it can be made");
        text += &format!("{}\n", made.line);
        made.secret.expose().to_owned()
    });
    std::fs::write(&path, text).expect("the folder is ours");
    (path, secrets)
}

fn with_tokens() -> (Served, [String; 3], Folder) {
    let folder = Folder::new();
    let (path, secrets) = tokens(&folder);
    (serve_with(|settings| settings.auth.tokens = Some(path)), secrets, folder)
}

fn status(served: &Served, method: &str, path: &str, token: &str) -> u16 {
    let header = format!("Authorization: Bearer {token}");
    served.client().ask(method, path, &[&header], "").status
}

#[test]
fn a_role_may_do_what_it_is_for() {
    let (served, [viewer, operator, admin], _folder) = with_tokens();
    for (method, path, [as_viewer, as_operator, as_admin]) in [
        ("GET", "/v1/status", [200, 200, 200]),
        ("GET", "/v1/agents", [200, 200, 200]),
        ("GET", "/metrics", [200, 200, 200]),
        ("GET", "/openapi.json", [200, 200, 200]),
        ("GET", "/v1/events", [200, 200, 200]),
        ("PUT", "/v1/agents/kv/1", [403, 201, 200]),
        ("GET", "/v1/agents/kv/1", [200, 200, 200]),
        ("GET", "/v1/agents/kv/1/why", [200, 200, 200]),
        ("POST", "/v1/agents/kv/1", [403, 400, 400]),
        ("PUT", "/v1/agents/kv/1/level", [403, 400, 400]),
        ("PUT", "/v1/agents/kv/1/layers/adaptive", [403, 400, 400]),
        ("POST", "/v1/agents/kv/1/rollback", [403, 400, 400]),
        ("DELETE", "/v1/agents/kv/1", [403, 200, 404]),
        ("POST", "/v1/drain", [403, 403, 202]),
    ] {
        for (token, wanted) in [(&viewer, as_viewer), (&operator, as_operator), (&admin, as_admin)]
        {
            assert_eq!(status(&served, method, path, token), wanted, "{method} {path}");
        }
    }
}

#[test]
fn who_may_not_do_something_is_told_who_may() {
    let (served, [viewer, operator, _], _folder) = with_tokens();
    for (token, method, path, said) in [
        (&viewer, "PUT", "/v1/agents/kv/1", "is of a viewer; this takes an operator"),
        (&operator, "POST", "/v1/drain", "is of an operator; this takes an admin"),
    ] {
        let header = format!("Authorization: Bearer {token}");
        let answer = served.client().ask(method, path, &[&header], "");
        let error = answer.fails(403, "forbidden", "no", "no");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(said)), "{error}");
    }
}

#[test]
fn who_shows_no_token_sees_health_and_the_page_alone() {
    let (served, [viewer, ..], _folder) = with_tokens();
    for path in ["/healthz", "/readyz", "/", "/assets/app.js"] {
        assert_eq!(served.get(path).status, 200, "{path}");
    }
    let refused = served.get("/v1/status");
    refused.fails(401, "unauthorized", "no", "no");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    for path in ["/v1/agents", "/v1/events", "/metrics", "/openapi.json", "/v1/agents/kv/1"] {
        assert_eq!(served.get(path).status, 401, "{path}");
    }
    for wrong in ["x", "", &"x".repeat(600), &viewer[1..], &format!("{viewer}x")] {
        assert_eq!(status(&served, "GET", "/v1/status", wrong), 401, "{wrong}");
    }
    for header in [format!("Authorization: Basic {viewer}"), format!("Authorization: {viewer}")] {
        assert_eq!(served.client().ask("GET", "/v1/status", &[&header], "").status, 401);
    }
    let header = format!("authorization: bEARER {viewer}");
    assert_eq!(served.client().ask("GET", "/v1/status", &[&header], "").status, 200);
}

#[test]
fn a_role_that_does_not_do_is_told_what_would() {
    let (served, [viewer, ..], _folder) = with_tokens();
    let header = format!("Authorization: Bearer {viewer}");
    let answer = served.client().ask("POST", "/v1/drain", &[&header], "");
    let error = answer.fails(403, "forbidden", "no", "no");
    let message = error["message"].as_str().expect("it is text");
    assert!(message.contains("viewer") && message.contains("admin"), "{message}");
    assert!(!answer.text().contains(&viewer), "no token is ever shown");
}

#[test]
fn a_page_from_elsewhere_does_not_reach_the_node() {
    let served = serve_with(|settings| settings.http.hosts = vec!["Agents.Example".to_owned()]);
    let ask = |headers: &[&str]| served.client().ask("GET", "/v1/status", headers, "");
    for host in [
        "localhost",
        "LOCALHOST:7400",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:7400",
        "agents.example:443",
        "agents.example.",
    ] {
        assert_eq!(ask(&[&format!("Host: {host}")]).status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:7400",
        "localhost.evil.example",
        "10.0.0.1",
        "127.0.0.1.evil.example",
        "",
        "local host",
        "localhost:x",
        "[[[127.0.0.1]]]",
        "[127.0.0.1]",
        "[::1",
        "::1]",
        "[[::1]]:7400",
    ] {
        let answer = ask(&[&format!("Host: {host}")]);
        answer.fails(403, "forbidden", "no", "no");
    }
    let origin = |origin: &str| ask(&["Host: localhost:7400", &format!("Origin: {origin}")]);
    assert_eq!(origin("http://localhost:7400").status, 200);
    for from in ["http://evil.example", "http://localhost:8000", "null", "http://localhost", ""] {
        origin(from).fails(403, "forbidden", "no", "no");
    }
    // What is not there is not told to strangers either.
    let answer = served.client().ask("GET", "/none", &["Host: evil.example"], "");
    answer.fails(403, "forbidden", "no", "no");
    assert!(served.metric("nexus_http_refused_total{reason=\"host\"") > 0.0);
}

#[test]
fn who_asks_too_often_waits() {
    let served = serve_with(|settings| settings.http.requests_per_s = 5);
    let mut client = served.client();
    let answers: Vec<_> = (0..30).map(|_| client.ask("GET", "/none", &[], "")).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.len() >= 10, "ten may come at once, what is not there counts too");
    let error = refused[0].fails(429, "mailbox_full", "no", "later");
    assert_eq!(error["detail"]["reason"], "rate");
    assert_eq!(refused[0].header("retry-after"), Some("1"));
}

fn refusal(change: impl FnOnce(&mut nexus::Settings)) -> ServeError {
    let mut settings = settings();
    change(&mut settings);
    match server(settings, &Arc::new(Gate::default())).start() {
        Err(error) => error,
        Ok(_) => panic!("it must not start"),
    }
}

#[test]
fn a_node_that_others_can_reach_does_not_start_unprotected() {
    let everywhere: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = refusal(|settings| settings.http.listen = everywhere);
    assert!(matches!(error, ServeError::Exposure(_)), "{error}");
    let text = error.to_string();
    for word in ["nothing was started", "nexus certs", "nexus token create", "127.0.0.1"] {
        assert!(text.contains(word), "{text}");
    }
    let folder = Folder::new();
    let (path, _) = tokens(&folder);
    let error = refusal(|settings| {
        settings.http.listen = everywhere;
        settings.auth.tokens = Some(path);
    });
    assert!(error.to_string().contains("nexus certs"), "{error}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let served = serve();
    let address = served.address;
    let error = refusal(|settings| settings.http.listen = address);
    assert!(matches!(error, ServeError::Listen { listen, .. } if listen == address), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    served.is_well();
}
