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
