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

use crate::slot::Slot;
use crate::{AskError, Changed};

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

/// What one step emitted.
pub struct StepOutput {
    /// Whose step.
    pub id: AgentId,
    /// The same for people: `kind/key`.
    pub name: String,
    /// What it emitted.
    pub outbox: Outbox,
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

    pub(crate) fn push_reply<R: Send + 'static>(
        &mut self,
        reply: Arc<Slot<R>>,
        result: Result<R, AskError>,
    ) {
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
    fn release(self: Box<Self>);
    fn discard(self: Box<Self>);
}

struct Reply<R> {
    reply: Arc<Slot<R>>,
    result: Result<R, AskError>,
}

impl<R: Send> Emission for Reply<R> {
    fn release(self: Box<Self>) {
        self.reply.complete(self.result);
    }

    fn discard(self: Box<Self>) {
        self.reply.complete(Err(AskError::Stopped { changed: Changed::Unknown }));
    }
}

struct Sending<F>(F);

impl<F: FnOnce() + Send> Emission for Sending<F> {
    fn release(self: Box<Self>) {
        (self.0)();
    }

    fn discard(self: Box<Self>) {}
}
