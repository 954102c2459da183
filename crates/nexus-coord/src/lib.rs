//! Requests and who serves them, as pure code: the request model, the routing
//! levels, the reactive level, and load balancing over a pool of servers.
//!
//! Separate because every decision here can be replayed from a seed and tested
//! without an executor: nothing in this crate knows agents, threads, sockets
//! or clocks. Read [`balance::Balancer`] first for balancing.
#![forbid(unsafe_code)]

pub mod balance;
mod features;
mod suggest;

pub use features::{FEATURE_MAX, FeatureError, Features};
