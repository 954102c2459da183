//! What nodes say to each other, and what each makes of it.
//!
//! Separate because none of it knows agents: it moves bytes, and decides who owns what.
//! Every part is a plain struct with the same four verbs: `handle_*(now, input)`,
//! `handle_timeout(now)`, `next_timeout()`, `poll_effect()`. Read [`raft::Raft`] first.
//!
//! Absent on purpose: clocks, sockets, threads, chance of its own. Storage goes through
//! [`Disk`], which a folder implements in production and a faulty one in a simulated world.
#![forbid(unsafe_code)]

pub mod bounded;
pub mod causal;
pub mod crdt;
mod disk;
pub mod gossip;
mod id;
pub mod lock;
pub mod membership;
pub mod raft;
pub mod registry;
pub mod ring;
pub mod shard;
pub mod storage;
pub mod wire;

pub use disk::{Disk, DiskError, MemoryDisk};
pub use id::{ClusterId, GroupId, NodeId};
