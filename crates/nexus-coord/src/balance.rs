//! Load balancing: which server of a pool takes the next request.
//!
//! Two halves. The [`Balancer`] keeps the books (who is in the pool, what is in
//! flight, what waits, which tickets are open) and is what a driver talks to.
//! A [`Strategy`] only chooses, and sees the pool through a [`View`]: the time,
//! its own past and what servers reported, with the age of each report.
//!
//! Neither can see how much a request will generate nor how fast a server is:
//! [`Arrival`], [`View`] and [`Report`] have no such field.
//!
//! ```
//! use nexus_base::{Rng, Time};
//! use nexus_coord::balance::{Arrival, Balancer, Outcome, Placement, StrategyName};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut rng = Rng::new(7);
//! let mut balancer = Balancer::named(StrategyName::LeastConnections);
//! let first = balancer.handle_join(Time::ZERO)?;
//! let second = balancer.handle_join(Time::ZERO)?;
//!
//! let arrival = Arrival::new(374);
//! let Placement::Sent { ticket, server } =
//!     balancer.handle_request(Time::ZERO, &arrival, &mut rng)?
//! else {
//!     unreachable!("least-connections never holds a request")
//! };
//! assert!(server == first || server == second);
//! balancer.handle_finished(Time::from_nanos(5_000), ticket, Outcome::Done)?;
//! # Ok(())
//! # }
//! ```
//!
//! Absent on purpose: clocks, sockets, retries, health checks.

mod arrival;
mod balancer;
mod central_queue;
mod count_index;
mod draw;
mod least_connections;
mod line;
mod meter;
mod name;
mod nanos;
mod prequal;
mod random;
mod report;
mod resource_aware;
mod roster;
mod round_robin;
mod score_tree;
mod server;
mod strategy;
mod ticket;
mod two_choices;
mod weighted_response_time;

pub use arrival::Arrival;
pub use balancer::{
    Balancer, Counts, Effect, Limits, PickError, Placement, ReportError, RosterFull, UnknownServer,
    UnknownTicket,
};
pub use central_queue::CentralQueue;
pub use least_connections::LeastConnections;
pub use line::Line;
pub use meter::Meter;
pub use name::{ParseStrategyNameError, StrategyName};
pub use prequal::Prequal;
pub use random::Random;
pub use report::{Report, ReportCause, Utilisation, UtilisationError};
pub use resource_aware::ResourceAware;
pub use roster::View;
pub use round_robin::RoundRobin;
pub use server::{ServerId, ServerIndex};
pub use strategy::{Choice, Finished, Outcome, Release, Strategy};
pub use ticket::Ticket;
pub use two_choices::TwoChoices;
pub use weighted_response_time::WeightedResponseTime;

/// The strategy called `name`, knowing no servers yet.
pub fn strategy(name: StrategyName) -> Box<dyn Strategy> {
    match name {
        StrategyName::Random => Box::<Random>::default(),
        StrategyName::RoundRobin => Box::<RoundRobin>::default(),
        StrategyName::TwoChoices => Box::<TwoChoices>::default(),
        StrategyName::LeastConnections => Box::<LeastConnections>::default(),
        StrategyName::WeightedResponseTime => Box::<WeightedResponseTime>::default(),
        StrategyName::ResourceAware => Box::<ResourceAware>::default(),
        StrategyName::Prequal => Box::<Prequal>::default(),
        StrategyName::CentralQueue => Box::<CentralQueue>::default(),
    }
}
