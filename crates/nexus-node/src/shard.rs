//! What one shard keeps of its agents: the state machine of the shard's group.
//!
//! A step of an agent is one entry of the log: what it changed, what it answered, whom it
//! wrote to, what it wants to be reminded of. [`ShardState::apply`] takes it whole or
//! refuses it and says why; it comes to the same answer at every member of the group.
//!
//! What must stay true, and is checked over random commands with slots changing hands:
//!
//! 1. A step is taken only as the next of its agent, and only while its slot is open.
//! 2. What is kept of an agent moves with its slot, whole, and is at one open place at most.
//! 3. A request is handled once, as long as its origin is among the last [`ANSWERS_MAX`] of
//!    the agent; a reminder takes effect once.
//! 4. A letter is kept until its receiver has it; to one receiver one goes after the other.
//! 5. What is held of a sealed slot is final: whoever reads it reads the same.
//! 6. All is bounded, and what is beyond a bound is refused whole.
//!
//! Read [`ShardState`] first.
//!
//! Absent on purpose: clocks (reminders are due by a time that is handed in); who runs
//! agents and who carries letters; what states, messages and answers mean.

mod agenda;
mod answers;
mod applied;
mod codec;
mod command;
mod letters;
mod moving;
mod name;
mod part;
mod planted;
mod record;
mod snapshot;
mod state;
mod step;

pub(crate) use answers::Answers;
pub use answers::{ANSWERS_MAX, Seen};
pub use applied::{Applied, Refusal};
pub use command::{COMMAND_BYTES_MAX, Command, DecodeError, EncodeError};
pub use letters::Letters;
pub use name::{AgentName, Origin, Request};
pub use part::{PART_BYTES_MAX, PARTS_MAX, Part};
#[cfg(any(test, feature = "mutants"))]
pub use planted::Planted;
pub use record::{EVENTS_MAX, Kept, LETTERS_MAX, REMINDERS_MAX, Record, Reminder};
pub use snapshot::SnapshotError;
pub use state::{Limits, ShardState};
pub use step::{
    Change, Fired, Handled, LABEL_BYTES_MAX, Letter, REMINDER_CHANGES_MAX, ReminderChange, Step,
};

#[cfg(test)]
mod tests;
