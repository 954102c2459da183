//! Where agents leave what they have to say, until the node looks.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_agent::{AskError, Call, Host, Letter, LockAsk, StepOutput, StopReason};
use nexus_base::AgentId;

/// What agents have to say.
pub(crate) enum Said {
    /// A step of a strict agent has ended.
    Stepped(Box<StepOutput>),
    /// A delivered message came to no step's end.
    Undelivered(u64, AskError),
    /// A strict agent has left memory.
    Ended { agent: AgentId, activation: u64, reason: StopReason },
    /// A local agent tells somebody something.
    Letter(Letter),
    /// An agent asks somebody something.
    Call(Box<Call>),
    /// An agent asks about a lock.
    Lock(Box<LockAsk>),
}

/// What agents have said, in order. Written by whatever thread runs them; there is no more
/// of it than their mailboxes and handlers held.
#[derive(Default)]
pub(crate) struct Inbox {
    said: Mutex<VecDeque<Said>>,
}

impl Inbox {
    pub(crate) fn pop(&self) -> Option<Said> {
        self.lock().pop_front()
    }

    fn push(&self, said: Said) {
        self.lock().push_back(said);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for Inbox {
    fn stepped(&self, output: StepOutput) {
        self.push(Said::Stepped(Box::new(output)));
    }

    fn undelivered(&self, delivery: u64, error: AskError) {
        self.push(Said::Undelivered(delivery, error));
    }

    fn ended(&self, agent: AgentId, activation: u64, reason: StopReason) {
        self.push(Said::Ended { agent, activation, reason });
    }

    fn letter(&self, letter: Letter) {
        self.push(Said::Letter(letter));
    }

    fn call(&self, call: Call) {
        self.push(Said::Call(Box::new(call)));
    }

    fn lock(&self, ask: LockAsk) {
        self.push(Said::Lock(Box::new(ask)));
    }
}
