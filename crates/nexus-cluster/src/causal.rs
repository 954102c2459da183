//! Order by cause: a message is not shown before those that its sender had seen.
//!
//! Absent on purpose: sending again what was lost. [`CausalBuffer::missing`] says what to
//! ask for; who keeps it, and for how long, is the caller's affair.
//!
//! # Source
//! Birman, Schiper, Stephenson, "Lightweight Causal and Atomic Group Multicast", 1991.

mod buffer;
mod clock;

#[cfg(test)]
mod tests;

pub use buffer::{CausalBuffer, CausalError};
pub use clock::{CLOCK_NODES_MAX, ClockError, VectorClock};
