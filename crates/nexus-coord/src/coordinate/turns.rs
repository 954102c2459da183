//! In turn: each agent has its share from the beginning.

use std::collections::VecDeque;

use nexus_base::Time;

use super::{Crew, Plan};

/// Shares dealt out in turn. Who leaves has its share dealt out among the others.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    shares: Vec<VecDeque<usize>>,
    /// Whose turn it is.
    turn: usize,
}

impl Turns {
    pub(super) fn new(crew: &Crew, waiting: &[usize]) -> Turns {
        let mut turns = Turns { shares: vec![VecDeque::new(); crew.len()], turn: 0 };
        waiting.iter().for_each(|&item| turns.handle_back(crew, item));
        turns
    }
}

impl Plan for Turns {
    fn poll_next(&mut self, _: Time, crew: &Crew) -> Option<(usize, usize)> {
        let mut members = crew.members();
        let agent =
            members.find(|&agent| crew.has_room(agent) && !self.shares[agent].is_empty())?;
        let item = self.shares[agent].pop_front()?;
        Some((agent, item))
    }

    fn handle_back(&mut self, crew: &Crew, item: usize) {
        let agents = crew.len();
        // Where all have left it does not matter whose it is.
        let next = (0..agents).map(|ahead| (self.turn + ahead) % agents);
        let agent = next.into_iter().find(|&agent| crew.is_in(agent)).unwrap_or(self.turn);
        self.shares[agent].push_back(item);
        self.turn = (agent + 1) % agents;
    }

    fn handle_left(&mut self, crew: &Crew, agent: usize) {
        for item in std::mem::take(&mut self.shares[agent]) {
            self.handle_back(crew, item);
        }
    }
}
