//! Serves the shop. `cargo run -p shop`, then see README.md.

use nexus::{ServeError, Server, Settings};
use shop::{Cart, Stock};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Settings from the environment, as NEXUS_HTTP_LISTEN=127.0.0.1:8080.
    let settings = Settings::load(None, std::env::vars_os())?;
    let served: Result<(), ServeError> =
        Server::new().settings(settings).kind::<Cart>().kind::<Stock>().run();
    Ok(served?)
}
