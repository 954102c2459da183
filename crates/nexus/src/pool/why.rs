//! Why a pool routes as it does, for people and programs.

use std::collections::BTreeMap;

use nexus_base::Level;
use nexus_intel::learn::Explanation;
use nexus_intel::measure::{Gain, Phase};
use nexus_intel::safety::LadderStatus;
use serde::{Deserialize, Serialize};

/// Why a pool routes its adaptive calls as it does, at one moment. A pool without
/// layers has nothing but the reactive level to tell of, and in JSON nothing else
/// is there.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PoolWhy {
    /// The level that places adaptive calls now. While a layer is measured it is
    /// lower than the ladder's in some blocks of time.
    pub used: Level,
    /// What picks at the optimized level, where that is chosen by conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimized: Option<ChosenStrategy>,
    /// What was asked, what is used and why; each layer with its gain; what changed lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ladder: Option<LadderStatus>,
    /// What is measured now; absent also where no layer is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// What has been learned of the work in a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Explanation>,
    /// What has been learned of the members that are in the pool, by their keys: work
    /// done in a second relative to an ordinary one. Said or not: it is learned
    /// also while only a lower level is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speeds: Option<BTreeMap<String, f64>>,
}

/// A layer under trial.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Measured {
    /// Which.
    pub layer: Level,
    /// What calls cost with it, relative to without.
    pub gain: Gain,
    /// What the trial is doing.
    pub phase: Phase,
}

/// A strategy that was chosen by the conditions of a pool.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChosenStrategy {
    /// Its name.
    pub strategy: String,
    /// What spoke for it.
    pub reason: String,
}
