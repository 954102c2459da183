//! The shop in a seeded world, and over its port.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use nexus::{Server, Settings};
use nexus_sim::{World, check, seeds};
use serde_json::{Value, json};
use shop::{AddItem, Added, Cart, Clear, Items, PutBack, Stock};

/// Two customers want the last apples: whoever runs first, none is sold twice.
#[test]
fn nothing_is_sold_twice_whoever_comes_first() {
    check(seeds(20), |world: &mut World| {
        let stock = world.spawn::<Stock>("apple");
        world.ask(&stock, PutBack { pieces: 3 }).expect("it runs");
        let carts = ["ada", "ben"].map(|name| world.spawn::<Cart>(name));
        let tasks = carts.clone().map(|cart| {
            let add = AddItem { article: "apple".to_owned(), pieces: 2 };
            world.task(async move { cart.ask(add).await }).expect("the node takes work")
        });
        let mut added = tasks.map(|task| world.block_on(task).expect("no panic").expect("answer"));
        added.sort_by_key(|added| matches!(added, Added::Only(_)));
        assert_eq!(added, [Added::Now(2), Added::Only(1)]);
        let back: u32 = carts.iter().map(|cart| world.ask(cart, Clear).expect("it runs")).sum();
        assert_eq!(back, 2);
        assert_eq!(world.ask(&carts[0], Items), Ok(Vec::new()));
    });
}

/// One request on a connection of its own.
fn send(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit can be set");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), serde_json::from_str(body).expect("JSON"))
}

#[test]
fn the_shop_is_served_over_http() {
    let settings = Settings::load(None, [("NEXUS_HTTP_LISTEN", "127.0.0.1:0")]).expect("good");
    let server = Server::new().settings(settings).kind::<Cart>().kind::<Stock>();
    let running = server.start().expect("a port is free");
    let address = running.listens().to_string();
    let send = |method: &str, path: &str, body: Value| send(&address, method, path, &body);

    let stock = json!({"args": {"pieces": 3}});
    assert_eq!(send("PUT", "/v1/agents/stock/apple", stock).0, 201);
    assert_eq!(send("PUT", "/v1/agents/stock/pear", json!({"args": {"pieces": "many"}})).0, 400);
    assert_eq!(send("PUT", "/v1/agents/cart/ada", Value::Null).0, 201);

    let add = |pieces: Value| {
        let args = json!({"article": "apple", "pieces": pieces});
        let body = json!({"type": "message", "name": "AddItem", "args": args});
        send("POST", "/v1/agents/cart/ada", body)
    };
    assert_eq!(add(json!(2)).1["value"], json!({"Now": 2}));
    assert_eq!(add(json!(2)).1["value"], json!({"Only": 1}));
    let (status, answer) = add(json!(-1));
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_request")));
    assert_eq!(answer["error"]["detail"]["path"], "args.pieces");

    let (_, look) = send("GET", "/v1/agents/stock/apple", Value::Null);
    assert_eq!(look["state"], json!({"pieces": 1}));
    let (_, document) = send("GET", "/openapi.json", Value::Null);
    let schema = &document["components"]["schemas"]["cart.AddItem"];
    assert_eq!(schema["required"], json!(["article", "pieces"]));
    assert!(running.shutdown().drained);
}
