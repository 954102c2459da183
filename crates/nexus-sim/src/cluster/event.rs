//! What can happen next in the simulated cluster.

use std::time::Duration;

use bytes::Bytes;
use nexus_base::Time;

use super::client::{Reply, Request};

/// Something that is to happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A frame arrives at a node.
    Frame { to: u32, bytes: Bytes },
    /// A timer of a replica goes off, if it is still the one set last.
    Timer { node: u32, shard: u32, incarnation: u32 },
    /// A node's disk has done a sync.
    Synced { node: u32, incarnation: u32 },
    /// A client's request arrives at a node.
    Request { to: u32, request: Request },
    /// An answer arrives at a client.
    Reply(Reply),
    /// A client goes on: it begins its next operation, or has waited long enough.
    Client { client: u32, wake: u64 },
    /// Something goes wrong, or ends going wrong.
    Nemesis(Blow),
    /// Somebody wants something changed in a shard.
    Wish { shard: u32 },
}

/// What the world does to its nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blow {
    /// The family strikes.
    Strike(super::Family),
    /// A node starts again.
    Restart { node: u32 },
    /// A node goes on.
    Resume { node: u32, until: Time },
    /// A node is heard no more by another, which may die of it.
    Lose { from: u32, to: u32, until: Time, dies: Option<Duration> },
    /// Frames pass again between these.
    Mend { cut: u64 },
    /// A disk has room again.
    Room { node: u32 },
    /// Syncs of a disk are quick again.
    Quick { node: u32 },
}
