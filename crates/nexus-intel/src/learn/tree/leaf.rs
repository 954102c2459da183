//! A leaf: a mean that forgets, and what it takes to split.

use super::super::bytes::{Reader, Writer};
use super::super::features::MEAN_MAX;
use super::super::{FEATURES_MAX, ModelFileError};
use super::bins::{Bins, Side, Split};

/// Of what a whole model remembers, the share that one leaf remembers: it sees
/// only some of the outcomes. Source: measured on the shipped trace, where half to
/// double of it differ by 1 %, and more follows reversed outcomes too slowly.
const MEMORY_SHARE: f64 = 0.15;

/// The end of a path through the tree.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Leaf {
    pub(super) mean: f64,
    /// Outcomes it has seen, with those its parent saw on its side.
    pub(super) outcomes: u64,
    /// Questions asked on the way to it.
    pub(super) depth: u8,
    /// `None` where it can never split.
    bins: Option<Bins>,
}

impl Leaf {
    /// The only leaf of a tree.
    pub(super) fn root(feature_count: usize) -> Leaf {
        Leaf { mean: 0.0, outcomes: 0, depth: 0, bins: Some(Bins::new(feature_count)) }
    }

    /// One half of a leaf that split, with the sums of what went there.
    pub(super) fn child(side: Side, origin: f64, depth: u8, bins: Option<Bins>) -> Leaf {
        let mean = origin + side.sum / side.count as f64;
        Leaf { mean, outcomes: side.count, depth, bins }
    }

    /// Moves the mean; what it missed by.
    pub(super) fn learn(&mut self, target: f64, memory: f64) -> f64 {
        let miss = target - self.mean;
        self.outcomes += 1;
        self.mean += miss / (self.outcomes as f64).min((MEMORY_SHARE * memory).max(1.0));
        miss
    }

    /// Puts the outcome into its bins; the split that is to be made now, if any.
    pub(super) fn sort(&mut self, bins: &[u8; FEATURES_MAX], difference: f64) -> Option<Split> {
        let own = self.bins.as_mut()?;
        if own.push(bins, difference) { own.split() } else { None }
    }

    /// Gives up splitting.
    pub(super) fn settle(&mut self) {
        self.bins = None;
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.bins.as_ref().map_or(0, Bins::heap_bytes)
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.f64(self.mean);
        to.u64(self.outcomes);
        to.u8(self.depth);
        to.u8(u8::from(self.bins.is_some()));
        if let Some(bins) = &self.bins {
            bins.write(to);
        }
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
        depth_max: u8,
    ) -> Result<Leaf, ModelFileError> {
        let mean = from.f64_within("the mean of a leaf", -MEAN_MAX, MEAN_MAX)?;
        let outcomes = from.u64()?;
        let depth = from.u8()?;
        let bins = match from.u8()? {
            0 => None,
            1 if depth < depth_max => Some(Bins::read(from, feature_count)?),
            _ => return Err(ModelFileError::Invalid("a leaf")),
        };
        if depth > depth_max {
            return Err(ModelFileError::Invalid("the depth of a leaf"));
        }
        Ok(Leaf { mean, outcomes, depth, bins })
    }
}
