//! What every Nexus crate is made of: time, chance, identity, fractions,
//! bounded queues, histograms, statistics.
//!
//! Separate so that the purity rules (no clock, no unseeded chance, no
//! unordered walk) have one home. Read [`Time`] and [`Rng`] first.
#![forbid(unsafe_code)]

mod bounded;
mod event;
mod histogram;
mod id;
mod level;
mod map;
pub mod math;
mod ratio;
mod rng;
pub mod stats;
mod time;

pub use bounded::BoundedQueue;
pub use event::{EventName, UnknownEvent};
pub use histogram::{DURATION_MAX, Histogram};
pub use id::{AgentId, IdSecret};
pub use level::{Level, UnknownLevel};
pub use map::{FixedMap, FixedSet, FixedState};
pub use ratio::Ratio;
pub use rng::Rng;
pub use stats::Summary;
pub use time::Time;
