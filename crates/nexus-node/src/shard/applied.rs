//! What came of a command.

use nexus_cluster::registry::DirectoryError;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{Phase, StepError};

use super::record::{EVENTS_MAX, LETTERS_MAX, REMINDERS_MAX};

/// What came of a command. The same at all members of the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It has taken effect.
    Accepted,
    /// It had taken effect before; nothing changed.
    Unchanged,
    /// Nothing changed.
    Refused(Refusal),
}

impl Applied {
    /// Whether what the command wanted is so now: it took effect, or had before.
    pub const fn is_done(self) -> bool {
        matches!(self, Applied::Accepted | Applied::Unchanged)
    }
}

/// Why a command was refused. Nothing changed, unless said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The shard takes no writes for the slot, or not yet. Ask who does.
    #[error("no writes are taken for slot {slot}, which is {phase:?} here")]
    NotOpen {
        /// Which.
        slot: Slot,
        /// How the shard stands to it.
        phase: Phase,
    },
    /// Another step came between. Discard the activation; the next begins with what is
    /// kept.
    #[error("the next step of the agent is {expected}")]
    OutOfOrder {
        /// The number that is due.
        expected: u64,
    },
    /// Two names have one id. Choose another name.
    #[error("another name has the same id")]
    OtherName,
    /// The origin had an answer to that, or to a later one. Say it again.
    #[error("request {last} of the origin was handled before")]
    HandledBefore {
        /// Its last request that was handled.
        last: u64,
    },
    /// The events are of another version than what they follow. Keep the whole state.
    #[error("events of one version cannot follow what is kept, of version {kept}")]
    OtherVersion {
        /// Of what is kept.
        kept: u16,
    },
    /// Keep the whole state, which replaces the events.
    #[error("{EVENTS_MAX} events are kept since the whole state, which is the most")]
    TooManyEvents,
    /// Trying again helps once receivers have got some.
    #[error("{LETTERS_MAX} letters of the agent wait to be received, which is the most")]
    TooManyLetters,
    /// Take some back first.
    #[error("an agent has at most {REMINDERS_MAX} reminders")]
    TooManyReminders,
    /// It has fired, was taken back or replaced. Nothing is to be done.
    #[error("the reminder that fired is not set any more")]
    ReminderGone,
    /// Trying again does not help: keep agents in more shards.
    #[error("the shard keeps {agents_max} agents, which is the most")]
    TooManyAgents {
        /// The limit.
        agents_max: usize,
    },
    /// A letter of that agent was to be received before this one.
    #[error("letter {first} of the sender to that receiver comes first")]
    LetterTooEarly {
        /// The one that is due.
        first: u64,
    },
    /// See there.
    #[error("the step of a handoff was not done")]
    Handoff(#[source] StepError),
    /// Stage the others first.
    #[error("{staged} of {parts} parts are staged")]
    Incomplete {
        /// As many have come.
        staged: usize,
        /// As many there are.
        parts: u32,
    },
    /// What was staged makes no sense and was dropped: fetch it again from the source.
    #[error("what was staged cannot be read, and is dropped")]
    Damaged,
    /// The command names other slots than the parts that were staged. These were kept.
    #[error("parts of the handoff were staged for other slots")]
    OtherSlots,
    /// Trying again helps once others are decided.
    #[error("parts of {handoffs_max} handoffs are staged, which is the most")]
    TooManyHandoffs {
        /// The limit.
        handoffs_max: usize,
    },
    /// See there.
    #[error("the name was not registered")]
    Directory(#[source] DirectoryError),
}
