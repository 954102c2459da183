//! One node: agents that live where their shard is led, and whose steps are entries of its log.
//!
//! Separate because it is where the protocols, which know no agents, and the agents, which
//! know no cluster, meet. Everything is pure: what decides is handed the time and the input,
//! and says what it wants done. Read [`Node`] first, and [`shard::ShardState`] for what a
//! shard keeps.
//!
//! How an agent's message becomes an answer: `handler/ask.rs` finds who leads its shard;
//! there `handler/arrive.rs` activates it and delivers the message; `handler/step.rs` makes
//! what came of it an entry, and lets it out once that is committed. Local agents have names
//! as well: `handler/name.rs` has them in their shard's directory, `handler/local.rs` finds
//! them there and asks their node. Locks are of the cluster: `handler/lock.rs` finds who leads
//! the control group, and `handler/lock_desk.rs` decides there.
//!
//! Absent on purpose: clocks, sockets, threads, disks; how agents run; how groups agree.
#![forbid(unsafe_code)]

mod alarms;
mod call;
mod control;
mod delivery;
mod disk;
mod effect;
mod ended;
mod group;
mod handler;
mod host;
mod hosting;
mod input;
mod locks;
mod look;
mod mail;
mod names;
mod node;
mod observer;
mod planted;
mod reply;
pub mod shard;
mod spec;

pub use call::CALLS_MAX;
pub use delivery::DELIVERIES_MAX;
pub use effect::{Answer, CallError, Effect};
pub use group::{CONTROL, group_of, shard_of};
pub use input::{Ask, Input, LockAsk, Naming};
pub use locks::{LOCK_ASKS_MAX, LOCK_TRIES_MAX, LOCK_WITHIN_MAX, LOCKS_MAX};
pub use mail::words;
pub use names::{NAMES_HELD_MAX, PLACES_MAX, first_life, start_of};
pub use node::{Counts, Node, NodeError};
pub use observer::{Observer, Saw};
#[cfg(feature = "mutants")]
pub use planted::Planted;
#[cfg(not(feature = "mutants"))]
use planted::Planted;
pub use spec::{ACTIVATIONS_MAX, ACTIVE_BYTES, MembershipSpec, NodeSpec};
