//! Whole nodes in virtual time: agents that live where their shard is led, and all that can
//! go wrong between them.
//!
//! The nodes are those of production: groups, membership, routes, and agents of real kinds,
//! whose steps are entries of logs on simulated disks. Worlds of
//! [groups](crate::cluster) attack agreement alone, and take less than half the time; this one
//! attacks what is built on it. What goes wrong is drawn in the same way and within the same
//! promises.
//!
//! Read [`NodesWorld`] first, which runs your own kinds as well
//! ([`NodesWorld::with_kinds`]), then [`Checker`] for what is watched.

mod agents;
mod by_hand;
mod checkers;
mod client;
mod event;
mod failover;
mod guests;
mod kinds;
mod locker;
mod locking;
mod lure;
mod nemesis;
mod node;
mod op;
mod outcome;
mod outside;
mod spec;
mod wish;
mod words;
mod world;

#[cfg(test)]
mod tests;

pub use by_hand::ASK_WITHIN;
pub use checkers::{Checker, LockSeen, Seen};
pub use client::ClientId;
pub use failover::MeasuredNodes;
pub use kinds::Kinds;
pub use locker::LockerId;
pub use nexus_cluster::NodeId;
pub use nexus_node::{Answer, CallError};
pub use op::{Op, Reply};
pub use outcome::{Outcome, run};
pub use spec::{AUDIT_WITHIN, QUIET_FOR, REMIND_MAX, SETTLE_WITHIN, WALL_OFF_MAX};
pub use world::NodesWorld;
