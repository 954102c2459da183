//! What one shard keeps of its agents: the state machine of the shard's group.
//!
//! What must stay true, and is checked over random commands:
//!
//! 1. A step takes effect whole or not at all, only in its turn, and only for a slot that the
//!    shard takes writes for.
//! 2. What is kept of an agent moves with its slot, whole. It is in the source until the
//!    destination owns the slot, and no step is taken meanwhile.
//! 3. A request is handled once, as long as its origin is among the last [`ANSWERS_MAX`] that
//!    asked the agent.
//! 4. A reminder takes effect once; a letter is kept until its receiver has it.
//! 5. Equal commands in equal order give equal states, from a snapshot on as from the start.
//!
//! Read [`ShardState`] first. Absent on purpose: clocks; how agents run; who is the leader.

mod applied;
mod codec;
mod command;
mod name;
mod part;
mod record;
mod state;
mod step;

pub use applied::{Applied, Refusal};
pub use command::{COMMAND_BYTES_MAX, Command, DecodeError, EncodeError};
pub use name::{AgentName, Origin, Request};
pub use part::{PART_BYTES_MAX, PARTS_MAX, Part};
pub use record::{ANSWERS_MAX, EVENTS_MAX, Kept, LETTERS_MAX, REMINDERS_MAX, Record, Reminder};
pub use state::{AGENTS_MAX, BadSnapshot, HANDOFFS_STAGED_MAX, Seen, ShardState};
pub use step::{Change, Fired, Handled, LABEL_BYTES_MAX, Letter, ReminderChange, Step};
