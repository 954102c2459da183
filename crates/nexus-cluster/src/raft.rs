//! One member of a group that agrees on a log.
//!
//! A shard lives where its group is led, and "led" must mean one place at most. That is
//! what a term is for: one leader each, and nothing counts as done before a majority has
//! it on disk under that term.
//!
//! What must stay true, and is checked in the simulated world after every step:
//!
//! 1. *Election safety*: a term has at most one leader.
//! 2. *Leader append-only*: a leader never changes or removes an entry of its own log.
//! 3. *Log matching*: two logs with an entry of one index and term are equal up to there.
//! 4. *Leader completeness*: what is committed is in the log of every later leader.
//! 5. *State-machine safety*: nobody applies another entry at an index than somebody did.
//! 6. A vote, a term and an entry are on disk before anybody is told of them.
//! 7. A leader commits by counting only entries of its own term.
//! 8. No leader acts on its lease once another may have been elected, as long as clocks
//!    drift by no more than is stated: it counts from when it *sent* the round that a
//!    majority answered, it is shorter than what voters promise, and it is given up before
//!    leadership is handed over. A restarted voter votes for nobody for as long as it may
//!    have promised somebody.
//! 9. Memory is bounded: entries not yet committed, what is under way to each follower, and
//!    reads that wait, each by a number in [`Spec`].
//!
//! Absent on purpose: clocks, disks, sockets; what commands mean.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014;
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014: pre-vote 9.6, check-quorum and
//! leases 6.4, read-index 6.4, pipelining 10.2.1, writing in parallel 10.2.1, transfer 3.10.

mod effect;
mod entry;
mod members;
mod message;

pub use effect::{Effect, Role, Snapshot, Standing, Vote, Write};
pub use entry::{Entry, Index, Payload, Term};
pub use members::Members;
pub use message::{Body, Message};
