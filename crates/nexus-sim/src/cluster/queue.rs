//! What is to happen, in order of time and, within a moment, of having been planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use nexus_base::Time;

use super::event::Event;

/// Events waiting at most; beyond it the world stops with an error, since something
/// multiplies. A guess: a hundred times what the busiest seed has shown.
pub(crate) const EVENTS_WAITING_MAX: usize = 1 << 20;

/// When an event is to happen, and where it is. Kept apart from the events, which are large
/// and would be moved about with every one that comes or goes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Planned {
    at: Time,
    sequence: u64,
    slot: u32,
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Planned) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    /// Earlier is greater, as the heap hands out the greatest first.
    fn cmp(&self, other: &Planned) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

/// All that is to happen.
pub(crate) struct Queue<E = Event> {
    heap: BinaryHeap<Planned>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}

impl<E> Queue<E> {
    /// Plans `event` for `at`.
    ///
    /// # Panics
    /// If more than [`EVENTS_WAITING_MAX`] wait.
    #[inline]
    pub(crate) fn push(&mut self, at: Time, event: E) {
        assert!(self.heap.len() < EVENTS_WAITING_MAX, "events multiply without end");
        self.sequence += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() as u32 - 1
        });
        self.events[slot as usize] = Some(event);
        self.heap.push(Planned { at, sequence: self.sequence, slot });
    }

    /// The next event, unless it is after `until`.
    #[inline]
    pub(crate) fn pop(&mut self, until: Time) -> Option<(Time, E)> {
        if self.heap.peek()?.at > until {
            return None;
        }
        let Planned { at, slot, .. } = self.heap.pop()?;
        self.free.push(slot);
        self.events[slot as usize].take().map(|event| (at, event))
    }
}
