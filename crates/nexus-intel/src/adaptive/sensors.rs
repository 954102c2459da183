//! What is made of readings: smoothed, and doubted where there is reason to.
//!
//! A rule that rests on a figure nobody believes does harm without noticing. So
//! a sensor that falls silent, that tells nonsense, or that tells the same to
//! the last bit for too long shows nothing at all until it has recovered.
//!
//! Absent on purpose: a comparison with other machines, and any guess of what a
//! doubted sensor would have shown.

use std::time::Duration;

use nexus_base::{Time, math};

use super::sensor::{Readings, Sensor};

/// The longest a sensor can be wrong in one of the stated ways without being
/// doubted. Source: the bound that adaptation is held to; see `docs/levels.md`.
pub const DOUBT_WITHIN: Duration = Duration::from_secs(120);

/// When a sensor is doubted, and how its readings are smoothed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SensorSpec {
    /// A jump shows by 63 % after so long. Readings are weighted by the time
    /// since the one before, so that a flood of them weighs no more.
    pub smoothing: Duration,
    /// Without a good reading for longer than this a sensor is silent.
    pub silent_after: Duration,
    /// A sensor is stuck once its readings have been equal for so long ...
    pub stuck_after: Duration,
    /// ... and have been at least so many.
    pub stuck_readings: u32,
}

impl Default for SensorSpec {
    /// Smoothed over 5 s, silent after 10 s, stuck after 60 s and 10 readings.
    /// Guesses, for readings every second.
    fn default() -> SensorSpec {
        SensorSpec {
            smoothing: Duration::from_secs(5),
            silent_after: Duration::from_secs(10),
            stuck_after: Duration::from_secs(60),
            stuck_readings: 10,
        }
    }
}

impl SensorSpec {
    /// Whether what is wrong is noticed [in time](DOUBT_WITHIN), however seldom
    /// readings come: if less often than `silent_after`, they are silent.
    ///
    /// # Errors
    /// [`SensorSpecError`], saying which figure is to be lowered or raised.
    pub fn check(&self) -> Result<(), SensorSpecError> {
        if self.smoothing.is_zero() || self.silent_after.is_zero() || self.stuck_readings < 3 {
            return Err(SensorSpecError::TooLittle);
        }
        let by_count = self.silent_after.saturating_mul(self.stuck_readings - 1);
        let by_time = self.stuck_after.saturating_add(self.silent_after);
        let longest = by_count.max(by_time);
        if longest > DOUBT_WITHIN { Err(SensorSpecError::TooLate { longest }) } else { Ok(()) }
    }
}

/// Sensors as specified would not be doubted in time, or always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SensorSpecError {
    /// Something is zero, or two equal readings would do.
    #[error("smoothing and silence take some time, and a stuck sensor at least 3 readings")]
    TooLittle,
    /// What is wrong would be noticed too late.
    #[error(
        "a stuck sensor would go unnoticed for {longest:?}, may for {DOUBT_WITHIN:?} at most: \
         lower the readings or the times"
    )]
    TooLate {
        /// How long.
        longest: Duration,
    },
}

/// Why a sensor is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Doubt {
    /// No reading has come for a while.
    #[error("no reading has come for {0:?}")]
    Silent(Duration),
    /// Readings come, and none can be.
    #[error("no reading of the last {0:?} could be: not a number, or out of range")]
    Nonsense(Duration),
    /// Readings have been equal for too long.
    #[error("its readings have been equal to the last bit for {0:?}")]
    Stuck(Duration),
}

/// Whether a sensor is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Health {
    /// It has not shown anything yet: no fault, a machine may lack a sensor.
    #[default]
    Absent,
    /// It is believed.
    Trusted,
    /// It is not believed.
    Doubted(Doubt),
}

/// A reading that cannot be. Refused and counted; nothing else changed.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[error("{sensor} cannot be {reading}: readings are from {least} to {greatest} ({unit})",
    least = .sensor.range().0, greatest = .sensor.range().1, unit = .sensor.unit())]
pub struct ReadingError {
    /// Of which sensor.
    pub sensor: Sensor,
    /// What it told.
    pub reading: f64,
}

/// A sensor whose health changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    pub(super) sensor: Sensor,
    pub(super) health: Health,
}

/// The five sensors as far as they are believed.
#[derive(Clone, Debug)]
pub struct Sensors {
    spec: SensorSpec,
    channels: [Channel; Sensor::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    health: Health,
    seen: Option<Seen>,
    /// The last good reading or, before there was one, the first bad one.
    heard_at: Option<Time>,
    refused_since: u32,
    refused: u64,
    taken: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    smoothed: f64,
    last: f64,
    at: Time,
    /// Since when, and how often, readings have been what the last was.
    equal_since: Time,
    equal_count: u32,
}

impl Sensors {
    /// Sensors that have shown nothing yet.
    ///
    /// # Errors
    /// [`SensorSpecError`] if the specification does not hold.
    pub fn new(spec: SensorSpec) -> Result<Sensors, SensorSpecError> {
        spec.check()?;
        Ok(Sensors { spec, channels: Default::default() })
    }

    /// What `sensor` shows, smoothed; `None` unless it is believed.
    pub fn reading(&self, sensor: Sensor) -> Option<f64> {
        let channel = &self.channels[sensor.index()];
        let is_trusted = channel.health == Health::Trusted;
        channel.seen.filter(|_| is_trusted).map(|seen| seen.smoothed)
    }

    /// What all of them show.
    pub fn readings(&self) -> Readings {
        Readings::by(|sensor| self.reading(sensor))
    }

    /// Whether `sensor` is believed.
    pub fn health(&self, sensor: Sensor) -> Health {
        self.channels[sensor.index()].health
    }

    /// Readings of `sensor` that were taken, and that were refused.
    pub fn counts(&self, sensor: Sensor) -> (u64, u64) {
        let channel = &self.channels[sensor.index()];
        (channel.taken, channel.refused)
    }

    /// Takes in one reading; tells if the sensor's health changed by it.
    pub(super) fn handle_reading(
        &mut self,
        now: Time,
        sensor: Sensor,
        reading: f64,
    ) -> Result<Option<Turn>, ReadingError> {
        let (least, greatest) = sensor.range();
        let channel = &mut self.channels[sensor.index()];
        // What is not a number is in no range.
        if !(least..=greatest).contains(&reading) {
            channel.refused += 1;
            channel.refused_since = channel.refused_since.saturating_add(1);
            channel.heard_at.get_or_insert(now);
            return Err(ReadingError { sensor, reading });
        }
        // There are two zeros, and they are to be equal to the last bit.
        channel.take(now, &self.spec, sensor, reading + 0.0);
        let health = channel.health_by(now, &self.spec, sensor);
        Ok(channel.turn(sensor, health))
    }

    /// Doubts the first sensor from which nothing good has come for too long.
    pub(super) fn handle_timeout(&mut self, now: Time) -> Option<Turn> {
        let silent_after = self.spec.silent_after;
        Sensor::ALL.into_iter().find_map(|sensor| {
            let channel = &mut self.channels[sensor.index()];
            let due = channel.silent_at(silent_after)? <= now;
            let silence = now.since(channel.heard_at?);
            let doubt = if channel.refused_since > 0 {
                Doubt::Nonsense(silence)
            } else {
                Doubt::Silent(silence)
            };
            if due { channel.turn(sensor, Health::Doubted(doubt)) } else { None }
        })
    }

    /// When the next sensor will have been silent for too long.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        let silent_after = self.spec.silent_after;
        self.channels.iter().filter_map(|channel| channel.silent_at(silent_after)).min()
    }
}

impl Channel {
    /// From when on it is silent, if it is not already.
    fn silent_at(&self, silent_after: Duration) -> Option<Time> {
        if let Health::Doubted(Doubt::Silent(_) | Doubt::Nonsense(_)) = self.health {
            return None;
        }
        // A reading that comes just in time is in time.
        Some(self.heard_at?.after(silent_after).after(Duration::from_nanos(1)))
    }

    fn take(&mut self, now: Time, spec: &SensorSpec, sensor: Sensor, reading: f64) {
        let before = self.seen.filter(|seen| seen.last.to_bits() == reading.to_bits());
        let (equal_since, equal_count) = match before {
            Some(seen) => (seen.equal_since, seen.equal_count.saturating_add(1)),
            None => (now, 1),
        };
        // After a doubt the sensor begins anew: what it showed before is old, or wrong.
        let smoothed = match self.seen.filter(|_| self.health == Health::Trusted) {
            Some(seen) => seen.smoothed_with(now, spec.smoothing, reading, sensor),
            None => reading,
        };
        self.seen = Some(Seen { smoothed, last: reading, at: now, equal_since, equal_count });
        self.heard_at = Some(now);
        self.refused_since = 0;
        self.taken += 1;
    }

    fn health_by(&self, now: Time, spec: &SensorSpec, sensor: Sensor) -> Health {
        let Some(seen) = self.seen else { return Health::Absent };
        let equal_for = now.since(seen.equal_since);
        let is_stuck = seen.equal_count >= spec.stuck_readings
            && equal_for >= spec.stuck_after
            && !sensor.may_rest_at(seen.last);
        if is_stuck { Health::Doubted(Doubt::Stuck(equal_for)) } else { Health::Trusted }
    }

    /// Takes on another health; tells if it is of another sort than before.
    fn turn(&mut self, sensor: Sensor, health: Health) -> Option<Turn> {
        let was = std::mem::replace(&mut self.health, health);
        let same = match (was, health) {
            (Health::Doubted(before), Health::Doubted(after)) => {
                std::mem::discriminant(&before) == std::mem::discriminant(&after)
            }
            _ => was == health,
        };
        (!same).then_some(Turn { sensor, health })
    }
}

impl Seen {
    /// The moving mean with `reading` in it, weighted by the time since the last.
    fn smoothed_with(&self, now: Time, over: Duration, reading: f64, sensor: Sensor) -> f64 {
        let passed = now.since(self.at).as_secs_f64() / over.as_secs_f64();
        let weight = 1.0 - math::exp(-passed);
        let (least, greatest) = sensor.range();
        // Rounding must not lead out of the range.
        (self.smoothed + weight * (reading - self.smoothed)).clamp(least, greatest)
    }
}

#[cfg(test)]
mod tests;
