//! Servers by score: the lowest at once, ties broken uniformly.

use nexus_base::Rng;

use super::ServerIndex;

/// Children of one node. Source: measured; with four, a level is one cache line
/// and a change at 1,000 servers takes five steps, which beats two and eight.
const CHILDREN: usize = 4;

/// A tournament over servers: each node knows the lowest score below it, who has
/// it first and how many have it. Changing a score takes one walk towards the
/// root, which ends where nothing changes; picking takes a walk only among tied.
#[derive(Clone, Debug)]
pub(super) struct ScoreTree {
    root: Node,
    /// The servers by place, in groups, then level by level the winners of the
    /// groups below, up to a single group.
    levels: Vec<Vec<Group>>,
}

type Group = [Node; CHILDREN];

#[derive(Clone, Copy, PartialEq, Debug)]
struct Node {
    lowest: f64,
    tied: u32,
    first: ServerIndex,
}

impl Node {
    const NOBODY: Node = Node { lowest: f64::INFINITY, tied: 0, first: ServerIndex::new(0) };

    /// The winner of a group. In two rounds and without branches: who wins is
    /// anyone's guess, and one after the other takes twice as long.
    fn of(group: &Group) -> Node {
        let [a, b, c, d] = *group;
        let mut winner = Node::lower(Node::lower(a, b), Node::lower(c, d));
        winner.tied = group.iter().map(|node| node.tied_at(winner.lowest)).sum();
        winner
    }

    fn lower(first: Node, second: Node) -> Node {
        if second.lowest < first.lowest { second } else { first }
    }

    /// How many servers below have score `lowest`, which none is below.
    fn tied_at(&self, lowest: f64) -> u32 {
        if self.lowest == lowest { self.tied } else { 0 }
    }
}

impl ScoreTree {
    /// Puts `server` in with `score`, or changes its score. A score is a finite number.
    pub(super) fn set(&mut self, server: ServerIndex, score: f64) {
        assert!(score.is_finite(), "a score is a finite number");
        while self.levels[0].len() * CHILDREN <= server.as_usize() {
            self.grow();
        }
        self.set_leaf(server, Node { lowest: score, tied: 1, first: server });
    }

    /// Takes `server` out.
    pub(super) fn remove(&mut self, server: ServerIndex) {
        self.set_leaf(server, Node::NOBODY);
    }

    /// A server with the lowest score, each equally likely; `None` if there is nobody.
    pub(super) fn pick(&self, rng: &mut Rng) -> Option<ServerIndex> {
        match self.root.tied {
            0 => None,
            1 => Some(self.root.first),
            tied => Some(self.tied(rng.below(u64::from(tied)) as u32)),
        }
    }

    /// The server with the lowest score that `skip` others with it stand before.
    fn tied(&self, mut skip: u32) -> ServerIndex {
        let lowest = self.root.lowest;
        let mut at = 0;
        for level in self.levels.iter().rev() {
            let group = &level[at];
            at *= CHILDREN;
            for node in group {
                let tied = node.tied_at(lowest);
                if skip < tied {
                    break;
                }
                skip -= tied;
                at += 1;
            }
        }
        ServerIndex::new(at as u32)
    }

    fn set_leaf(&mut self, server: ServerIndex, leaf: Node) {
        let mut at = server.as_usize();
        let mut node = leaf;
        for level in &mut self.levels {
            let group = &mut level[at / CHILDREN];
            if group[at % CHILDREN] == node {
                return;
            }
            group[at % CHILDREN] = node;
            at /= CHILDREN;
            node = Node::of(group);
        }
        self.root = node;
    }

    /// Makes room for four times as many servers: nobody stands in the new
    /// places, and one more group on top has all the old ones below its first.
    fn grow(&mut self) {
        for level in &mut self.levels {
            level.resize(level.len() * CHILDREN, [Node::NOBODY; CHILDREN]);
        }
        let mut top = [Node::NOBODY; CHILDREN];
        top[0] = self.root;
        self.levels.push(vec![top]);
    }
}

impl Default for ScoreTree {
    fn default() -> ScoreTree {
        ScoreTree { root: Node::NOBODY, levels: vec![vec![[Node::NOBODY; CHILDREN]]] }
    }
}

#[cfg(test)]
mod tests {
    use proptest::test_runner::{Config, RngSeed};
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #![proptest_config(Config {
            rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..Config::default()
        })]

        /// Few different scores, so that ties are common.
        #[test]
        fn the_pick_has_the_lowest_score_of_all(
            changes in proptest::collection::vec((0..70usize, proptest::option::of(0..5u8)), 1..200),
        ) {
            let mut tree = ScoreTree::default();
            let mut scores = [None; 70];
            let mut rng = Rng::new(1);
            for (place, score) in changes {
                let server = ServerIndex::new(place as u32);
                match score {
                    Some(score) => tree.set(server, f64::from(score)),
                    None if scores[place].is_some() => tree.remove(server),
                    None => {}
                }
                scores[place] = score;
                let lowest = scores.iter().flatten().min();
                let picked = tree.pick(&mut rng).map(|server| scores[server.as_usize()]);
                prop_assert_eq!(picked, lowest.map(|&lowest| Some(lowest)));
                let tied = scores.iter().filter(|score| score.is_some() && score.as_ref() == lowest);
                prop_assert_eq!(tree.root.tied as usize, tied.count());
            }
        }
    }

    #[test]
    fn the_tied_are_picked_alike() {
        let mut tree = ScoreTree::default();
        let tied = [0, 3, 4, 17, 63, 64];
        (0..80).for_each(|place| tree.set(ServerIndex::new(place), 2.0));
        tied.iter().for_each(|&place| tree.set(ServerIndex::new(place), 1.0));
        let mut rng = Rng::new(2);
        let mut seen = [0u32; 80];
        for _ in 0..60_000 {
            seen[tree.pick(&mut rng).expect("somebody is in").as_usize()] += 1;
        }
        // Five standard deviations of a binomial with n 60,000, p 1/6 are 456.
        assert!(tied.iter().all(|&place| seen[place as usize].abs_diff(10_000) < 456), "{seen:?}");
        let others = (0..80).filter(|place| !tied.contains(place));
        assert!(others.map(|place| seen[place as usize]).all(|count| count == 0), "{seen:?}");
    }
}
