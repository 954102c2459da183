//! What carries out what this crate decides: threads and a clock, or a simulated world.

use std::task::Waker;

use nexus_base::{AgentId, EventName, Time};

use crate::error::wake_caught;
use crate::raw::{CellRef, Envelope};
use crate::timers::TimerKey;
use crate::{Event, Ready};

/// The outside of a node, as its agents need it.
///
/// None of its functions may panic: agents' panics are caught, a driver's pass
/// through the run they happen in, whose agent then never runs again.
pub trait Driver: Send + Sync + 'static {
    /// Puts a cell into a run queue. Called from any thread.
    fn ready(&self, ready: Ready);

    /// The time, for callers that are not inside a step.
    fn now(&self) -> Time;

    /// The time for a step that has last read it as `seen`: that again if only
    /// some milliseconds can have passed, where finding out is cheaper than reading.
    fn now_since(&self, seen: Time) -> Time {
        let _ = seen;
        self.now()
    }

    /// A time no earlier than that of any alarm that has rung: who was woken by
    /// one must not find that its time has not come.
    fn rung(&self) -> Time {
        self.now()
    }

    /// Has `alarm` ring at `at`.
    fn set_alarm(&self, at: Time, alarm: Alarm) -> AlarmKey;

    /// Takes an alarm back that has not rung; `None` if it has.
    fn cancel_alarm(&self, key: AlarmKey) -> Option<Alarm>;

    /// Asked before each ask that could run in place, where [`crate::InPlace::Asked`].
    fn chooses_in_place(&self) -> bool {
        true
    }

    /// A handler is about to start. Only called where the worker was told to check.
    fn handler_starts(&self, start: &HandlerStart<'_>) {
        let _ = start;
    }

    /// A handler waits for something this driver does not own. Only called
    /// where the worker was told to check.
    fn foreign_wait(&self, agent: &str, message: &'static str) {
        let _ = (agent, message);
    }

    /// Whether [`Self::observe`] is worth calling for events of this name.
    fn wants(&self, name: EventName) -> bool {
        let _ = name;
        false
    }

    /// Something happened that people may want to know.
    fn observe(&self, event: Event) {
        let _ = event;
    }
}

/// A handler about to start, as [`Driver::handler_starts`] sees it.
pub struct HandlerStart<'a> {
    pub(crate) cell: &'a CellRef,
    pub(crate) message: &'static str,
    pub(crate) encode: &'a dyn Fn() -> Vec<u8>,
}

impl HandlerStart<'_> {
    /// Whose handler.
    pub fn agent(&self) -> AgentId {
        self.cell.id()
    }

    /// The same for people: `kind/key`.
    pub fn name(&self) -> String {
        self.cell.name()
    }

    /// The message's name.
    pub fn message(&self) -> &'static str {
        self.message
    }

    /// The message itself, encoded; empty for a task, which has no bytes.
    pub fn bytes(&self) -> Vec<u8> {
        (self.encode)()
    }
}

/// Which alarm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlarmKey {
    /// The wheel it is on: a driver may have several.
    pub wheel: u32,
    /// Its place there.
    pub key: TimerKey,
}

/// What happens when the time has come.
pub struct Alarm(pub(crate) AlarmKind);

pub(crate) enum AlarmKind {
    /// Somebody is woken.
    Wake(Waker),
    /// A message is put into a mailbox.
    Mail(CellRef, Envelope),
}

impl Alarm {
    pub(crate) fn wake(waker: Waker) -> Alarm {
        Alarm(AlarmKind::Wake(waker))
    }

    /// Whether it holds a message; else it wakes somebody who waits.
    pub fn is_mail(&self) -> bool {
        matches!(self.0, AlarmKind::Mail(..))
    }

    /// Drops it unrung. A message in it is nobody's any more: it was never accepted.
    pub(crate) fn discard(self) {
        drop(self.0);
    }

    /// Ends it with its node: whoever waits is woken and finds the node over, a
    /// message is dropped.
    pub fn end(self) {
        match self.0 {
            AlarmKind::Wake(waker) => wake_caught(waker),
            AlarmKind::Mail(_, envelope) => drop(envelope),
        }
    }

    /// Lets it ring. An agent whose mailbox is full loses the message, counted as dead.
    pub fn ring(self) {
        match self.0 {
            AlarmKind::Wake(waker) => wake_caught(waker),
            AlarmKind::Mail(cell, envelope) => crate::post::post_alarm(&cell, envelope),
        }
    }
}
