//! Requests and who serves them, as pure code: the request model, the routing
//! levels, the reactive level, load balancing over a pool of servers, and batches of
//! work over a crew of agents.
//!
//! Separate because every decision here can be replayed from a seed and tested
//! without an executor: nothing in this crate knows agents, threads, sockets
//! or clocks. Read [`balance::Balancer`] first for balancing, [`coordinate::Batch`]
//! for batches, [`Request`] and [`Reactive`] for what requests do.
#![forbid(unsafe_code)]

pub mod balance;
pub mod coordinate;
mod features;
mod reactive;
mod request;
mod routing;
mod suggest;

pub use features::{FEATURE_MAX, FeatureError, Features};
pub use reactive::{KEY_BYTES_MAX, KEYS_MAX, Reactive, ReactiveError, Staged, State, Variant};
pub use request::{DEADLINE_DEFAULT, DEADLINE_MAX, NAME_BYTES_MAX, Request, RequestKind};
pub use routing::{EnabledLevels, FallReason, ParseRoutingError, Routed, Routing, resolve};
