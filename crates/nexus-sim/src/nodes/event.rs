//! What can happen next in the world of nodes.

use bytes::Bytes;
use nexus_node::{Answer, Ask, CallError, LockAsk};

use super::locking::LockTold;
use crate::cluster::Blow;

/// Something that is to happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A frame arrives at a node.
    Frame { to: u32, bytes: Bytes },
    /// A datagram arrives at a node.
    Datagram { to: u32, from: u32, bytes: Bytes },
    /// A node's timer goes off, if it is still the life it was set in.
    Timer { node: u32, incarnation: u32 },
    /// A node's disk has done a sync.
    Synced { node: u32, incarnation: u32 },
    /// A node asks for the name of a guest, if it is still the life that planned it.
    Name { node: u32, incarnation: u32, guest: u32 },
    /// What a client asks arrives at a node.
    Ask { to: u32, ask: Ask },
    /// An answer arrives at a client.
    Reply { from: u32, ticket: u64, answer: Result<Answer, CallError> },
    /// A client goes on: it begins its next operation, or has waited long enough.
    Client { client: u32, wake: u64 },
    /// What a locker asks arrives at a node.
    LockAsk { to: u32, ask: LockAsk },
    /// What it is told arrives at a locker.
    LockTold { from: u32, ticket: u64, told: LockTold },
    /// A locker goes on.
    Locker { locker: u32, wake: u64 },
    /// Something goes wrong, or ends going wrong.
    Nemesis(Blow),
}
