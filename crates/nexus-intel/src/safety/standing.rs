//! Where a layer stands in its ladder.

use std::fmt;

use nexus_base::Time;
use serde::{Deserialize, Serialize};

use super::Reason;

/// Where a layer stands.
#[derive(Clone, PartialEq, Debug)]
pub enum Standing {
    /// Not wanted, and why.
    Off {
        /// Not enabled, not built, or switched off.
        reason: Reason,
    },
    /// Sent down for a while.
    CoolingDown {
        /// When it is tried again.
        until: Time,
        /// Why it was sent down.
        reason: Reason,
    },
    /// Used in the blocks that measure it.
    Trying,
    /// Used, because it pays.
    On,
}

impl Standing {
    /// Whether requests may be served with the layer.
    pub const fn is_up(&self) -> bool {
        matches!(self, Standing::Trying | Standing::On)
    }

    /// The same without time and reason.
    pub const fn stage(&self) -> Stage {
        match self {
            Standing::Off { .. } => Stage::Off,
            Standing::CoolingDown { .. } => Stage::CoolingDown,
            Standing::Trying => Stage::Trying,
            Standing::On => Stage::On,
        }
    }

    /// Why it is not used, if it is not.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Standing::Off { reason } | Standing::CoolingDown { reason, .. } => Some(reason),
            Standing::Trying | Standing::On => None,
        }
    }
}

/// A [`Standing`] in a word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Not wanted.
    Off,
    /// Sent down for a while.
    CoolingDown,
    /// Used in the blocks that measure it.
    Trying,
    /// Used, because it pays.
    On,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stage::Off => "off",
            Stage::CoolingDown => "cooling down",
            Stage::Trying => "trying",
            Stage::On => "on",
        })
    }
}
