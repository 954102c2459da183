//! A gain as it is shown and acted upon: a ratio with an interval, never a bare number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is paid with a layer for each unit paid without it, and how sure that is.
///
/// Nothing is known at first: then all but `blocks` is `None`, and in JSON `null`.
///
/// ```
/// use nexus_intel::measure::{Gain, Verdict};
///
/// let gain = Gain {
///     ratio: Some(0.91),
///     interval: Some([0.86, 0.96]),
///     blocks: 48,
///     detectable: Some(0.05),
/// };
/// assert_eq!(gain.verdict(0.02), Verdict::Gain);
/// assert_eq!(gain.to_string(), "costs ×0.910 [0.860, 0.960] by 48 blocks");
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Gain {
    /// Cost with the layer by cost without it: below one is better.
    pub ratio: Option<f64>,
    /// Where the ratio lies, as surely as whoever measured says: lowest, highest.
    pub interval: Option<[f64; 2]>,
    /// Blocks, or seeds of a replay, that this rests on.
    pub blocks: u64,
    /// The least gain, as a share (0.05 is 5 %), that so many blocks of this
    /// spread can tell from none: half the width of the interval. A gain just as
    /// large is found half of the time, one half as large again nearly always.
    pub detectable: Option<f64>,
}

impl Gain {
    /// What follows if less than `least_worthwhile` (a share, 0.02 is 2 %) is
    /// not worth having the layer.
    pub fn verdict(&self, least_worthwhile: f64) -> Verdict {
        match self.interval {
            None => Verdict::Unsure,
            Some([low, _]) if low > 1.0 => Verdict::Harm,
            Some([low, _]) if 1.0 - low < least_worthwhile => Verdict::NotWorth,
            Some([_, high]) if high < 1.0 => Verdict::Gain,
            Some(_) => Verdict::Unsure,
        }
    }
}

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ratio, self.interval) {
            (Some(ratio), Some([low, high])) => {
                write!(f, "costs ×{ratio:.3} [{low:.3}, {high:.3}] by {} blocks", self.blocks)
            }
            (Some(ratio), None) => {
                write!(f, "costs ×{ratio:.3}, too few blocks for an interval ({})", self.blocks)
            }
            (None, _) => write!(f, "nothing measured yet"),
        }
    }
}

/// What a measured gain asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Surely cheaper with the layer, and the gain may be worth having.
    Gain,
    /// Whatever the gain is, it is surely less than is worth having.
    NotWorth,
    /// Neither can be said yet: a reason for nothing.
    Unsure,
    /// Surely dearer with the layer.
    Harm,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interval: Option<[f64; 2]>, expected: Verdict) {
        let gain = Gain { interval, ..Gain::default() };
        assert_eq!(gain.verdict(0.02), expected, "{interval:?}");
    }

    #[test]
    fn the_verdict_follows_from_the_interval_alone() {
        check(None, Verdict::Unsure);
        check(Some([0.85, 0.95]), Verdict::Gain);
        check(Some([0.85, 1.05]), Verdict::Unsure);
        check(Some([0.97, 1.05]), Verdict::Unsure);
        check(Some([0.99, 1.05]), Verdict::NotWorth);
        check(Some([0.985, 0.995]), Verdict::NotWorth);
        check(Some([1.01, 1.30]), Verdict::Harm);
    }
}
