//! Who waits for whom: how a deadlock between asks is found.
//!
//! A cycle within one chain of asks is seen by looking at the chain. This graph
//! is for the other kind, closed by two chains: while A's handler awaits B,
//! somebody else's ask made B's handler await A. Before an ask starts to wait
//! the caller follows the waits of its target; should they lead back to the
//! caller or to anyone up its chain, nobody on that path would ever answer.
//!
//! Absent on purpose: time (a wait ends when its ask does), waits on other nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use nexus_base::AgentId;

/// Agents looked at in one search. A guess: some 100 µs of work, and far more
/// than any chain of asks that is still meant.
///
/// At the bound the search ends [`Search::Undecided`] and the ask should go
/// ahead. If it closes a cycle after all, its deadline ends it.
pub const WAIT_HOPS_MAX: usize = 1_024;

/// Waits followed in one search, to agents looked at before included. A guess:
/// agents that wait have a few waits each, not many.
///
/// At the bound the search ends as at [`WAIT_HOPS_MAX`].
pub const WAIT_EDGES_MAX: usize = 4 * WAIT_HOPS_MAX;

/// What [`WaitGraph::find_cycle`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Search {
    /// No path of waits leads to an agent that closes a cycle.
    None,
    /// Each agent waits for the next, from the start to the one that closes.
    Cycle(Vec<AgentId>),
    /// The search met its bound first.
    Undecided {
        /// Agents looked at.
        visited: usize,
    },
}

/// Which agent waits for which others, one edge for each ask awaited.
///
/// It holds what [`Self::insert`] put in and [`Self::remove`] has not taken
/// out, so its size is bounded by the asks in flight.
#[derive(Clone, Debug, Default)]
pub struct WaitGraph {
    /// How many asks from the first agent await the second; never zero.
    edges: BTreeMap<(AgentId, AgentId), u32>,
}

impl WaitGraph {
    /// A graph in which nobody waits.
    pub fn new() -> WaitGraph {
        WaitGraph::default()
    }

    /// `waiter` awaits one (more) answer of `target`.
    pub fn insert(&mut self, waiter: AgentId, target: AgentId) {
        *self.edges.entry((waiter, target)).or_insert(0) += 1;
    }

    /// One such wait is over. False, and nothing changed, if there was none.
    pub fn remove(&mut self, waiter: AgentId, target: AgentId) -> bool {
        let Some(count) = self.edges.get_mut(&(waiter, target)) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.edges.remove(&(waiter, target));
        }
        true
    }

    /// Those whose answer `waiter` awaits, in order of id.
    pub fn targets(&self, waiter: AgentId) -> impl Iterator<Item = AgentId> + '_ {
        let from = (waiter, AgentId::from_u128(0));
        let to = (waiter, AgentId::from_u128(u128::MAX));
        self.edges.range(from..=to).map(|(&(_, target), _)| target)
    }

    /// Follows the waits from `start` to an agent that `closes` a cycle; `start`
    /// itself may be one.
    ///
    /// Depth first, lower ids first, so equal graphs give equal answers. Takes
    /// time logarithmic in the graph, and one call of `closes`, for each wait
    /// followed, of which there are at most [`WAIT_EDGES_MAX`].
    pub fn find_cycle(&self, start: AgentId, closes: impl Fn(AgentId) -> bool) -> Search {
        if closes(start) {
            return Search::Cycle(vec![start]);
        }
        let mut visited = BTreeSet::from([start]);
        let mut path = vec![Hop { agent: start, tried: None }];
        let mut edges = 0;
        while let Some(hop) = path.last_mut() {
            let Some(target) = self.target_after(hop) else {
                path.pop();
                continue;
            };
            hop.tried = Some(target);
            edges += 1;
            if closes(target) {
                let agents = path.iter().map(|hop| hop.agent).chain([target]);
                return Search::Cycle(agents.collect());
            }
            let new = !visited.contains(&target);
            if edges == WAIT_EDGES_MAX || new && visited.len() == WAIT_HOPS_MAX {
                return Search::Undecided { visited: visited.len() };
            }
            if new {
                visited.insert(target);
                path.push(Hop { agent: target, tried: None });
            }
        }
        Search::None
    }

    /// The next of those a hop's agent waits for, in order of id.
    fn target_after(&self, hop: &Hop) -> Option<AgentId> {
        let from = match hop.tried {
            None => Bound::Included((hop.agent, AgentId::from_u128(0))),
            Some(tried) => Bound::Excluded((hop.agent, tried)),
        };
        let to = Bound::Included((hop.agent, AgentId::from_u128(u128::MAX)));
        self.edges.range((from, to)).next().map(|(&(_, target), _)| target)
    }
}

/// One agent on the path searched, and the last of its targets tried.
struct Hop {
    agent: AgentId,
    tried: Option<AgentId>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nexus_base::AgentId;
    use proptest::prelude::*;

    use super::{Search, WAIT_HOPS_MAX, WaitGraph};

    fn id(number: u128) -> AgentId {
        AgentId::from_u128(number)
    }

    /// `waits` as "1>2 2>3"; `expected` as the path "1 2 3", or "" for no cycle.
    fn check(waits: &str, start: u128, closes: u128, expected: &str) {
        let mut graph = WaitGraph::new();
        for wait in waits.split_whitespace() {
            let (waiter, target) = wait.split_once('>').expect("waiter>target");
            graph.insert(id(waiter.parse().expect("an id")), id(target.parse().expect("an id")));
        }
        let path: Vec<AgentId> =
            expected.split_whitespace().map(|text| id(text.parse().expect("an id"))).collect();
        let expected = if path.is_empty() { Search::None } else { Search::Cycle(path) };
        assert_eq!(graph.find_cycle(id(start), |agent| agent == id(closes)), expected);
    }

    #[test]
    fn the_path_runs_from_the_start_to_the_closing_agent() {
        check("2>3 3>1", 2, 1, "2 3 1");
        check("2>3 3>4", 2, 1, "");
        check("", 2, 1, "");
        check("", 1, 1, "1");
    }

    #[test]
    fn dead_ends_are_left_out_of_the_path() {
        check("2>3 3>4 2>5 5>1", 2, 1, "2 5 1");
    }

    #[test]
    fn a_cycle_that_does_not_close_is_passed_by() {
        check("2>3 3>2 3>9 9>1", 2, 1, "2 3 9 1");
        check("2>3 3>2", 2, 1, "");
    }

    #[test]
    fn lower_ids_are_followed_first() {
        check("2>7 2>5 5>1 7>1", 2, 1, "2 5 1");
    }

    #[test]
    fn a_wait_made_twice_ends_twice() {
        let mut graph = WaitGraph::new();
        graph.insert(id(2), id(1));
        graph.insert(id(2), id(1));
        assert!(graph.remove(id(2), id(1)));
        assert_eq!(graph.find_cycle(id(2), |a| a == id(1)), Search::Cycle(vec![id(2), id(1)]));
        assert!(graph.remove(id(2), id(1)));
        assert_eq!(graph.find_cycle(id(2), |a| a == id(1)), Search::None);
        assert!(!graph.remove(id(2), id(1)) && graph.edges.is_empty());
    }

    #[test]
    fn the_search_is_bounded() {
        let mut graph = WaitGraph::new();
        let last = WAIT_HOPS_MAX as u128;
        for waiter in 1..last {
            graph.insert(id(waiter), id(waiter + 1));
        }
        assert_eq!(graph.find_cycle(id(1), |_| false), Search::None);
        graph.insert(id(last), id(last + 1));
        let undecided = Search::Undecided { visited: WAIT_HOPS_MAX };
        assert_eq!(graph.find_cycle(id(1), |_| false), undecided);
    }

    #[test]
    fn waits_that_lead_nowhere_new_count_as_well() {
        let mut graph = WaitGraph::new();
        let agents = 1..=WAIT_HOPS_MAX as u128 / 8;
        for waiter in agents.clone() {
            agents.clone().for_each(|target| graph.insert(id(waiter), id(target)));
        }
        let search = graph.find_cycle(id(1), |_| false);
        assert!(matches!(search, Search::Undecided { .. }), "{search:?}");
    }

    /// Everything reachable from `start`, by adding targets until nothing changes.
    fn reachable(waits: &[(u128, u128)], start: u128) -> BTreeSet<u128> {
        let mut reached = BTreeSet::from([start]);
        for _ in 0..waits.len() {
            let reach = waits.iter().filter(|(waiter, _)| reached.contains(waiter));
            let targets: Vec<u128> = reach.map(|&(_, target)| target).collect();
            reached.extend(targets);
        }
        reached
    }

    proptest! {
        #[test]
        fn a_cycle_is_found_exactly_when_there_is_one(
            waits in prop::collection::vec((0..12u128, 0..12u128), 0..30),
            removed in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
            start in 0..12u128,
            closes in prop::collection::btree_set(0..12u128, 0..3),
        ) {
            let (mut graph, mut left) = (WaitGraph::new(), waits);
            for &(waiter, target) in &left {
                graph.insert(id(waiter), id(target));
            }
            for index in removed {
                if !left.is_empty() {
                    let (waiter, target) = left.swap_remove(index.index(left.len()));
                    prop_assert!(graph.remove(id(waiter), id(target)));
                }
            }
            let closing = |agent: AgentId| closes.contains(&agent.as_u128());
            match graph.find_cycle(id(start), closing) {
                Search::Cycle(path) => {
                    prop_assert_eq!(path[0], id(start));
                    for hop in path.windows(2) {
                        prop_assert!(left.contains(&(hop[0].as_u128(), hop[1].as_u128())));
                    }
                    prop_assert!(closing(*path.last().expect("it has a start")));
                }
                Search::None => prop_assert!(reachable(&left, start).is_disjoint(&closes)),
                Search::Undecided { .. } => prop_assert!(false, "twelve agents are few"),
            }
        }
    }
}
