//! One node: agents that live where their shard is led, and whose steps are entries of its log.
//!
//! Separate because it is where the protocols, which know no agents, and the agents, which
//! know no cluster, meet. Everything is pure: what decides is handed the time and the input,
//! and says what it wants done. Read [`shard::ShardState`] first: what a shard keeps.
//!
//! Absent on purpose: clocks, sockets, threads, disks; how agents run; how groups agree.
#![forbid(unsafe_code)]

pub mod shard;
