//! The last events of the node.

use std::collections::VecDeque;

use crate::client::{Event, EventPage};

/// Events that are kept; older ones go. A guess: more than any terminal has lines.
const EVENTS_LEN_MAX: usize = 200;

/// The last events, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    events: VecDeque<Event>,
    after: Option<u64>,
}

impl Tail {
    /// Adds those that came after [`Tail::after`].
    pub fn add(&mut self, page: EventPage) {
        self.after = page.next.or(self.after);
        self.events.extend(page.events);
        let surplus = self.events.len().saturating_sub(EVENTS_LEN_MAX);
        self.events.drain(..surplus);
    }

    /// The number of the last event seen, if any was.
    pub fn after(&self) -> Option<u64> {
        self.after
    }

    /// The last `count` events, oldest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = &Event> {
        self.events.iter().skip(self.events.len().saturating_sub(count))
    }
}
