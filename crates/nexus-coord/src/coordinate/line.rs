//! By load: one line, and whoever has least in hand takes the next.

use std::collections::VecDeque;

use nexus_base::Time;

use super::{Crew, Plan};

/// One line of items, in the order in which they were given.
#[derive(Clone, Debug)]
pub(super) struct Line {
    waiting: VecDeque<usize>,
}

impl Line {
    pub(super) fn new(waiting: &[usize]) -> Line {
        Line { waiting: waiting.iter().copied().collect() }
    }
}

impl Plan for Line {
    fn poll_next(&mut self, _: Time, crew: &Crew) -> Option<(usize, usize)> {
        let with_room = crew.members().filter(|&agent| crew.has_room(agent));
        let agent = with_room.min_by_key(|&agent| crew.in_hand_len(agent))?;
        Some((agent, self.waiting.pop_front()?))
    }

    fn handle_back(&mut self, _: &Crew, item: usize) {
        self.waiting.push_back(item);
    }

    fn handle_left(&mut self, _: &Crew, _: usize) {}
}
