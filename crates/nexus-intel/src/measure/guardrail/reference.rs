//! What requests cost without the layer, lately.

use nexus_base::math::{ln, sqrt};

/// Outcomes remembered, with a weight that fades. Source: a guess.
const OUTCOMES_MEMORY: f64 = 10_000.0;
/// Groups remembered, with a weight that fades. Source: a guess.
const GROUPS_MEMORY: f64 = 400.0;
/// Groups over which slow swings are smoothed: a quarter of the 500 outcomes within
/// which harm is to be seen. Source: a guess.
const SWING_GROUPS: f64 = 5.0;
/// Groups after which the largest excursion counts for a third. Source: a guess.
const EXCURSION_MEMORY: f64 = 1_200.0;
/// Groups to have seen before anything is judged. Source: a guess.
const GROUPS_MIN: u64 = 12;
/// The least variance of a group's logarithm believed, so that a pool which always
/// costs the same does not trip at the first difference. Source: a guess; 3 %.
const VARIANCE_MIN: f64 = 0.001;
/// Nothing is expected to cost less than this share of the mean.
const EXPECTED_MIN: f64 = 0.05;

/// Costs without the layer: a line through size and cost, what groups of them
/// deviate from it, and the largest false evidence.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reference {
    /// Faded sums: weight, size, cost, size squared, size times cost.
    weight: f64,
    size: f64,
    cost: f64,
    size_square: f64,
    product: f64,
    groups: u64,
    usual: f64,
    variance: f64,
    /// Smoothed logarithm, and its variance.
    slow: f64,
    swing: f64,
    excursion: f64,
}

/// What the logarithm of a group's ratio usually is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// Deviation of what changes slowly: of bursts of load.
    pub(super) swing: f64,
}

impl Reference {
    pub(super) fn is_ready(&self) -> bool {
        self.groups >= GROUPS_MIN
    }

    /// What a request of this size costs, in seconds; zero while nothing is known.
    pub(super) fn expected(&self, size: u64) -> f64 {
        if self.weight <= 0.0 {
            return 0.0;
        }
        let (size_mean, cost_mean) = (self.size / self.weight, self.cost / self.weight);
        let spread = self.size_square / self.weight - size_mean * size_mean;
        let joint = self.product / self.weight - size_mean * cost_mean;
        // Larger requests do not cost less: that would be chance.
        let slope = if spread > 0.0 { (joint / spread).max(0.0) } else { 0.0 };
        (cost_mean + slope * (size as f64 - size_mean)).max(EXPECTED_MIN * cost_mean)
    }

    pub(super) fn learn_cost(&mut self, size: u64, cost: f64) {
        let size = size as f64;
        let kept = 1.0 - 1.0 / OUTCOMES_MEMORY;
        self.weight = kept * self.weight + 1.0;
        self.size = kept * self.size + size;
        self.cost = kept * self.cost + cost;
        self.size_square = kept * self.size_square + size * size;
        self.product = kept * self.product + size * cost;
    }

    /// Takes in the ratio of cost to expectation of a group.
    pub(super) fn learn_ratio(&mut self, ratio: f64) {
        self.groups += 1;
        let value = ln(ratio);
        let share = 1.0 / (self.groups as f64).min(GROUPS_MEMORY);
        let apart = value - self.usual;
        self.usual += share * apart;
        self.variance += share * (apart * apart * (1.0 - share) - self.variance);
        self.slow += (value - self.slow) / SWING_GROUPS;
        let swung = self.slow - self.usual;
        self.swing += share * (swung * swung - self.swing);
    }

    pub(super) fn usual(&self) -> Usual {
        let variance = self.variance.max(VARIANCE_MIN);
        Usual { mean: self.usual, variance, swing: sqrt(self.swing) }
    }

    pub(super) fn learn_excursion(&mut self, evidence: f64) {
        let faded = self.excursion * (1.0 - 1.0 / EXCURSION_MEMORY);
        self.excursion = faded.max(evidence);
    }

    /// The most evidence of harm seen where there was none.
    pub(super) fn excursion(&self) -> f64 {
        self.excursion
    }
}
