//! Names of local agents: those that this node's agents have, and where those of others are.

use std::collections::{BTreeMap, BTreeSet};

use nexus_base::AgentId;
use nexus_cluster::NodeId;

use crate::shard::AgentName;

/// Names that agents of one node have, at most. A guess: some hundred bytes each.
pub const NAMES_HELD_MAX: usize = 1 << 20;

/// Agents whose node is remembered, at most; beyond it the one that was asked longest ago is
/// forgotten, and looked up again. A guess: some megabytes.
pub const PLACES_MAX: usize = 65_536;

/// Messages of one node, to local agents of this one or about locks, that are known again when
/// they come twice.
/// What comes later than as many others after it is not handled. A guess: more than a
/// connection has under way.
const ARRIVALS_MAX: usize = 1_024;

/// Nodes whose messages are known again, and whose lives that are over are remembered. Beyond
/// it the ones with the lowest numbers, which are the oldest, are forgotten.
pub(crate) const NODES_MAX: usize = nexus_cluster::membership::MEMBERS_LIMIT;

/// In one process a node is called down, and comes back, as often without a number of its own.
const RENEWALS: u64 = 1 << 16;

/// The number of a life in the directory. A node that was called down, and was not, goes on
/// under a higher one: what it had as the one before is free.
pub(crate) fn life(start: u64, renewal: u32) -> u64 {
    let start = start.clamp(1, u64::MAX / RENEWALS);
    start * RENEWALS + u64::from(renewal).min(RENEWALS - 1)
}

/// The first life of a start of a node, as directories have it.
pub fn first_life(start: u64) -> u64 {
    life(start, 0)
}

/// Which start of its node a life in a directory is of.
pub const fn start_of(life: u64) -> u64 {
    life / RENEWALS
}

/// Whether two numbers are of one process.
pub(crate) const fn is_one_process(one: u64, other: u64) -> bool {
    start_of(one) == start_of(other)
}

/// The names that agents of this node have.
#[derive(Default)]
pub(crate) struct Names {
    held: BTreeSet<AgentName>,
    /// Those that are being given or taken back.
    under_way: BTreeSet<AgentName>,
    /// Those that are to be given again, since this node goes on as another life.
    again: BTreeSet<AgentName>,
}

impl Names {
    pub(crate) fn holds(&self, name: &AgentName) -> bool {
        self.held.contains(name)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.held.len() + self.under_way.len() >= NAMES_HELD_MAX
    }

    pub(crate) fn is_under_way(&self, name: &AgentName) -> bool {
        self.under_way.contains(name)
    }

    /// It begins to be given or taken back. From the beginning nobody is let in any more
    /// under a name that is taken back.
    pub(crate) fn begin(&mut self, name: &AgentName, held: bool) {
        self.under_way.insert(name.clone());
        if !held {
            self.held.remove(name);
        }
    }

    /// That has come to its end.
    pub(crate) fn end(&mut self, name: &AgentName) {
        self.under_way.remove(name);
    }

    pub(crate) fn hold(&mut self, name: AgentName) {
        self.held.insert(name);
    }

    /// Whether it was held.
    pub(crate) fn lose(&mut self, name: &AgentName) -> bool {
        self.again.remove(name);
        self.held.remove(name)
    }

    pub(crate) fn again(&mut self, name: AgentName) {
        self.again.insert(name);
    }

    /// All are to be given again.
    pub(crate) fn all_again(&mut self) {
        self.again.clone_from(&self.held);
    }

    /// Some of those that are to be given again, at most `limit`.
    pub(crate) fn take_again(&mut self, limit: usize) -> Vec<AgentName> {
        let ready = |name: &&AgentName| !self.under_way.contains(*name);
        let taken: Vec<AgentName> = self.again.iter().filter(ready).take(limit).cloned().collect();
        for name in &taken {
            self.again.remove(name);
        }
        taken.into_iter().filter(|name| self.held.contains(name)).collect()
    }
}

/// Where a local agent lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) node: NodeId,
    /// In which life of the node.
    pub(crate) life: u64,
}

/// Where local agents were when they were looked up last.
#[derive(Default)]
pub(crate) struct Places {
    by_agent: BTreeMap<AgentId, (Place, u64)>,
    /// The same by when they were used, as a count of uses.
    by_use: BTreeMap<u64, AgentId>,
    uses: u64,
}

impl Places {
    /// Where it was; it counts as used now.
    pub(crate) fn find(&mut self, agent: AgentId) -> Option<Place> {
        let place = self.by_agent.get(&agent)?.0;
        self.learn(agent, place);
        Some(place)
    }

    pub(crate) fn learn(&mut self, agent: AgentId, place: Place) {
        self.uses += 1;
        if let Some((_, used)) = self.by_agent.insert(agent, (place, self.uses)) {
            self.by_use.remove(&used);
        }
        self.by_use.insert(self.uses, agent);
        if self.by_agent.len() > PLACES_MAX
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.by_agent.remove(&oldest);
        }
    }

    pub(crate) fn forget(&mut self, agent: AgentId) {
        if let Some((_, used)) = self.by_agent.remove(&agent) {
            self.by_use.remove(&used);
        }
    }
}

/// What other nodes have asked of local agents here, or about locks, so that a frame which
/// comes twice is handled once.
#[derive(Default)]
pub(crate) struct Arrivals {
    by_node: BTreeMap<NodeId, Window>,
}

struct Window {
    /// In which life the sender sent these.
    life: u64,
    seen: BTreeSet<u64>,
    /// Up to here it is not known any more what has come.
    floor: u64,
}

impl Arrivals {
    /// Whether the message with this number has not come before. A node numbers upwards what
    /// it sends, as long as it lives.
    pub(crate) fn is_first(&mut self, node: NodeId, life: u64, number: u64) -> bool {
        let fresh = || Window { life, seen: BTreeSet::new(), floor: 0 };
        let window = self.by_node.entry(node).or_insert_with(fresh);
        if window.life < life {
            *window = fresh();
        }
        let is_first = window.life == life && number > window.floor && window.seen.insert(number);
        if window.seen.len() > ARRIVALS_MAX {
            window.floor = window.seen.pop_first().unwrap_or(window.floor);
        }
        if self.by_node.len() > NODES_MAX {
            self.by_node.pop_first();
        }
        is_first
    }
}

/// The lives of nodes that are known to be over: of each node up to which.
#[derive(Default)]
pub(crate) struct Over {
    by_node: BTreeMap<NodeId, u64>,
}

impl Over {
    /// Lives of it up to this one are over; no earlier than the first there can be.
    pub(crate) fn note(&mut self, node: NodeId, life: u64) {
        if life < self::life(1, 0) {
            return;
        }
        let over = self.by_node.entry(node).or_default();
        *over = life.max(*over);
        if self.by_node.len() > NODES_MAX {
            self.by_node.pop_first();
        }
    }

    pub(crate) fn is_over(&self, node: NodeId, life: u64) -> bool {
        self.by_node.get(&node).is_some_and(|&over| life <= over)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        self.by_node.iter().map(|(&node, &life)| (node, life))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(number: usize) -> AgentId {
        AgentId::from_u128(number as u128)
    }

    #[test]
    fn lives_grow_with_starts_and_renewals() {
        let lives = [life(0, 0), life(1, 1), life(1, u32::MAX), life(2, 0), life(u64::MAX, 7)];
        assert!(lives.is_sorted_by(|one, other| one < other), "{lives:?}");
        assert!(is_one_process(life(3, 0), life(3, 9)));
        assert_eq!((start_of(first_life(3)), start_of(life(3, u32::MAX))), (3, 3));
        assert!(!is_one_process(life(3, u32::MAX), life(4, 0)));
    }

    #[test]
    fn the_place_used_longest_ago_is_forgotten_first() {
        let mut places = Places::default();
        let place = Place { node: NodeId(1), life: 1 };
        for number in 0..PLACES_MAX {
            places.learn(agent(number), place);
        }
        assert_eq!(places.find(agent(0)), Some(place));
        places.learn(agent(PLACES_MAX), place);
        assert_eq!(places.find(agent(0)), Some(place));
        assert_eq!(places.find(agent(1)), None);
        assert_eq!((places.by_agent.len(), places.by_use.len()), (PLACES_MAX, PLACES_MAX));
        places.forget(agent(0));
        assert_eq!((places.find(agent(0)), places.by_use.len()), (None, PLACES_MAX - 1));
    }

    #[test]
    fn what_comes_twice_is_first_once_in_each_life() {
        let mut arrivals = Arrivals::default();
        let mut comes = |life, number| arrivals.is_first(NodeId(1), life, number);
        assert!(comes(1, 7) && comes(1, 5) && !comes(1, 7) && !comes(1, 5));
        // A later life may number from below; what is late of the earlier one is not taken.
        assert!(comes(2, 5) && !comes(2, 5) && !comes(1, 8));
        assert!((10..10 + ARRIVALS_MAX as u64).all(|number| comes(2, number)));
        assert!(!comes(2, 5) && !comes(2, 4), "it is not known any more whether they came");
    }
}
