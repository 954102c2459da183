//! A small regression tree that grows with the outcomes, and is replaced when it is past.

mod bins;
mod cuts;
mod leaf;
mod trunk;

use super::bytes::{Reader, Writer};
use super::features::check_target;
use super::{FeatureSet, Features, Forgetting, ModelFileError, TargetError};
use trunk::Trunk;

pub use trunk::{DEPTH_MAX, LEAVES_MAX};

/// Outcomes after which the young tree is compared with the grown one: its second
/// half decides. Source: a guess, as many as are kept.
const GENERATION_OUTCOMES: u32 = 1_000;

/// The young tree replaces the grown one when the squares of its errors are below
/// this share of the other's. Source: measured on the shipped trace; at 1, chance
/// replaces trees that know more.
const REPLACE_BELOW: f64 = 0.95;

/// A regression tree for one outcome after another.
///
/// Each leaf predicts the mean of its own outcomes, of which it forgets old ones.
/// A leaf splits in two when that reduces the squares of its errors by more than
/// chance would, and the best feature for it is surely better than the next
/// best. Splits are never undone; instead a young tree begins every thousand
/// outcomes, and takes the place of the grown one if by the end of them it
/// predicts better.
///
/// At most [`LEAVES_MAX`] leaves and [`DEPTH_MAX`] questions, twice. No chance is
/// involved: the same outcomes grow the same tree.
///
/// ```
/// use nexus_intel::learn::{FeatureSet, Forgetting, Tree};
///
/// let set = FeatureSet::new(["size"])?;
/// let mut tree = Tree::new(set.len(), Forgetting::DEFAULT);
/// for n in 0..1_000 {
///     let size = f64::from(n % 100);
///     tree.learn(&set.values(&[size])?, if size < 40.0 { 1.0 } else { 5.0 })?;
/// }
/// assert!(tree.predict(&set.values(&[10.0])?) < 1.1);
/// assert!(tree.predict(&set.values(&[90.0])?) > 4.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// Splits as in FIMT-DD: Ikonomovska, Gama and Džeroski, "Learning model trees
/// from evolving data streams", Data Mining and Knowledge Discovery 23, 2011,
/// with sums in bins between quantiles in place of its search trees. That
/// Hoeffding's bound is applied to a ratio of reductions there is known not to
/// be strictly valid; here it decides between features only, and whether to split
/// at all has a test of its own.
#[derive(Clone, PartialEq, Debug)]
pub struct Tree {
    grown: Trunk,
    young: Trunk,
    forgetting: Forgetting,
    generation: Generation,
    replaced: u64,
}

/// What there has been of the present generation.
#[derive(Clone, PartialEq, Default, Debug)]
struct Generation {
    outcomes: u32,
    /// Sums of squared errors in its second half.
    grown_squares: f64,
    young_squares: f64,
}

impl Tree {
    /// Knows nothing yet about `feature_count` features, and predicts zero.
    ///
    /// # Panics
    /// If there are none or more than [`FEATURES_MAX`](super::FEATURES_MAX).
    pub fn new(feature_count: usize, forgetting: Forgetting) -> Tree {
        assert!(
            (1..=super::FEATURES_MAX).contains(&feature_count),
            "a set of features is so large"
        );
        Tree {
            grown: Trunk::new(feature_count),
            young: Trunk::new(feature_count),
            forgetting,
            generation: Generation::default(),
            replaced: 0,
        }
    }

    /// What is expected for `features`. Always finite, and but for rounding between
    /// the least and the most that was learned.
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    #[inline]
    pub fn predict(&self, features: &Features) -> f64 {
        self.grown.predict(features)
    }

    /// Takes in one outcome.
    ///
    /// # Errors
    /// [`TargetError`] if the target is not finite or too large; nothing changed.
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    pub fn learn(&mut self, features: &Features, target: f64) -> Result<(), TargetError> {
        self.learn_missing(features, target).map(drop)
    }

    /// As [`Self::learn`]; by how much the prediction before it missed.
    pub(super) fn learn_missing(
        &mut self,
        features: &Features,
        target: f64,
    ) -> Result<f64, TargetError> {
        check_target(target)?;
        let memory = self.forgetting.memory();
        let grown_miss = self.grown.learn(features, target, memory);
        let young_miss = self.young.learn(features, target, memory);
        let generation = &mut self.generation;
        generation.outcomes += 1;
        if generation.outcomes > GENERATION_OUTCOMES / 2 {
            generation.grown_squares += grown_miss * grown_miss;
            generation.young_squares += young_miss * young_miss;
        }
        if generation.outcomes == GENERATION_OUTCOMES {
            self.end_generation();
        }
        Ok(grown_miss)
    }

    fn end_generation(&mut self) {
        let fresh = Trunk::new(self.grown.feature_count());
        let young = std::mem::replace(&mut self.young, fresh);
        let Generation { grown_squares, young_squares, .. } = std::mem::take(&mut self.generation);
        if young_squares < REPLACE_BELOW * grown_squares {
            self.grown = young;
            self.replaced += 1;
        }
    }

    /// How many leaves the tree that predicts has.
    pub fn leaves(&self) -> usize {
        self.grown.leaves()
    }

    /// How often a young tree took the place of the grown one.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    /// The tree, a line for each question and each leaf, in `unit`.
    pub fn to_text(&self, set: &FeatureSet, unit: &str) -> String {
        self.grown.to_text(set, unit)
    }

    /// Bytes it takes, with all it holds on the heap.
    pub fn size_bytes(&self) -> usize {
        size_of::<Tree>() + self.grown.heap_bytes() + self.young.heap_bytes()
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.grown.write(to);
        self.young.write(to);
        to.u32(self.generation.outcomes);
        to.f64s(&[self.generation.grown_squares, self.generation.young_squares]);
        to.u64(self.replaced);
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
        forgetting: Forgetting,
    ) -> Result<Tree, ModelFileError> {
        let grown = Trunk::read(from, feature_count)?;
        let young = Trunk::read(from, feature_count)?;
        let outcomes =
            from.count("outcomes of a generation", GENERATION_OUTCOMES as usize - 1)? as u32;
        let grown_squares = from.f64_within("a sum of squares", 0.0, f64::MAX)?;
        let young_squares = from.f64_within("a sum of squares", 0.0, f64::MAX)?;
        let generation = Generation { outcomes, grown_squares, young_squares };
        Ok(Tree { grown, young, forgetting, generation, replaced: from.u64()? })
    }
}

#[cfg(test)]
mod tests;
