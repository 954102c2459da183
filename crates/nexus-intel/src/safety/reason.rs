//! Why a layer is not used.

use std::fmt;

use nexus_base::Level;
use serde::{Deserialize, Serialize};

use crate::measure::{Gain, Trip};

/// Letters of a detail that are kept. Source: a guess; a line of a terminal.
const DETAIL_LEN_MAX: usize = 120;

/// Why a layer is not used, or was left.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
#[non_exhaustive]
pub enum Reason {
    /// A higher level than this was not asked for.
    NotAsked {
        /// What was.
        asked: Level,
    },
    /// Configuration does not enable it.
    NotEnabled,
    /// This build does not have it.
    NotBuilt,
    /// An operator switched it off.
    Operator,
    /// The gain is surely less than is worth having.
    NoGain {
        /// As measured.
        gain: Gain,
    },
    /// It surely costs more with it than without.
    Harm {
        /// As measured.
        gain: Gain,
    },
    /// Within a block, costs went beyond what is tolerated.
    Guardrail {
        /// Cost with the layer by cost without, when the guardrail tripped.
        ratio: f64,
    },
    /// Its model failed.
    ModelError {
        /// What happened.
        detail: String,
    },
    /// Its model predicted something that is not a number.
    NotANumber,
    /// One of its sensors reports the same value for too long.
    SensorStuck {
        /// Which.
        sensor: String,
    },
    /// It has not seen enough to decide anything.
    InsufficientData {
        /// Outcomes seen.
        seen: u64,
        /// Outcomes needed.
        needed: u64,
    },
}

impl Reason {
    /// A failure of a model; a long `detail` is cut.
    pub fn model_error(detail: impl Into<String>) -> Reason {
        Reason::ModelError { detail: cut(detail.into()) }
    }

    /// A sensor that is stuck; a long name is cut.
    pub fn sensor_stuck(sensor: impl Into<String>) -> Reason {
        Reason::SensorStuck { sensor: cut(sensor.into()) }
    }
}

impl From<Trip> for Reason {
    fn from(trip: Trip) -> Reason {
        Reason::Guardrail { ratio: trip.ratio }
    }
}

fn cut(text: String) -> String {
    if text.chars().count() <= DETAIL_LEN_MAX {
        return text;
    }
    text.chars().take(DETAIL_LEN_MAX - 1).chain(['…']).collect()
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotAsked { asked } => write!(f, "only {asked} was asked for"),
            Reason::NotEnabled => f.write_str("not enabled"),
            Reason::NotBuilt => f.write_str("not part of this build"),
            Reason::Operator => f.write_str("switched off by an operator"),
            Reason::NoGain { gain } => write!(f, "no gain worth having: {gain}"),
            Reason::Harm { gain } => write!(f, "it does harm: {gain}"),
            Reason::Guardrail { ratio } => {
                write!(f, "costs rose to {ratio:.2} times those without it")
            }
            Reason::ModelError { detail } => write!(f, "its predictions failed: {detail}"),
            Reason::NotANumber => f.write_str("its model predicted what is not a number"),
            Reason::SensorStuck { sensor } => write!(f, "sensor {sensor} is stuck"),
            Reason::InsufficientData { seen, needed } => {
                write!(f, "insufficient data: {seen} outcomes of {needed}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_a_fragment_and_survives_json() {
        let gain =
            Gain { ratio: Some(1.3), interval: Some([1.1, 1.5]), blocks: 8, ..Gain::default() };
        for (reason, text) in [
            (Reason::Harm { gain }, "it does harm: costs ×1.300 [1.100, 1.500] by 8 blocks"),
            (
                Reason::InsufficientData { seen: 7, needed: 1_000 },
                "insufficient data: 7 outcomes of 1000",
            ),
            (Reason::NotAsked { asked: Level::Proactive }, "only proactive was asked for"),
        ] {
            assert_eq!(reason.to_string(), text);
            let json = serde_json::to_string(&reason).expect("a reason is plain data");
            assert_eq!(serde_json::from_str::<Reason>(&json).expect("as written"), reason);
        }
    }

    #[test]
    fn a_long_detail_is_cut() {
        let Reason::ModelError { detail } = Reason::model_error("é".repeat(1_000)) else {
            panic!()
        };
        assert_eq!(detail.chars().count(), DETAIL_LEN_MAX);
    }
}
