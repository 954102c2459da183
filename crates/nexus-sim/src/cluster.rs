//! Clusters in virtual time: nodes that agree on logs, links, disks and clocks that fail.
//!
//! The members are those of production, and so are the frames between them. What goes wrong
//! is drawn from the seed, within what is promised: no write is lost once it is synced, and
//! no two clocks differ in rate by more than members are told of. All else may happen to
//! all nodes at once. While it does, nothing false may be seen; once it is over, all must be
//! well again within a stated time.
//!
//! Read [`ClusterWorld`] first, then [`Checker`] for what is watched.

mod checkers;
mod client;
mod clock;
mod disk;
mod event;
mod failover;
mod family;
mod kv;
mod links;
mod nemesis;
mod node;
mod outcome;
mod outside;
mod pace;
mod plan;
#[cfg(feature = "mutants")]
mod planted;
mod ploy;
mod queue;
mod replica;
mod spec;
mod store;
mod trace;
mod wish;
mod world;

#[cfg(test)]
mod tests;

// What the world of whole nodes has in common with this one.
pub(crate) use checkers::VIOLATIONS_MAX;
pub(crate) use clock::Clock;
pub(crate) use disk::Leaves;
pub(crate) use event::Blow;
pub(crate) use links::{Links, copies};
pub(crate) use nemesis::{Air, Attacked, Nemesis, Victim, draw_ppm};
pub(crate) use node::Death;
pub(crate) use outcome::{broken_assertion, panic_of};
pub(crate) use outside::{node_id, node_index};
pub(crate) use plan::{CLOCK_PPM_MAX, Plan};
pub(crate) use ploy::Ploy;
pub(crate) use queue::Queue;
pub(crate) use store::{NodeStorage, SharedDisk, open, write};
pub(crate) use trace::ClusterTrace;

pub use checkers::{Checker, Place, Seen, Violation};
pub use client::Call;
pub use failover::{
    DOWN, Failover, FailoverError, FailoverSpec, Kill, Outage, PROBE_EVERY, TooSlow,
};
pub(crate) use failover::{Elections, Measured};
pub use family::{Families, Family, FaultCounts};
pub use kv::{Answer, ClientId, Command, Kv, Op};
pub use outcome::{Outcome, run};
#[cfg(feature = "mutants")]
pub use planted::Planted;
pub use spec::{ClusterSpec, Kind, MINUTES_MAX, NODES_MAX, SETTLE_WITHIN, SHARDS_MAX, Watch};
pub use trace::Listener;
pub use world::{Changes, ClusterWorld};
