//! What is decided by predictions: where, whether, in which order and for how long.
//!
//! Of a kind of agents, [`Foresight`] learns how long handlers take and [`Followers`]
//! what is asked next. Of pools read [`Scheduled`] first: a balancing strategy that
//! holds requests together and sends each where it is expected to be done first. What
//! it expects comes from a [`WorkModel`], and how fast servers are from a [`Speeds`];
//! both are judged by what the dispatcher measures itself, see [`Fault`].

mod blocks;
mod fault;
mod followers;
mod foresight;
mod judge;
mod lineup;
mod outlook;
mod prefetch;
mod scheduled;
mod seat;
mod speeds;
mod spread;
mod waiting;
mod work;

pub use blocks::{BLOCKS_LOOKED_AT_MAX, BlockCache};
pub use fault::Fault;
pub use followers::Followers;
pub use foresight::{Foreseen, Foresight, OUTCOMES_NEEDED, Task};
pub(crate) use judge::Judge;
pub(crate) use outlook::sane;
pub use prefetch::{PrefetchCounts, Prefetching, USED_SHARE_MIN};
pub use scheduled::{Scheduled, ScheduledSpec};
pub use speeds::{EvenSpeeds, Speeds};
pub use work::{Demand, LearnedWork, WorkModel};
