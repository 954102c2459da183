//! What every Nexus crate is made of: time, chance, identity, fractions,
//! bounded queues, histograms, statistics.
//!
//! Separate so that the purity rules (no clock, no unseeded chance, no
//! unordered walk) have one home. Read [`Time`] and [`Rng`] first.
#![forbid(unsafe_code)]

mod id;
mod ratio;
mod rng;
mod time;

pub use id::{AgentId, IdSecret};
pub use ratio::Ratio;
pub use rng::Rng;
pub use time::Time;
