//! Serving a node's agents over HTTP.

#[allow(dead_code, reason = "until the routes are there")]
mod page;
#[allow(dead_code, unused_imports, reason = "until the routes are there")]
mod trace;
