//! What a ladder shows of itself.

use std::fmt;

use nexus_base::{EventName, Level};
use serde::{Deserialize, Serialize};

use super::{Ladder, Layer};
use crate::measure::Gain;
use crate::safety::{Stage, Standing};

/// One change of one layer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transition {
    /// Seconds since the node started.
    pub at_s: f64,
    /// Which layer.
    pub layer: Level,
    /// Where it stood.
    pub from: Stage,
    /// Where it stands.
    pub to: Stage,
    /// The level that was used.
    pub used_before: Level,
    /// The level that is used.
    pub used: Level,
    /// Why, if it went down.
    pub reason: Option<String>,
}

impl Transition {
    /// What watchers know it as.
    pub fn event(&self) -> EventName {
        match self.to {
            Stage::Off | Stage::CoolingDown => EventName::LayerSteppedDown,
            Stage::Trying | Stage::On => EventName::AgentIntelligenceAdapted,
        }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transition { layer, from, to, used, .. } = self;
        write!(f, "{layer}: {from} to {to}, {used} is used")?;
        self.reason.iter().try_for_each(|reason| write!(f, ": {reason}"))
    }
}

/// One layer as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LayerStatus {
    /// Which.
    pub layer: Level,
    /// Where it stands.
    pub stage: Stage,
    /// Since when, in seconds since the node started.
    pub since_s: f64,
    /// When it is tried again, in seconds since the node started, if it cools down.
    pub until_s: Option<f64>,
    /// Why it is not used, if it is not.
    pub reason: Option<String>,
    /// As measured last: ratio, interval, blocks, what could be detected.
    pub gain: Gain,
    /// Requests inside.
    pub inside: u64,
}

/// A whole ladder as it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LadderStatus {
    /// The level asked for.
    pub asked: Level,
    /// The level used.
    pub used: Level,
    /// Why that is not the one asked for, if it is not.
    pub reason: Option<String>,
    /// The gain of the level used.
    pub gain: Gain,
    /// The layers above the reactive one, lowest first.
    pub layers: Vec<LayerStatus>,
    /// The last transitions, oldest first.
    pub history: Vec<Transition>,
}

impl Layer {
    fn status(&self) -> LayerStatus {
        let standing = self.rung.standing();
        LayerStatus {
            layer: self.level,
            stage: standing.stage(),
            since_s: self.rung.since().as_secs_f64(),
            until_s: match standing {
                Standing::CoolingDown { until, .. } => Some(until.as_secs_f64()),
                _ => None,
            },
            reason: standing.reason().map(ToString::to_string),
            gain: self.gain,
            inside: self.inside,
        }
    }
}

impl Ladder {
    /// All there is to show, for `nexus why` and the like.
    pub fn status(&self) -> LadderStatus {
        let used = self.used();
        LadderStatus {
            asked: self.asked(),
            used,
            reason: self.reason(self.asked()).map(ToString::to_string),
            gain: self.layer(used).map(|layer| layer.gain).unwrap_or_default(),
            layers: self.layers.iter().map(Layer::status).collect(),
            history: self.history.iter().cloned().collect(),
        }
    }
}
