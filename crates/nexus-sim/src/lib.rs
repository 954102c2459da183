//! Agents in virtual time, on one thread, in an order that a seed decides.
//!
//! Separate because it is the other driver of the runtime: the same agents, the
//! same mailboxes, the same asks as under threads, but time is a number, and
//! who runs next is drawn. A test that fails, fails again from its seed.
//!
//! Read [`World`] first, then [`check`], which runs each seed twice, the second
//! time in another process, and tells where two runs part ways.
//!
//! ```
//! # extern crate nexus_agent as nexus;
//! use std::time::Duration;
//! use nexus::{Agent, Context, Handler, Message};
//! use nexus_sim::World;
//!
//! struct Lamp {
//!     lit: bool,
//! }
//!
//! impl Agent for Lamp {
//!     const KIND: &'static str = "lamp";
//!     fn new(_key: &str) -> Self {
//!         Lamp { lit: false }
//!     }
//! }
//!
//! #[derive(Message)]
//! struct LightFor(Duration);
//!
//! #[derive(Message)]
//! struct Dim;
//!
//! #[derive(Message)]
//! #[message(reply = bool)]
//! struct IsLit;
//!
//! impl Handler<LightFor> for Lamp {
//!     async fn handle(&mut self, LightFor(time): LightFor, cx: &mut Context<Self>) {
//!         self.lit = true;
//!         cx.after(time, Dim);
//!     }
//! }
//!
//! impl Handler<Dim> for Lamp {
//!     async fn handle(&mut self, _: Dim, _: &mut Context<Self>) {
//!         self.lit = false;
//!     }
//! }
//!
//! impl Handler<IsLit> for Lamp {
//!     async fn handle(&mut self, _: IsLit, _: &mut Context<Self>) -> bool {
//!         self.lit
//!     }
//! }
//!
//! let mut world = World::new(7);
//! let lamp = world.spawn::<Lamp>("hall");
//! world.tell(&lamp, LightFor(Duration::from_secs(3600))).unwrap();
//! world.run_for(Duration::from_secs(3599));
//! assert_eq!(world.ask(&lamp, IsLit), Ok(true));
//! world.run_for(Duration::from_secs(2));
//! assert_eq!(world.ask(&lamp, IsLit), Ok(false));
//! ```
//!
//! Absent on purpose: threads, clocks, tokio. A handler that awaits what the
//! world does not own (a tokio timer, a channel fed by a thread) fails there,
//! by name.
#![forbid(unsafe_code)]

// The derives speak of `nexus`, the crate users import.
extern crate nexus_agent as nexus;

mod books;
mod builder;
pub mod causality;
#[allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "starts its test anew as another process, and tells how to run it again"
)]
mod check;
pub mod cluster;
mod driver;
mod input;
pub mod linearizability;
mod mix;
pub mod nodes;
mod ready;
mod record;
#[allow(clippy::disallowed_methods, reason = "which seeds to run, the environment says")]
mod seeds;
mod thread;
mod trace;
mod verdict;
mod waker;
mod world;

pub use builder::{Asks, Builder, Order};
pub use check::{Check, check};
pub use input::{BadInput, FILE_BYTES_MAX};
pub use record::Record;
pub use seeds::seeds;
pub use trace::TraceHash;
pub use verdict::Verdict;
pub use world::{EVENTS_MAX, EVENTS_PER_INSTANT_MAX, World};

/// The programs of docs/simulation.md, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/simulation.md")]
struct SimulationGuide;
