//! The outbox gate: what a step emits can be held until the step is durable.
//!
//! A gated kind's tells, timers and replies go into the step's [`Outbox`]. When
//! the handler ends, the gate gets the outbox and lets it out, or drops it, in
//! its own time; the agent meanwhile handles its next message. Asks are not
//! held: they return before the handler ends. So an ask reaches an agent before
//! a tell that was sent to it earlier in the same step: what must come in order
//! is to be all tells, or all asks.
//!
//! What a gate holds is in no mailbox and under way in no handler. A node that
//! shuts down does not wait for it; whoever holds it lets it out before.

use std::sync::Arc;

use nexus_base::AgentId;

use crate::delivery::Receipt;
use crate::raw::CellRef;
use crate::slot::Slot;
use crate::{AskError, Changed, Letter, ReminderChange, StateChange};

/// Decides when the output of a step leaves. Given with [`crate::KindSpec::gate`].
///
/// Tells, timers and replies are held, in their order. Asks are not: one that
/// follows a tell to the same agent comes to it first. A shutdown does not wait
/// for what is held, since it does not see it: let out after the agents have
/// ended, tells are dead letters and timers never ring.
pub trait Gate: Send + Sync + 'static {
    /// Takes the output of a step that has ended. Called once for each step
    /// that emitted something, in the order of the agent's steps.
    fn hold(&self, output: StepOutput);
}

/// What one step came to.
///
/// Kinds with a [`Gate`] only have an outbox; what else there is strict kinds
/// give to their [`crate::Host`].
pub struct StepOutput {
    /// Whose step.
    pub id: AgentId,
    /// The agent's kind.
    pub kind: &'static str,
    /// The agent's key.
    pub key: String,
    /// Which activation of a strict agent, by the number it was given; else 0.
    pub activation: u64,
    /// Which delivered message was handled; nothing for one that came another
    /// way: from a handle, an alarm, or the agent itself.
    pub delivery: Option<u64>,
    /// The encoded reply to a delivered message; there exactly if `delivery` is.
    pub reply: Option<Result<Vec<u8>, AskError>>,
    /// What the step changed in what is kept of the agent.
    pub state: StateChange,
    /// Messages to other agents by name, in order.
    pub letters: Vec<Letter>,
    /// What it changed in the agent's reminders, in order.
    pub reminders: Vec<ReminderChange>,
    /// What leaves for this node: tells to handles, alarms, replies to handles.
    pub outbox: Outbox,
}

impl StepOutput {
    /// The output of a step of the agent in `cell` that came to nothing yet.
    pub(crate) fn of(cell: &CellRef) -> StepOutput {
        StepOutput {
            id: cell.id(),
            kind: cell.kind().name(),
            key: cell.key().to_owned(),
            activation: 0,
            delivery: None,
            reply: None,
            state: StateChange::None,
            letters: Vec::new(),
            reminders: Vec::new(),
            outbox: Outbox::default(),
        }
    }

    /// Whose step, for people: `kind/key`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.kind, self.key)
    }

    /// Whether the step changed nothing and nothing is to leave but a reply.
    pub fn is_read(&self) -> bool {
        self.state == StateChange::None
            && self.letters.is_empty()
            && self.reminders.is_empty()
            && self.outbox.only_answers()
    }
}

/// What a step of a kind whose output is held has emitted so far.
#[derive(Default)]
pub(crate) struct Emitted {
    pub(crate) outbox: Outbox,
    pub(crate) letters: Vec<Letter>,
    pub(crate) reminders: Vec<ReminderChange>,
    pub(crate) events: Vec<Vec<u8>>,
    /// The reply to a delivered message.
    pub(crate) reply: Option<Replied>,
}

/// A delivered message and its encoded reply.
pub(crate) struct Replied {
    pub(crate) receipt: Receipt,
    pub(crate) reply: Result<Vec<u8>, AskError>,
}

impl Emitted {
    /// Puts the answer behind what was emitted before. In a strict kind that to a
    /// delivered message is part of the step.
    pub(crate) fn push_reply<R: Send + 'static>(
        &mut self,
        strict: bool,
        slot: Arc<Slot<R>>,
        reply: R,
    ) {
        match if strict { slot.take_delivered() } else { None } {
            Some(delivered) => self.reply = Some(delivered.encode(reply)),
            None => self.outbox.push_reply(slot, Ok(reply)),
        }
    }

    /// Drops it: nothing leaves, and whoever delivered the message learns `why`.
    pub(crate) fn discard(self, why: AskError) {
        if let Some(replied) = self.reply {
            replied.receipt.fail(why);
        }
    }
}

/// Emissions in the order they were made. Dropped unreleased, none leaves, and
/// whoever waits for a reply learns that the outcome is unknown.
#[derive(Default)]
pub struct Outbox {
    emissions: Vec<Box<dyn Emission>>,
}

impl Outbox {
    /// How much is held.
    pub fn len(&self) -> usize {
        self.emissions.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.emissions.is_empty()
    }

    /// Lets everything out, in order.
    pub fn release(mut self) {
        for emission in self.emissions.drain(..) {
            emission.release();
        }
    }

    /// Whether all that is held are replies.
    fn only_answers(&self) -> bool {
        self.emissions.iter().all(|emission| emission.is_answer())
    }

    fn push_reply<R: Send + 'static>(&mut self, reply: Arc<Slot<R>>, result: Result<R, AskError>) {
        self.emissions.push(Box::new(Reply { reply, result }));
    }

    pub(crate) fn push(&mut self, send: impl FnOnce() + Send + 'static) {
        self.emissions.push(Box::new(Sending(send)));
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        for emission in self.emissions.drain(..) {
            emission.discard();
        }
    }
}

trait Emission: Send {
    fn is_answer(&self) -> bool;
    fn release(self: Box<Self>);
    fn discard(self: Box<Self>);
}

struct Reply<R> {
    reply: Arc<Slot<R>>,
    result: Result<R, AskError>,
}

impl<R: Send> Emission for Reply<R> {
    fn is_answer(&self) -> bool {
        true
    }

    fn release(self: Box<Self>) {
        self.reply.complete(self.result);
    }

    fn discard(self: Box<Self>) {
        self.reply.complete(Err(AskError::Stopped { changed: Changed::Unknown }));
    }
}

struct Sending<F>(F);

impl<F: FnOnce() + Send> Emission for Sending<F> {
    fn is_answer(&self) -> bool {
        false
    }

    fn release(self: Box<Self>) {
        (self.0)();
    }

    fn discard(self: Box<Self>) {}
}
