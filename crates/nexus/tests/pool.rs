//! Pools on real threads and in virtual time: who serves, who waits, what
//! becomes of members that end, and that the counts add up.

#[path = "pool/support.rs"]
mod support;

#[path = "pool/ends.rs"]
mod ends;
#[path = "pool/layers.rs"]
mod layers;
#[path = "pool/levels.rs"]
mod levels;
#[path = "pool/limits.rs"]
mod limits;
#[path = "pool/threads.rs"]
mod threads;
#[path = "pool/waiting.rs"]
mod waiting;
#[path = "pool/world.rs"]
mod world;
