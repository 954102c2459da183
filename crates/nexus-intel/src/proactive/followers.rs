//! Which query usually follows which, of one agent.
//!
//! Absent on purpose: requests that change something. Nobody asks for these before
//! somebody does, and after one of them what followed before is no guide.

mod recent;

use std::collections::BTreeMap;

use recent::Recent;

/// Queries whose follower is known, at most; the least sure makes room. A guess.
const QUERIES_MAX: usize = 256;

/// Half of the agents of which the last query is remembered, at most; those that were
/// asked longest ago make room. A guess.
const AGENTS_HALF: usize = 1_024;

/// Agreements, less the contradictions, from which on a follower is sure enough. A
/// guess.
const SURE: u32 = 4;

/// More are not counted, so that what changes is learned anew soon. A guess.
const AGREED_MAX: u32 = 16;

/// Learns the query that usually follows another one. `A` names the agent, `Q` the
/// query with its arguments.
///
/// What follows is the majority of what did lately: each agreement weighs for it, each
/// other follower against it, and at nothing the other takes its place.
///
/// ```
/// use nexus_intel::proactive::Followers;
///
/// let mut followers = Followers::default();
/// for _ in 0..5 {
///     followers.handle_query("cart/42", "items");
///     followers.handle_query("cart/42", "total");
/// }
/// assert_eq!(followers.follower(&"items"), Some(&"total"));
/// ```
///
/// # Source
/// Boyer and Moore, "MJRTY: A Fast Majority Vote Algorithm", 1981.
#[derive(Clone, Debug)]
pub struct Followers<A, Q> {
    last: Recent<A, Q, AGENTS_HALF>,
    next: BTreeMap<Q, Follower<Q>>,
}

#[derive(Clone, Debug)]
struct Follower<Q> {
    query: Q,
    agreed: u32,
}

impl<A, Q> Default for Followers<A, Q> {
    fn default() -> Followers<A, Q> {
        Followers { last: Recent::default(), next: BTreeMap::new() }
    }
}

impl<A: Ord + Clone, Q: Ord + Clone> Followers<A, Q> {
    /// An agent was asked this.
    pub fn handle_query(&mut self, agent: A, query: Q) {
        if let Some(before) = self.last.get(&agent) {
            learn(&mut self.next, before, &query);
        }
        self.last.insert(agent, query);
    }

    /// An agent was changed: what it is asked next follows nothing.
    pub fn handle_change(&mut self, agent: &A) {
        self.last.remove(agent);
    }

    /// What usually follows `query`, if that is sure enough.
    pub fn follower(&self, query: &Q) -> Option<&Q> {
        self.next.get(query).filter(|next| next.agreed >= SURE).map(|next| &next.query)
    }
}

/// `query` followed `before`. Mostly both are known, and nothing is copied.
fn learn<Q: Ord + Clone>(next: &mut BTreeMap<Q, Follower<Q>>, before: &Q, query: &Q) {
    match next.get_mut(before) {
        Some(known) if known.query == *query => known.agreed = (known.agreed + 1).min(AGREED_MAX),
        Some(known) if known.agreed > 1 => known.agreed -= 1,
        Some(known) => *known = Follower { query: query.clone(), agreed: 1 },
        None => {
            make_room(next);
            next.insert(before.clone(), Follower { query: query.clone(), agreed: 1 });
        }
    }
}

fn make_room<Q: Ord + Clone>(next: &mut BTreeMap<Q, Follower<Q>>) {
    if next.len() == QUERIES_MAX {
        let least = next.iter().min_by_key(|(_, known)| known.agreed);
        let least = least.map(|(query, _)| query.clone()).expect("it is full");
        next.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_of_what_followed_lately_follows() {
        let mut followers = Followers::default();
        let mut ask = |queries: &[&'static str], expected: Option<&str>| {
            queries.iter().for_each(|query| followers.handle_query(1, *query));
            assert_eq!(followers.follower(&"a").copied(), expected);
        };
        ask(&["a", "b", "a", "b", "a", "b"], None);
        ask(&["a", "b"], Some("b"));
        ask(&["a", "c"], None);
        ask(&["a", "b", "a", "b"], Some("b"));
        ask(&["a", "c"].repeat(12), Some("c"));
    }

    #[test]
    fn what_follows_a_change_or_another_agent_s_query_is_not_learned() {
        let mut followers = Followers::default();
        for _ in 0..20 {
            followers.handle_query(1, "a");
            followers.handle_query(2, "b");
            followers.handle_change(&1);
            followers.handle_change(&2);
        }
        assert_eq!(followers.follower(&"a"), None);
    }

    #[test]
    fn agents_that_are_asked_now_are_followed_after_thousands_that_are_not_any_more() {
        let mut followers = Followers::default();
        (10_000..20_000).for_each(|agent| followers.handle_query(agent, "once"));
        for query in ["a", "b"].repeat(5) {
            // Their keys are below all others', and above.
            [1, 2, 30_000].iter().for_each(|agent| followers.handle_query(*agent, query));
        }
        assert_eq!(followers.follower(&"a"), Some(&"b"));
    }

    #[test]
    fn memory_is_bounded_and_what_is_sure_stays() {
        let mut followers = Followers::default();
        (0..20).for_each(|round| followers.handle_query(0, round % 2));
        for number in 0..10_000 {
            followers.handle_query(1 + number, number + 100);
            followers.handle_query(1 + number, number + 101);
        }
        assert!(followers.last.len() <= 2 * AGENTS_HALF && followers.next.len() <= QUERIES_MAX);
        assert_eq!(followers.follower(&0), Some(&1));
    }
}
