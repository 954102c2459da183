//! One tree: warm-up, questions, leaves.

use super::super::bytes::{Reader, Writer};
use super::super::features::MEAN_MAX;
use super::super::number::{grouped, short};
use super::super::{FEATURES_MAX, FeatureSet, Features, MAGNITUDE_MAX, ModelFileError};
use super::bins::{Bins, Split};
use super::cuts::{BINS, Cuts};
use super::leaf::Leaf;

/// Leaves of a tree; when there are so many none splits any more.
/// Source: a guess; what a person still reads.
pub const LEAVES_MAX: usize = 16;

/// Questions on the way to a leaf. Source: a guess.
pub const DEPTH_MAX: usize = 6;

/// A question has two answers, so one fewer than leaves are questions.
const NODES_MAX: usize = 2 * LEAVES_MAX - 1;

/// Outcomes that are kept to find where to cut. Source: a guess; 8 for each bin.
const WARM_UP: usize = 8 * BINS;

/// A place in the tree. The root is at 0, and children are behind their parent.
#[derive(Clone, PartialEq, Debug)]
enum Node {
    Leaf(Leaf),
    /// Whether a feature is at most a cut; if so, on to `below`, else to the node after it.
    Question {
        feature: u8,
        cut: u8,
        below: u8,
    },
}

/// One tree.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Trunk {
    feature_count: usize,
    /// Outcomes until there are cuts; empty afterwards.
    warm_up: Vec<(Features, f64)>,
    cuts: Cuts,
    /// Sums in leaves are of differences to this, the mean of the warm-up.
    origin: f64,
    nodes: Vec<Node>,
}

impl Trunk {
    pub(super) fn new(feature_count: usize) -> Trunk {
        Trunk {
            feature_count,
            warm_up: Vec::new(),
            cuts: Cuts::none(feature_count),
            origin: 0.0,
            nodes: vec![Node::Leaf(Leaf::root(feature_count))],
        }
    }

    pub(super) fn feature_count(&self) -> usize {
        self.feature_count
    }

    pub(super) fn leaves(&self) -> usize {
        self.nodes.len().div_ceil(2)
    }

    /// Where `features` lead.
    #[inline]
    fn find(&self, features: &Features) -> usize {
        let values = features.as_slice();
        assert_eq!(values.len(), self.feature_count, "features of another set");
        let mut at = 0;
        // Ends, since children are behind their parents.
        while let Node::Question { feature, cut, below } = &self.nodes[at] {
            let feature = usize::from(*feature);
            let above = values[feature] > self.cuts.value(feature, usize::from(*cut));
            at = usize::from(*below) + usize::from(above);
        }
        at
    }

    #[inline]
    fn leaf(&self, at: usize) -> &Leaf {
        match &self.nodes[at] {
            Node::Leaf(leaf) => leaf,
            Node::Question { .. } => unreachable!("`find` ends at leaves"),
        }
    }

    fn leaf_mut(&mut self, at: usize) -> &mut Leaf {
        match &mut self.nodes[at] {
            Node::Leaf(leaf) => leaf,
            Node::Question { .. } => unreachable!("`find` ends at leaves"),
        }
    }

    pub(super) fn predict(&self, features: &Features) -> f64 {
        self.leaf(self.find(features)).mean
    }

    /// Takes in one outcome; by how much the prediction for it missed.
    pub(super) fn learn(&mut self, features: &Features, target: f64, memory: f64) -> f64 {
        let at = self.find(features);
        let leaf = self.leaf_mut(at);
        let miss = leaf.learn(target, memory);
        let is_warm = at > 0 || leaf.outcomes > WARM_UP as u64;
        if is_warm {
            self.sort(at, features, target);
        } else {
            self.warm_up.push((*features, target));
            if self.warm_up.len() == WARM_UP {
                self.end_warm_up(memory);
            }
        }
        miss
    }

    /// Finds where to cut, and begins again with the outcomes that were kept.
    fn end_warm_up(&mut self, memory: f64) {
        let seen = std::mem::take(&mut self.warm_up);
        self.cuts = Cuts::between(self.feature_count, &seen);
        self.origin = self.leaf(0).mean;
        self.nodes[0] = Node::Leaf(Leaf::root(self.feature_count));
        for (features, target) in seen {
            let at = self.find(&features);
            self.leaf_mut(at).learn(target, memory);
            self.sort(at, &features, target);
        }
    }

    /// Puts an outcome into the bins of its leaf, which may split.
    fn sort(&mut self, at: usize, features: &Features, target: f64) {
        let bins = self.cuts.bins(features);
        let difference = target - self.origin;
        if let Some(split) = self.leaf_mut(at).sort(&bins, difference) {
            self.split(at, &split);
        }
    }

    /// Makes a question of the leaf at `at`.
    fn split(&mut self, at: usize, split: &Split) {
        let below = self.nodes.len();
        let depth = self.leaf(at).depth + 1;
        let bins = || (usize::from(depth) < DEPTH_MAX).then(|| Bins::new(self.feature_count));
        let children = [split.below, split.above]
            .map(|side| Node::Leaf(Leaf::child(side, self.origin, depth, bins())));
        self.nodes.extend(children);
        self.nodes[at] = Node::Question {
            feature: split.feature as u8,
            cut: split.cut as u8,
            below: below as u8,
        };
        if self.nodes.len() + 2 > NODES_MAX {
            self.settle();
        }
    }

    /// No leaf will split any more.
    fn settle(&mut self) {
        for node in &mut self.nodes {
            if let Node::Leaf(leaf) = node {
                leaf.settle();
            }
        }
    }

    pub(super) fn to_text(&self, set: &FeatureSet, unit: &str) -> String {
        let mut text = String::new();
        self.tell(0, "all", 0, (set, unit), &mut text);
        text
    }

    /// The line of the node at `at`, which was reached by the answer `answer`, and
    /// all lines below.
    fn tell(
        &self,
        at: usize,
        answer: &str,
        indent: usize,
        words: (&FeatureSet, &str),
        text: &mut String,
    ) {
        let (set, unit) = words;
        let space = "  ".repeat(indent);
        match &self.nodes[at] {
            Node::Leaf(leaf) => {
                let (mean, outcomes) = (short(leaf.mean), grouped(leaf.outcomes));
                let gap = if unit.is_empty() { "" } else { " " };
                text.push_str(&format!(
                    "{space}{answer}: {mean}{gap}{unit} ({outcomes} outcomes)\n"
                ));
            }
            Node::Question { feature, cut, below } => {
                // What leads to the root is no answer, and gets no line.
                let indent = if at == 0 { 0 } else { indent + 1 };
                if at != 0 {
                    text.push_str(&format!("{space}{answer}:\n"));
                }
                let name = &set.names()[usize::from(*feature)];
                let cut = short(self.cuts.value(usize::from(*feature), usize::from(*cut)));
                let below = usize::from(*below);
                self.tell(below, &format!("{name} ≤ {cut}"), indent, words, text);
                self.tell(below + 1, &format!("{name} > {cut}"), indent, words, text);
            }
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let leaves = self.nodes.iter().map(|node| match node {
            Node::Leaf(leaf) => leaf.heap_bytes(),
            Node::Question { .. } => 0,
        });
        self.warm_up.capacity() * size_of::<(Features, f64)>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.cuts.heap_bytes()
            + leaves.sum::<usize>()
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u32(self.warm_up.len() as u32);
        for (features, target) in &self.warm_up {
            to.f64s(features.as_slice());
            to.f64(*target);
        }
        self.cuts.write(to);
        to.f64(self.origin);
        to.u32(self.nodes.len() as u32);
        for node in &self.nodes {
            match node {
                Node::Leaf(leaf) => {
                    to.u8(0);
                    leaf.write(to);
                }
                Node::Question { feature, cut, below } => {
                    to.raw(&[1, *feature, *cut, *below]);
                }
            }
        }
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
    ) -> Result<Trunk, ModelFileError> {
        let warm_up = read_warm_up(from, feature_count)?;
        let cuts = Cuts::read(from, feature_count)?;
        let origin = from.f64_within("the origin of a tree", -MEAN_MAX, MEAN_MAX)?;
        let node_count = from.count("how many nodes there are", NODES_MAX)?;
        if node_count.is_multiple_of(2) {
            return Err(ModelFileError::Invalid("how many nodes there are"));
        }
        let mut nodes = Vec::with_capacity(node_count);
        for at in 0..node_count {
            nodes.push(read_node(from, feature_count, at, node_count)?);
        }
        let kept = match &nodes[0] {
            Node::Leaf(leaf) if leaf.outcomes < WARM_UP as u64 => leaf.outcomes,
            _ => 0,
        };
        if warm_up.len() as u64 != kept {
            return Err(ModelFileError::Invalid("outcomes of a warm-up"));
        }
        Ok(Trunk { feature_count, warm_up, cuts, origin, nodes })
    }
}

fn read_warm_up(
    from: &mut Reader<'_>,
    feature_count: usize,
) -> Result<Vec<(Features, f64)>, ModelFileError> {
    let count = from.count("outcomes of a warm-up", WARM_UP - 1)?;
    let mut number = || from.f64_within("an outcome", -MAGNITUDE_MAX, MAGNITUDE_MAX);
    let mut warm_up = Vec::with_capacity(count);
    for _ in 0..count {
        let mut values = [0.0; FEATURES_MAX];
        for value in &mut values[..feature_count] {
            *value = number()?;
        }
        warm_up.push((Features::checked(values, feature_count), number()?));
    }
    Ok(warm_up)
}

fn read_node(
    from: &mut Reader<'_>,
    feature_count: usize,
    at: usize,
    node_count: usize,
) -> Result<Node, ModelFileError> {
    match from.u8()? {
        0 => Ok(Node::Leaf(Leaf::read(from, feature_count, DEPTH_MAX as u8)?)),
        1 => {
            let (feature, cut, below) = (from.u8()?, from.u8()?, from.u8()?);
            let known = usize::from(feature) < feature_count && usize::from(cut) < BINS - 1;
            let children = usize::from(below);
            if known && children > at && children + 1 < node_count {
                Ok(Node::Question { feature, cut, below })
            } else {
                Err(ModelFileError::Invalid("a question of a tree"))
            }
        }
        _ => Err(ModelFileError::Invalid("a node of a tree")),
    }
}
