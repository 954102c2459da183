//! Serves the shop. `cargo run -p shop`, then see README.md.

use nexus::{ServeError, Server};
use shop::{Cart, Stock};

fn main() -> Result<(), ServeError> {
    // Settings are the environment's, as NEXUS_HTTP_LISTEN=127.0.0.1:8080.
    Server::new().kind::<Cart>().kind::<Stock>().run()
}
