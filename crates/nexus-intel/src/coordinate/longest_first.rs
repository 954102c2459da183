//! The longest item to whoever is predicted free first.

use nexus_base::Time;
use nexus_coord::coordinate::{Crew, Plan};

use super::waiting::Waiting;

/// One line, longest first.
///
/// # Source
/// Graham, "Bounds on Multiprocessing Timing Anomalies", 1969: the makespan is at most
/// 4/3 of the least there is, where what is predicted comes true and agents are
/// equally fast.
#[derive(Clone, Debug)]
pub(super) struct LongestFirst {
    waiting: Waiting,
}

impl LongestFirst {
    pub(super) fn new(waiting: Waiting) -> LongestFirst {
        LongestFirst { waiting }
    }
}

impl Plan for LongestFirst {
    fn poll_next(&mut self, now: Time, crew: &Crew) -> Option<(usize, usize)> {
        let with_room = crew.members().filter(|&agent| crew.has_room(agent));
        let free = with_room.map(|agent| (agent, self.waiting.free_in_s(now, crew, agent, 1.0)));
        let (agent, _) = free.min_by(|(_, one), (_, other)| one.total_cmp(other))?;
        Some((agent, self.waiting.pop()?))
    }

    fn handle_back(&mut self, _: &Crew, item: usize) {
        self.waiting.insert(item);
    }

    fn handle_left(&mut self, _: &Crew, _: usize) {}
}
