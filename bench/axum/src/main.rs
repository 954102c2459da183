//! What a port costs with nothing behind it: an axum handler that returns a
//! constant of the size of our answers. `bench/http.sh` runs it beside a node.

use std::io::Write;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;

/// As long as what a node answers to the benchmark's request.
const ANSWER: &str = r#"{"level":{"asked":"reactive","reason":null,"used":"reactive"},"node":"bench","term":null,"value":1}"#;

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = || async { ([(CONTENT_TYPE, "application/json")], ANSWER) };
        let router = Router::new().route("/v1/agents/{kind}/{key}", post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
        axum::serve(listener, router).await
    })
}
