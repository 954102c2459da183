//! A node that serves its agents over HTTP.
//!
//! Read [`Server`] first. A request comes in at [`listener`], is read by
//! [`connection`] on one of the workers, and answered by [`serving`], which asks
//! [`route`] what it is about and [`guard`] whether it may. What decides without
//! a socket is in files of its own: routes, filters, repeats, rates, and when
//! connections change their worker.
//!
//! Absent on purpose: HTTP/2 and a framework. There are seventeen routes, all in
//! one format; see `docs/decisions`.

mod agents;
mod arriving;
mod asked;
mod balance;
mod body;
mod connection;
mod crew;
mod events;
mod filter;
mod gauge;
mod guard;
mod host;
mod idempotency;
mod levels;
mod list;
mod listener;
mod meter;
mod on_worker;
mod openapi;
mod page;
mod pools;
mod problem;
mod progress;
mod query;
mod rate;
mod route;
mod server;
mod serving;
mod shape;
mod signals;
mod status;
mod trace;
mod watched;

pub(crate) use meter::{BOUNDS_S, Figures as HttpFigures};
pub use server::{Running, ServeError, Server};

use std::time::{SystemTime, UNIX_EPOCH};

use crate::pool::POOLS;
use host::Host;

/// Seconds since 1970, for what outlives a process: tokens and certificates.
#[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The kinds that clients see, in order.
fn kinds(host: &Host) -> Vec<&'static str> {
    let mut kinds = host.system().kind_names();
    kinds.retain(|kind| !is_internal(kind));
    kinds
}

/// Whether a kind is part of the runtime, and no business of clients. Pools are.
fn is_internal(kind: &str) -> bool {
    kind.starts_with("nexus.") && kind != POOLS
}
