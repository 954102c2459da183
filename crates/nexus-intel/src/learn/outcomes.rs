//! The last outcomes: what was known, what was said, what came.

use super::bytes::{Reader, Writer};
use super::features::MEAN_MAX;
use super::{Features, ModelFileError};

/// Outcomes kept; a further one replaces the oldest. Source: the first
/// operations plan.
pub const OUTCOMES_MAX: usize = 1_000;

/// Numbers kept of an outcome beside its features.
const BESIDE: usize = 3;

/// What was predicted for one request, and what came.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome<'o> {
    /// What was known of the request.
    pub features: &'o [f64],
    /// What the model said, drawn into the plausible if it was not.
    pub predicted: f64,
    /// What the baseline said.
    pub baseline: f64,
    /// What came.
    pub actual: f64,
}

/// The last [`OUTCOMES_MAX`] outcomes.
///
/// ```
/// use nexus_intel::learn::{FeatureSet, Outcomes};
///
/// let set = FeatureSet::new(["size"])?;
/// let mut outcomes = Outcomes::new(set.len());
/// outcomes.push(&set.values(&[3.0])?, 1.5, 2.0, 1.25);
/// let last = outcomes.iter().last().expect("there is one");
/// assert_eq!((last.features, last.predicted, last.actual), ([3.0].as_slice(), 1.5, 1.25));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Outcomes {
    /// Outcome after outcome, the oldest at `oldest`.
    numbers: Vec<f64>,
    feature_count: usize,
    oldest: usize,
}

impl Outcomes {
    /// None yet, of requests with `feature_count` features.
    pub fn new(feature_count: usize) -> Outcomes {
        Outcomes { numbers: Vec::new(), feature_count, oldest: 0 }
    }

    fn stride(&self) -> usize {
        self.feature_count + BESIDE
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.numbers.len() / self.stride()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Keeps one more, in place of the oldest if there are [`OUTCOMES_MAX`].
    ///
    /// # Panics
    /// If `features` are of a set of another size.
    pub fn push(&mut self, features: &Features, predicted: f64, baseline: f64, actual: f64) {
        let features = features.as_slice();
        assert_eq!(features.len(), self.feature_count, "features of another set");
        let beside = [predicted, baseline, actual];
        if self.len() < OUTCOMES_MAX {
            self.numbers.extend(features.iter().chain(&beside));
            return;
        }
        let stride = self.stride();
        let place = &mut self.numbers[self.oldest * stride..][..stride];
        place[..features.len()].copy_from_slice(features);
        place[features.len()..].copy_from_slice(&beside);
        self.oldest = (self.oldest + 1) % OUTCOMES_MAX;
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> impl Iterator<Item = Outcome<'_>> {
        let (newer, older) = self.numbers.split_at(self.oldest * self.stride());
        older.chunks_exact(self.stride()).chain(newer.chunks_exact(self.stride())).map(|numbers| {
            let (features, beside) = numbers.split_at(self.feature_count);
            Outcome { features, predicted: beside[0], baseline: beside[1], actual: beside[2] }
        })
    }

    /// The mean absolute errors of the model and of the baseline; `None` without
    /// outcomes.
    pub fn errors(&self) -> Option<(f64, f64)> {
        let (mut model, mut baseline) = (0.0, 0.0);
        for outcome in self.iter() {
            model += (outcome.predicted - outcome.actual).abs();
            baseline += (outcome.baseline - outcome.actual).abs();
        }
        let count = self.len() as f64;
        (!self.is_empty()).then(|| (model / count, baseline / count))
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<f64>()
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.u32(self.len() as u32);
        to.u32(self.oldest as u32);
        to.f64s(&self.numbers);
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
    ) -> Result<Outcomes, ModelFileError> {
        let mut outcomes = Outcomes::new(feature_count);
        let len = from.count("how many outcomes there are", OUTCOMES_MAX)?;
        // Only a full ring goes round.
        let oldest_max = if len == OUTCOMES_MAX { OUTCOMES_MAX - 1 } else { 0 };
        outcomes.oldest = from.count("the oldest outcome", oldest_max)?;
        outcomes.numbers.reserve_exact(len * outcomes.stride());
        for _ in 0..len * outcomes.stride() {
            // A plausible prediction is at most so far outside of what was seen.
            let number = from.f64_within("an outcome", -2.0 * MEAN_MAX, 2.0 * MEAN_MAX)?;
            outcomes.numbers.push(number);
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::FeatureSet;
    use super::*;

    #[test]
    fn the_last_thousand_are_kept_in_order() {
        let set = FeatureSet::new(["n"]).expect("one name");
        let mut outcomes = Outcomes::new(1);
        for n in 0..2_500 {
            outcomes.push(&set.values(&[f64::from(n)]).expect("finite"), 0.5, 0.0, 1.0);
            let kept: Vec<f64> = outcomes.iter().map(|outcome| outcome.features[0]).collect();
            let first = (n - 999).max(0);
            assert!(kept.iter().copied().eq((first..=n).map(f64::from)), "after {n}");
        }
        assert_eq!((outcomes.len(), outcomes.errors()), (OUTCOMES_MAX, Some((0.5, 1.0))));
    }
}
