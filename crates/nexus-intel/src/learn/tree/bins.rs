//! What a leaf has to know to split: how many outcomes were in each bin, and their sum.

use nexus_base::math;

use super::super::bytes::{Reader, Writer};
use super::super::features::MEAN_MAX;
use super::super::{FEATURES_MAX, ModelFileError};
use super::cuts::BINS;

/// Outcomes between two looks for a split. Source: a guess; a look costs as much
/// as some ten outcomes.
const LOOK_EVERY: u64 = 32;

/// Outcomes there must be on either side of a split. Source: a guess.
const SIDE_MIN: u64 = 16;

/// A split must take away this many times the mean square of an error: 4 standard
/// errors. By chance one cut does so once in 16,000 times; a leaf has a few dozen
/// cuts, not independent ones, and looks more than once.
const REDUCTION_MIN: f64 = 16.0;

/// Below this share of the squares a reduction is a matter of rounding.
const ROUNDING: f64 = 1e-9;

/// How often the feature that is split on may be the wrong one, as long as
/// Hoeffding's bound holds. Source: FIMT-DD, 2011.
const WRONG_FEATURE: f64 = 0.01;

/// Two features whose reductions differ by less than this share are as good as
/// each other, and the first is taken. Source: a guess, as in FIMT-DD 0.05 to 0.1.
const TIE: f64 = 0.1;

/// Outcomes of one bin. Sums are of differences to the tree's origin: of large
/// numbers that differ by little, the squares would keep nothing of it.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Side {
    pub(super) count: u64,
    pub(super) sum: f64,
}

impl Side {
    fn and(self, other: Side) -> Side {
        Side { count: self.count + other.count, sum: self.sum + other.sum }
    }

    fn without(self, other: Side) -> Side {
        Side { count: self.count - other.count, sum: self.sum - other.sum }
    }

    /// What knowing the mean takes away from the sum of squares.
    fn explained(self) -> f64 {
        self.sum * self.sum / self.count as f64
    }
}

/// A split of a leaf in two.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Split {
    pub(super) feature: usize,
    pub(super) cut: usize,
    pub(super) below: Side,
    pub(super) above: Side,
    /// By how much the sum of squared errors falls.
    reduction: f64,
}

/// The outcomes of a leaf since it is one.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Bins {
    all: Side,
    squares: f64,
    /// Feature after feature.
    bins: Vec<Side>,
}

impl Bins {
    pub(super) fn new(feature_count: usize) -> Bins {
        Bins {
            all: Side::default(),
            squares: 0.0,
            bins: vec![Side::default(); feature_count * BINS],
        }
    }

    /// Takes in an outcome that differs from the origin by `difference`. Whether
    /// it is time to look for a split.
    pub(super) fn push(&mut self, bins: &[u8; FEATURES_MAX], difference: f64) -> bool {
        let one = Side { count: 1, sum: difference };
        for (feature, bin) in self.bins.chunks_exact_mut(BINS).zip(bins) {
            let bin = &mut feature[usize::from(*bin)];
            *bin = bin.and(one);
        }
        self.all = self.all.and(one);
        self.squares += difference * difference;
        self.all.count.is_multiple_of(LOOK_EVERY)
    }

    /// The best split, if it is one to make.
    pub(super) fn split(&self) -> Option<Split> {
        let (mut best, mut second) = (None::<Split>, 0.0);
        for feature in 0..self.bins.len() / BINS {
            let Some(split) = self.best_of(feature) else { continue };
            match best {
                Some(other) if other.reduction >= split.reduction => {
                    second = split.reduction.max(second);
                }
                other => {
                    second = other.map_or(0.0, |other| other.reduction);
                    best = Some(split);
                }
            }
        }
        best.filter(|best| self.is_worth(best.reduction) && self.is_surely(best.reduction, second))
    }

    /// The best cut of one feature.
    fn best_of(&self, feature: usize) -> Option<Split> {
        if self.bins[feature * BINS].count == self.all.count {
            return None;
        }
        let mut best = None::<Split>;
        let mut below = Side::default();
        for cut in 0..BINS - 1 {
            below = below.and(self.bins[feature * BINS + cut]);
            let above = self.all.without(below);
            if below.count < SIDE_MIN || above.count < SIDE_MIN {
                continue;
            }
            let reduction = below.explained() + above.explained() - self.all.explained();
            if best.is_none_or(|best| best.reduction < reduction) {
                best = Some(Split { feature, cut, below, above, reduction });
            }
        }
        best
    }

    /// Whether so much is taken away from the squares as chance would not.
    fn is_worth(&self, reduction: f64) -> bool {
        let squares = self.squares - self.all.explained();
        let by_chance = REDUCTION_MIN * squares / self.all.count as f64;
        reduction > by_chance && reduction > ROUNDING * self.squares
    }

    /// Whether the best feature is better than the second, or both are as good.
    fn is_surely(&self, best: f64, second: f64) -> bool {
        let doubt = math::sqrt(math::ln(1.0 / WRONG_FEATURE) / (2.0 * self.all.count as f64));
        second < best * (1.0 - doubt) || doubt < TIE
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bins.capacity() * size_of::<Side>()
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.f64(self.squares);
        for side in [&self.all].into_iter().chain(&self.bins) {
            to.u64(side.count);
            to.f64(side.sum);
        }
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
    ) -> Result<Bins, ModelFileError> {
        let mut bins = Bins::new(feature_count);
        bins.squares = from.f64_within("a sum of squares", 0.0, f64::MAX)?;
        for side in [&mut bins.all].into_iter().chain(&mut bins.bins) {
            side.count = from.u64()?;
            let most = 2.0 * MEAN_MAX * side.count as f64;
            side.sum = from.f64_within("a sum", -most, most)?;
        }
        for feature in bins.bins.chunks_exact(BINS) {
            let count = feature.iter().try_fold(0_u64, |sum, bin| sum.checked_add(bin.count));
            if count != Some(bins.all.count) {
                return Err(ModelFileError::Invalid("the outcomes of a bin"));
            }
        }
        Ok(bins)
    }
}
