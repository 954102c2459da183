//! Where a feature may be cut: between quantiles of the first outcomes.
//!
//! All leaves of a tree share them, so a leaf needs a sum for each bin only, and
//! not the outcomes themselves.

use super::super::bytes::{Reader, Writer};
use super::super::{FEATURES_MAX, Features, MAGNITUDE_MAX, ModelFileError};

/// Bins of a feature. Source: measured on the shipped trace, where 16 have a sixth
/// more error, and 64 no less.
pub(super) const BINS: usize = 32;

/// The cuts of each feature, increasing. A value equal to a cut is below it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Cuts {
    /// At most `BINS - 1` of them; those beyond `len` are infinite.
    of_feature: Vec<[f64; BINS - 1]>,
    /// How many there are of each feature.
    lens: [u8; FEATURES_MAX],
}

impl Cuts {
    /// No cut: all values of `feature_count` features are alike.
    pub(super) fn none(feature_count: usize) -> Cuts {
        Cuts { of_feature: vec![[f64::INFINITY; BINS - 1]; feature_count], lens: [0; FEATURES_MAX] }
    }

    /// Cuts that part `seen` into bins of about the same count, for each feature.
    pub(super) fn between(feature_count: usize, seen: &[(Features, f64)]) -> Cuts {
        let mut cuts = Cuts::none(feature_count);
        let mut values = Vec::with_capacity(seen.len());
        for (feature, cuts) in cuts.of_feature.iter_mut().enumerate() {
            values.clear();
            values.extend(seen.iter().map(|(features, _)| features.as_slice()[feature]));
            values.sort_by(f64::total_cmp);
            let mut len = 0;
            for bin in 1..BINS {
                let below = values[bin * values.len() / BINS - 1];
                // The next other value: where values repeat, a cut between equal
                // ones would be none.
                let above = values.partition_point(|value| *value <= below);
                let Some(above) = values.get(above) else { break };
                let cut = below + (above - below) / 2.0;
                if len == 0 || cuts[len - 1] < cut {
                    cuts[len] = cut;
                    len += 1;
                }
            }
        }
        cuts.counted()
    }

    fn counted(mut self) -> Cuts {
        for (len, cuts) in self.lens.iter_mut().zip(&self.of_feature) {
            *len = cuts.iter().filter(|cut| cut.is_finite()).count() as u8;
        }
        self
    }

    /// The value of cut `cut` of `feature`.
    #[inline]
    pub(super) fn value(&self, feature: usize, cut: usize) -> f64 {
        self.of_feature[feature][cut]
    }

    /// In which bin of its feature each value is.
    #[inline]
    pub(super) fn bins(&self, features: &Features) -> [u8; FEATURES_MAX] {
        let mut bins = [0; FEATURES_MAX];
        let found = bins.iter_mut().zip(&self.of_feature).zip(&self.lens);
        for (((bin, cuts), len), value) in found.zip(features.as_slice()) {
            // Many features are the same for all requests and have no cut.
            if *len > 0 {
                let cuts = &cuts[..usize::from(*len)];
                *bin = cuts.partition_point(|cut| *value > *cut) as u8;
            }
        }
        bins
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.of_feature.capacity() * size_of::<[f64; BINS - 1]>()
    }

    pub(super) fn write(&self, to: &mut Writer) {
        for cuts in &self.of_feature {
            to.f64s(cuts);
        }
    }

    pub(super) fn read(
        from: &mut Reader<'_>,
        feature_count: usize,
    ) -> Result<Cuts, ModelFileError> {
        let mut cuts = Cuts::none(feature_count);
        for cuts in &mut cuts.of_feature {
            let mut least = -MAGNITUDE_MAX;
            for cut in cuts {
                *cut = from.f64_within("a cut", least, f64::INFINITY)?;
                least = *cut;
            }
        }
        Ok(cuts.counted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::FeatureSet;
    use super::*;

    fn features(value: f64) -> Features {
        FeatureSet::new(["size"]).expect("one name").values(&[value]).expect("sane")
    }

    #[test]
    fn each_of_a_few_values_gets_a_bin_of_its_own() {
        let seen: Vec<_> = (0..64).map(|n| (features(f64::from(n % 4)), 0.0)).collect();
        let cuts = Cuts::between(1, &seen);
        for (value, bin) in [(-1.0, 0), (0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3), (9.0, 3)] {
            assert_eq!(cuts.bins(&features(value))[0], bin, "{value}");
        }
    }

    #[test]
    fn a_value_at_a_cut_is_below_it() {
        let seen = [(features(2.0), 0.0), (features(4.0), 0.0)];
        let cuts = Cuts::between(1, &seen.repeat(32));
        assert_eq!(cuts.value(0, 0), 3.0);
        assert_eq!(cuts.bins(&features(3.0))[0], 0);
        assert_eq!(cuts.bins(&features(3.000_001))[0], 1);
    }

    #[test]
    fn many_values_are_parted_evenly() {
        let seen: Vec<_> = (0..256).map(|n| (features(f64::from(n)), 0.0)).collect();
        let cuts = Cuts::between(1, &seen);
        let mut counts = [0; BINS];
        for (features, _) in &seen {
            counts[usize::from(cuts.bins(features)[0])] += 1;
        }
        assert_eq!(counts, [256 / BINS; BINS]);
    }
}
