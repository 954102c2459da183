//! What was predicted, and who said so.

use super::number::short;
use super::{Doubt, Features};

/// What is expected of one request. Keep it until the truth is known, for
/// [`Predictor::judge`](super::Predictor::judge).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Prediction {
    /// What to go by, in the unit of outcomes. Always finite.
    pub value: f64,
    /// Who said so.
    pub source: Source,
    /// What the model says, in use or not; it may be implausible or no number.
    pub model: f64,
    /// What the baseline says.
    pub baseline: f64,
    /// What was known of the request.
    pub features: Features,
}

/// Whose prediction it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Source {
    /// The model's.
    Model,
    /// The plain mean of what was seen, and why.
    Baseline(Reason),
}

/// Why the baseline is used, and not the model.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Too few outcomes were learned and judged.
    InsufficientData {
        /// How many there are.
        outcomes: u64,
        /// How many there must be.
        needed: u64,
    },
    /// The model has been worse than the baseline.
    Doubted(Doubt),
    /// The model's prediction is no number, or infinite.
    NotFinite,
    /// The model's prediction is far outside of all that ever came.
    Implausible {
        /// What the model said.
        predicted: f64,
        /// The least that ever came.
        least: f64,
        /// The most.
        most: f64,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::InsufficientData { outcomes, needed } => {
                write!(f, "insufficient data: {outcomes} outcomes, {needed} are needed")
            }
            Reason::Doubted(doubt) => doubt.fmt(f),
            Reason::NotFinite => f.write_str("the model's prediction is not a finite number"),
            Reason::Implausible { predicted, least, most } => write!(
                f,
                "implausible: the model says {}, outcomes were from {} to {}",
                short(*predicted),
                short(*least),
                short(*most)
            ),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Model => f.write_str("model"),
            Source::Baseline(reason) => write!(f, "baseline, {reason}"),
        }
    }
}
