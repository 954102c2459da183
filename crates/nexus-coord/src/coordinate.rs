//! Coordination: a batch of items, a crew of agents, and who does what.
//!
//! A [`Batch`] keeps the books and is what a driver talks to: it says which item
//! is to be sent to which agent, is told how that ended, and gives an [`Account`].
//! Who gets what next is said by a plan, which the [level](CoordinationLevel)
//! asked for makes; where it cannot, the next lower one does, and the account
//! says why. The two lowest levels are here and always work. Plans that need what
//! was learned come from a [`Planner`].
//!
//! Absent on purpose: clocks, agents, messages, and work that is split or moved
//! once it is with an agent.

mod account;
mod batch;
mod crew;
mod item;
mod level;
mod line;
mod plan;
mod turns;

pub use account::{Account, Fall, Share};
pub use batch::{
    AGENTS_MAX, ATTEMPTS_MAX, Batch, BatchError, BatchSpec, CRASHES_MAX, Effect,
    IN_FLIGHT_EACH_MAX, ITEMS_MAX,
};
pub use crew::{Crew, InHand};
pub use item::{Ended, Item, NotBegun, Run};
pub use level::{CoordinationLevel, ParseCoordinationLevelError};
pub use plan::{Done, Job, NoPlan, Plan, Planner, Unlearned};
