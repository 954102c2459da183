//! What is to happen, in order of time and, within a moment, of having been planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use nexus_base::Time;

use super::event::Event;

/// Events waiting at most; beyond it the world stops with an error, since something
/// multiplies. A guess: a hundred times what the busiest seed has shown.
pub(crate) const EVENTS_WAITING_MAX: usize = 1 << 20;

struct Planned {
    at: Time,
    sequence: u64,
    event: Event,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Planned) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}

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
#[derive(Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Planned>,
    sequence: u64,
}

impl Queue {
    /// Plans `event` for `at`.
    ///
    /// # Panics
    /// If more than [`EVENTS_WAITING_MAX`] wait.
    #[inline]
    pub(crate) fn push(&mut self, at: Time, event: Event) {
        assert!(self.heap.len() < EVENTS_WAITING_MAX, "events multiply without end");
        self.sequence += 1;
        self.heap.push(Planned { at, sequence: self.sequence, event });
    }

    /// The next event, unless it is after `until`.
    #[inline]
    pub(crate) fn pop(&mut self, until: Time) -> Option<(Time, Event)> {
        if self.heap.peek()?.at > until {
            return None;
        }
        self.heap.pop().map(|planned| (planned.at, planned.event))
    }
}
