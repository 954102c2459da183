//! Agents that were met in batches, and where their speeds are kept.

use std::collections::BTreeMap;

use nexus_base::AgentId;
use nexus_coord::balance::ServerIndex;

use crate::proactive::Speeds;

/// Agents of which the speed is remembered, at most; the one not met for longest is
/// forgotten. Source: a guess, some hundred bytes each.
pub const AGENTS_KNOWN_MAX: usize = 1 << 14;

/// Which place in the table of speeds is whose.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    agents: BTreeMap<AgentId, Place>,
    met: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    server: ServerIndex,
    met_at: u64,
}

impl Known {
    /// The agent's place, if it has done anything yet.
    pub(super) fn find(&self, agent: AgentId) -> Option<ServerIndex> {
        self.agents.get(&agent).map(|place| place.server)
    }

    /// The agent's place; a new one inherits nothing.
    pub(super) fn meet(&mut self, agent: AgentId, speeds: &mut impl Speeds) -> ServerIndex {
        self.met += 1;
        if let Some(place) = self.agents.get_mut(&agent) {
            place.met_at = self.met;
            return place.server;
        }
        let server = match self.agents.len() {
            AGENTS_KNOWN_MAX.. => self.forget_one(),
            known => ServerIndex::new(known as u32),
        };
        speeds.handle_joined(server);
        self.agents.insert(agent, Place { server, met_at: self.met });
        server
    }

    /// Makes a place free.
    fn forget_one(&mut self) -> ServerIndex {
        let oldest = self.agents.iter().min_by_key(|(_, place)| place.met_at);
        let (&agent, &Place { server, .. }) = oldest.expect("the table is full");
        self.agents.remove(&agent);
        server
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proactive::EvenSpeeds;

    #[test]
    fn the_agent_not_met_for_longest_makes_room() {
        let (mut known, mut speeds) = (Known::default(), EvenSpeeds);
        let id = |number: usize| AgentId::from_u128(number as u128);
        for number in 0..AGENTS_KNOWN_MAX {
            assert_eq!(known.meet(id(number), &mut speeds).as_usize(), number);
        }
        assert_eq!(known.meet(id(0), &mut speeds).as_usize(), 0, "it is met again");
        assert_eq!(known.meet(id(AGENTS_KNOWN_MAX), &mut speeds).as_usize(), 1);
        assert_eq!((known.find(id(1)), known.agents.len()), (None, AGENTS_KNOWN_MAX));
        assert!(known.find(id(0)).is_some());
    }
}
