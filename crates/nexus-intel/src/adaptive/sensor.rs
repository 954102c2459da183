//! What is sensed: five figures, their units, and what each can be.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something about the environment that is read again and again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensor {
    /// The share of the processors' time that is in use, 0 to 1.
    Cpu,
    /// The share of memory that is in use, 0 to 1.
    Memory,
    /// The time a message takes to another and back, in seconds.
    NetworkLatency,
    /// The share of what ended that ended in an error, 0 to 1.
    ErrorRate,
    /// Messages handled in a second.
    Throughput,
}

impl Sensor {
    /// All of them.
    pub const ALL: [Sensor; 5] = [
        Sensor::Cpu,
        Sensor::Memory,
        Sensor::NetworkLatency,
        Sensor::ErrorRate,
        Sensor::Throughput,
    ];

    /// The name, as in configuration and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Sensor::Cpu => "cpu",
            Sensor::Memory => "memory",
            Sensor::NetworkLatency => "network_latency",
            Sensor::ErrorRate => "error_rate",
            Sensor::Throughput => "throughput",
        }
    }

    /// The unit of its readings.
    pub const fn unit(self) -> &'static str {
        match self {
            Sensor::Cpu | Sensor::Memory | Sensor::ErrorRate => "share",
            Sensor::NetworkLatency => "s",
            Sensor::Throughput => "1/s",
        }
    }

    /// The least and the greatest reading that is believed. An hour of latency
    /// and a trillion messages a second are guesses beyond anything real; they
    /// are there so that nonsense is seen.
    pub const fn range(self) -> (f64, f64) {
        match self {
            Sensor::Cpu | Sensor::Memory | Sensor::ErrorRate => (0.0, 1.0),
            Sensor::NetworkLatency => (0.0, 3_600.0),
            Sensor::Throughput => (0.0, 1e12),
        }
    }

    /// Whether readings may be equal to the last bit for hours while all is well.
    ///
    /// They may at either end of the range: no errors, no messages, no processor
    /// free. In between nothing real stands still that exactly, but for latency,
    /// which is never zero.
    pub fn may_rest_at(self, reading: f64) -> bool {
        let (least, greatest) = self.range();
        self != Sensor::NetworkLatency && (reading == least || reading == greatest)
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Sensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the five sensors showed at one moment; `None` where none is to be trusted.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Readings {
    /// See [`Sensor::Cpu`].
    pub cpu: Option<f64>,
    /// See [`Sensor::Memory`].
    pub memory: Option<f64>,
    /// See [`Sensor::NetworkLatency`].
    pub network_latency: Option<f64>,
    /// See [`Sensor::ErrorRate`].
    pub error_rate: Option<f64>,
    /// See [`Sensor::Throughput`].
    pub throughput: Option<f64>,
}

impl Readings {
    /// What each sensor shows, by a function that tells.
    pub fn by(mut reading: impl FnMut(Sensor) -> Option<f64>) -> Readings {
        Readings {
            cpu: reading(Sensor::Cpu),
            memory: reading(Sensor::Memory),
            network_latency: reading(Sensor::NetworkLatency),
            error_rate: reading(Sensor::ErrorRate),
            throughput: reading(Sensor::Throughput),
        }
    }

    /// What was shown, sensor by sensor, without those that showed nothing.
    pub fn iter(&self) -> impl Iterator<Item = (Sensor, f64)> {
        let shown = *self;
        Sensor::ALL.into_iter().filter_map(move |sensor| Some((sensor, shown.get(sensor)?)))
    }

    /// What `sensor` showed.
    pub const fn get(&self, sensor: Sensor) -> Option<f64> {
        match sensor {
            Sensor::Cpu => self.cpu,
            Sensor::Memory => self.memory,
            Sensor::NetworkLatency => self.network_latency,
            Sensor::ErrorRate => self.error_rate,
            Sensor::Throughput => self.throughput,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_an_unknown_one_is_answered_with_all() {
        for sensor in Sensor::ALL {
            let json = serde_json::to_string(&sensor).expect("a name is a string");
            assert_eq!(json, format!("\"{sensor}\""));
            assert_eq!(serde_json::from_str::<Sensor>(&json).expect("reads back"), sensor);
        }
        let error = serde_json::from_str::<Sensor>("\"moon\"").expect_err("no such sensor");
        assert!(Sensor::ALL.iter().all(|sensor| error.to_string().contains(sensor.as_str())));
    }

    #[test]
    fn a_constant_figure_is_all_right_at_the_ends_of_its_range_alone() {
        assert!(Sensor::ErrorRate.may_rest_at(0.0) && Sensor::Throughput.may_rest_at(0.0));
        assert!(Sensor::Cpu.may_rest_at(1.0));
        assert!(!Sensor::Cpu.may_rest_at(0.5) && !Sensor::NetworkLatency.may_rest_at(0.0));
    }
}
