//! What is decided by predictions: where, whether, in which order and for how long.
//!
//! Read [`Scheduled`] first: a balancing strategy that holds requests together
//! and sends each where it is expected to be done first. What it expects comes
//! from a [`WorkModel`], and how fast servers are from a [`Speeds`]; both are
//! judged by what the dispatcher measures itself, see [`Fault`].

mod blocks;
mod fault;
mod judge;
mod lineup;
mod outlook;
mod scheduled;
mod seat;
mod speeds;
mod spread;
mod waiting;
mod work;

pub use blocks::{BLOCKS_LOOKED_AT_MAX, BlockCache};
pub use fault::Fault;
pub(crate) use judge::Judge;
pub(crate) use outlook::sane;
pub use scheduled::{Scheduled, ScheduledSpec};
pub use speeds::{EvenSpeeds, Speeds};
pub use work::{Demand, LearnedWork, WorkModel};
