//! Why agents of a kind are served as they are, for people and programs.

use std::collections::BTreeMap;

use nexus_intel::adaptive::{Adaptation, Knobs, OnTrial};
use nexus_intel::learn::Explanation;
use nexus_intel::proactive::PrefetchCounts;
use nexus_intel::safety::LadderStatus;
use serde::Serialize;

use super::foreseen::AdmissionCounts;
use crate::pool::Measured;

/// Why the agents of a kind are served as they are, at one moment. What a kind has
/// not got is left out of its JSON.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct KindWhy {
    /// What is used and why; each layer with its gain; what changed lately.
    pub ladder: LadderStatus,
    /// The layer that is measured now, and what it is worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Where the knobs stand.
    pub knobs: Knobs,
    /// The adaptations in force, each with id, cause and measured gain.
    pub adaptations: Vec<Adaptation>,
    /// The adaptation that is left out now and then, to be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<OnTrial>,
    /// Answers that are kept.
    pub answers: AnswersWhy,
    /// Which variants ran above the reactive level, of requests that have several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, VariantCounts>,
    /// What has been learned of how long requests take, and how far off that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Explanation>,
    /// What was decided by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admission: Option<AdmissionCounts>,
    /// Queries that were run before anybody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefetch: Option<PrefetchCounts>,
}

/// Answers that are kept, and what they were good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct AnswersWhy {
    /// How many are kept.
    pub kept: usize,
    /// Queries answered from them.
    pub hits: u64,
    /// Queries that found none, where answers are kept.
    pub misses: u64,
    /// Answers that went because their agent was changed.
    pub invalidated: u64,
}

/// How often each variant of a request ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct VariantCounts {
    /// [`Variant::Quick`](nexus_coord::Variant::Quick).
    pub quick: u64,
    /// [`Variant::Usual`](nexus_coord::Variant::Usual).
    pub usual: u64,
    /// [`Variant::Thorough`](nexus_coord::Variant::Thorough).
    pub thorough: u64,
}
