//! The host: what a node is to its strict agents, and to whoever sends by name.
//!
//! What is in the log of a shard, which node leads it and where letters go is
//! the node's business; the agents' side is here.

use std::sync::Arc;
use std::time::Duration;

use nexus_base::AgentId;

use crate::slot::Slot;
use crate::{AskError, Changed, LockAsk, LockError, StepOutput, StopReason};

/// What a [`crate::System`] reports to and asks of the node it is part of; see
/// [`crate::System::set_host`].
///
/// Called from inside runs of agents, on any worker: it notes what it is told
/// and returns. It may call [`crate::System::deliver`] and
/// [`crate::System::activate`], must not block, and must not panic: a panic is
/// caught and what it was told is lost.
pub trait Host: Send + Sync + 'static {
    /// A handler of a strict agent has ended. Called for each, in the order of
    /// the agent's steps, also where it changed and sent nothing. A message that
    /// was delivered to a local agent and answered comes here as well, with
    /// nothing in it but the reply.
    fn stepped(&self, output: StepOutput);

    /// A message that was delivered under this number came to no step's end:
    /// refused, expired, or its agent crashed or ended first. Each delivery ends
    /// here or in [`Self::stepped`], once.
    fn undelivered(&self, delivery: u64, error: AskError);

    /// The cell of a strict agent is gone. Everything that was delivered to it
    /// has been told of before.
    fn ended(&self, id: AgentId, activation: u64, reason: StopReason);

    /// [`crate::Context::send`] of a local agent: to go at once.
    fn letter(&self, letter: Letter);

    /// [`crate::Context::call`] of any agent: to go at once.
    fn call(&self, call: Call);

    /// [`crate::Context::lock`] and the like, of any agent: to go at once. A host
    /// that keeps no locks says so.
    fn lock(&self, ask: LockAsk) {
        ask.answer.complete(Err(LockError::NoCluster));
    }
}

/// A message to an agent known by name, wherever it lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// The kind it is for.
    pub kind: String,
    /// Which agent of the kind.
    pub key: String,
    /// The message's name, [`crate::Message::NAME`].
    pub message: String,
    /// The message, encoded.
    pub bytes: Vec<u8>,
}

impl Letter {
    /// What it takes, all in all: names and bytes.
    pub fn len_bytes(&self) -> usize {
        self.kind.len() + self.key.len() + self.message.len() + self.bytes.len()
    }
}

/// A message whose answer an agent awaits.
pub struct Call {
    /// Whom to ask what.
    pub letter: Letter,
    /// How long the asker waits from now on.
    pub within: Duration,
    /// Where the answer goes.
    pub answer: CallAnswer,
}

/// Where the answer to a [`Call`] goes. Dropped unanswered, the asker learns
/// that the outcome is unknown.
pub struct CallAnswer(Arc<Slot<Vec<u8>>>);

impl CallAnswer {
    pub(crate) fn new(slot: Arc<Slot<Vec<u8>>>) -> CallAnswer {
        CallAnswer(slot)
    }

    /// Hands the answer to the asker, from any thread: the encoded reply, or why
    /// there is none. An asker that has given up does not get it.
    pub fn complete(self, answer: Result<Vec<u8>, AskError>) {
        self.0.complete(answer);
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_abandoned(&self) -> bool {
        self.0.is_abandoned()
    }
}

impl Drop for CallAnswer {
    fn drop(&mut self) {
        // Nothing where it has been answered.
        self.0.complete(Err(AskError::Stopped { changed: Changed::Unknown }));
    }
}

/// What a step changed in what is kept of its agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateChange {
    /// Nothing.
    None,
    /// The state is now this; what was kept before, events too, is not needed
    /// any more.
    Whole {
        /// The version of the bytes.
        version: u16,
        /// The state, encoded.
        bytes: Vec<u8>,
    },
    /// These happened, after what is kept.
    Events {
        /// The version of the bytes: that of the whole state that is kept.
        version: u16,
        /// The events, encoded, in order.
        events: Vec<Vec<u8>>,
    },
}

impl StateChange {
    /// Bytes it takes.
    pub fn len_bytes(&self) -> usize {
        match self {
            StateChange::None => 0,
            StateChange::Whole { bytes, .. } => bytes.len(),
            StateChange::Events { events, .. } => events.iter().map(Vec::len).sum(),
        }
    }
}

/// What a step changed in the reminders of its agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReminderChange {
    /// A message to the agent itself, to be delivered later. It takes the place
    /// of another of the same name.
    Set {
        /// Which reminder of the agent.
        name: String,
        /// How long after the step.
        after: Duration,
        /// The message.
        letter: Letter,
    },
    /// It is taken back, if there is one.
    Forget {
        /// Which reminder of the agent.
        name: String,
    },
}

impl ReminderChange {
    /// Bytes it takes.
    pub fn len_bytes(&self) -> usize {
        match self {
            ReminderChange::Set { name, letter, .. } => name.len() + letter.len_bytes(),
            ReminderChange::Forget { name } => name.len(),
        }
    }
}
