//! A step of an agent: what one message came to, as an entry of the log.

use bytes::Bytes;
use nexus_base::{AgentId, Time};
use nexus_cluster::bounded;
use serde::{Deserialize, Serialize};

use super::name::{AgentName, Request};
use super::record::{EVENTS_MAX, LETTERS_MAX};

/// Changes of reminders in one step.
/// Source: a guess; each reminder could be taken back and set again.
pub const REMINDER_CHANGES_MAX: usize = 2 * super::record::REMINDERS_MAX;

/// Bytes of the name of a reminder, or of a message.
/// Source: a guess.
pub const LABEL_BYTES_MAX: usize = 256;

/// What one message came to. It takes effect whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Whose step it is.
    #[serde(with = "super::codec::agent_id")]
    pub agent: AgentId,
    /// What the agent is called.
    pub name: AgentName,
    /// Which step of the agent: one more than the last. The first is 1.
    pub number: u64,
    /// What becomes of what is kept.
    pub change: Change,
    /// The request it handled; none if the agent was moved by itself, say by a reminder.
    pub handled: Option<Handled>,
    /// What others are to be told, in this order.
    #[serde(deserialize_with = "bounded::list::<LETTERS_MAX, _, _>")]
    pub letters: Vec<Letter>,
    /// Reminders set and taken back, in this order, after the one that fired has gone.
    #[serde(deserialize_with = "bounded::list::<REMINDER_CHANGES_MAX, _, _>")]
    pub reminders: Vec<ReminderChange>,
    /// The reminder that the step is of.
    pub fired: Option<Fired>,
}

/// What a step does to what is kept of an agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Change {
    /// Nothing.
    None,
    /// All of it is replaced, and events before it are no longer needed.
    Whole {
        /// Of the state's bytes.
        version: u16,
        /// The state.
        bytes: Bytes,
    },
    /// Events are added to it. They have the version of what is kept already.
    Events {
        /// Of the events' bytes.
        version: u16,
        /// In this order.
        #[serde(deserialize_with = "bounded::list::<EVENTS_MAX, _, _>")]
        events: Vec<Bytes>,
    },
}

/// A request that was handled, and what it is answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Handled {
    /// Which.
    pub request: Request,
    /// The answer, also for whoever asks again; opaque here.
    pub reply: Bytes,
}

/// A message to an agent, by name, wherever it lives.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Letter {
    /// To whom.
    pub to: AgentName,
    /// The type of the message.
    pub message: String,
    /// The message.
    pub bytes: Bytes,
}

/// A reminder that is set or taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ReminderChange {
    /// It is set; one of that name that was set before is replaced.
    Set {
        /// Its name among those of the agent.
        name: String,
        /// When it is due, by the wall clock.
        #[serde(with = "super::codec::nanos")]
        at: Time,
        /// The type of the message that the agent gets then.
        message: String,
        /// The message.
        bytes: Bytes,
    },
    /// It is taken back; one that is not there is none.
    Forget {
        /// Its name.
        name: String,
    },
}

/// A reminder that was due, and whose message the agent has handled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fired {
    /// Its name.
    pub name: String,
    /// Which of that name: the number of the step that set it.
    pub nonce: u64,
}

impl Step {
    /// The first bound that it does not keep.
    pub(super) fn unsound(&self) -> Option<&'static str> {
        let events = match &self.change {
            Change::Events { events, .. } => events.len(),
            Change::None | Change::Whole { .. } => 0,
        };
        let fired = self.fired.as_ref().is_none_or(|fired| is_label(&fired.name));
        let checks = [
            (self.name.is_sound(), "the agent's name"),
            (events <= EVENTS_MAX, "the number of events"),
            (self.letters.len() <= LETTERS_MAX, "the number of letters"),
            (self.letters.iter().all(Letter::is_sound), "a letter's names"),
            (self.reminders.len() <= REMINDER_CHANGES_MAX, "the number of reminders"),
            (fired && self.reminders.iter().all(ReminderChange::is_sound), "a reminder's names"),
        ];
        checks.into_iter().find(|(kept, _)| !kept).map(|(_, what)| what)
    }
}

impl Letter {
    pub(super) fn is_sound(&self) -> bool {
        self.to.is_sound() && is_label(&self.message)
    }
}

impl ReminderChange {
    fn is_sound(&self) -> bool {
        match self {
            ReminderChange::Set { name, message, .. } => is_label(name) && is_label(message),
            ReminderChange::Forget { name } => is_label(name),
        }
    }
}

/// Whether a reminder or a message may be called so.
pub(super) const fn is_label(name: &str) -> bool {
    name.len() <= LABEL_BYTES_MAX
}
