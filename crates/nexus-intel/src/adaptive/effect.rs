//! What an adapter wants done, and what it has to tell.

use std::fmt;

use nexus_base::EventName;

use super::adaptation::{AdaptationId, RolledBack};
use super::knobs::{AdaptationKind, Knobs};
use super::sensor::Sensor;
use super::sensors::Doubt;

/// Something the driver is asked to do, or to tell.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// Turn all knobs to where these stand.
    Turn(Knobs),
    /// Tell that an adaptation was applied.
    Applied {
        /// Which.
        id: AdaptationId,
        /// What was done.
        kind: AdaptationKind,
        /// The rule that had it done.
        rule: String,
        /// What that rule looks at, and what it showed.
        sensor: Sensor,
        /// In the sensor's unit, smoothed.
        reading: f64,
    },
    /// Tell that an adaptation was taken back.
    RolledBack {
        /// Which.
        id: AdaptationId,
        /// What it had been.
        kind: AdaptationKind,
        /// The rule that had it done.
        rule: String,
        /// Why.
        how: RolledBack,
    },
    /// Tell that a sensor is not believed any more: what rests on it is off.
    Doubted {
        /// Which.
        sensor: Sensor,
        /// Why.
        doubt: Doubt,
    },
    /// Tell that a sensor is believed, at first or again.
    Trusted {
        /// Which.
        sensor: Sensor,
    },
}

impl Effect {
    /// What it is called, in logs and in answers.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Effect::Turn(_) => "knobs.turned",
            Effect::Applied { .. } => "adaptation.applied",
            Effect::RolledBack { .. } => "adaptation.rolled_back",
            Effect::Doubted { .. } => "sensor.doubted",
            Effect::Trusted { .. } => "sensor.trusted",
        }
    }

    /// The event it is, with its text as the event's detail. What was turned, and
    /// that a sensor is believed, is no event: the others tell why.
    pub const fn event(&self) -> Option<EventName> {
        match self {
            Effect::Applied { .. } | Effect::RolledBack { .. } | Effect::Doubted { .. } => {
                Some(EventName::AgentIntelligenceAdapted)
            }
            Effect::Turn(_) | Effect::Trusted { .. } => None,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Effect::Turn(knobs) => write!(f, "{knobs}"),
            Effect::Applied { id, kind, rule, sensor, reading } => {
                write!(f, "{id} {kind} applied by rule {rule}: {sensor} {reading:.3}")
            }
            Effect::RolledBack { id, kind, rule, how } => {
                write!(f, "{id} {kind} of rule {rule} rolled back {how}")
            }
            Effect::Doubted { sensor, doubt } => write!(f, "sensor {sensor} is doubted: {doubt}"),
            Effect::Trusted { sensor } => write!(f, "sensor {sensor} is believed"),
        }
    }
}
