//! What the served requests came to: how many, how long, which were slowest.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_agent::ErrorCode;
use nexus_base::{Histogram, Time};

/// Slowest requests remembered.
const SLOWEST: usize = 10;

/// How long a slow request is remembered.
const SLOWEST_FOR: Duration = Duration::from_secs(60);

/// Characters of an agent's name that are remembered of a slow request.
const NAME_CHARS_MAX: usize = 128;

/// Upper bounds of the durations told apart in metrics, in seconds.
pub(crate) const BOUNDS_S: [f64; 16] =
    [5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Why a connection or a request was turned away at the door.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(usize)]
pub(super) enum Refused {
    /// There were as many connections as there may be.
    Connections,
    /// The client asked too often.
    Rate,
    /// The host or origin is not one of ours.
    Host,
    /// No token, or not a good one.
    Token,
    /// A token that may not do this.
    Role,
    /// It came too slowly, or not at all.
    Slow,
}

impl Refused {
    pub(super) const ALL: [(Refused, &'static str); 6] = [
        (Refused::Connections, "connections"),
        (Refused::Rate, "rate"),
        (Refused::Host, "host"),
        (Refused::Token, "token"),
        (Refused::Role, "role"),
        (Refused::Slow, "slow"),
    ];
}

/// Counts and times requests. Each worker has a part of its own.
pub(crate) struct Meter {
    shards: Box<[Mutex<Shard>]>,
    connections: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
    errors: [AtomicU64; ErrorCode::ALL.len()],
}

#[derive(Default)]
struct Shard {
    /// By kind; names are bounded by the kinds there are.
    kinds: BTreeMap<&'static str, KindMeter>,
    statuses: BTreeMap<u16, u64>,
    slowest: Vec<Slow>,
}

#[derive(Clone, Default)]
struct KindMeter {
    durations: Histogram,
    counts: [u64; BOUNDS_S.len() + 1],
    total: Duration,
}

/// One slow request.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Slow {
    pub(super) agent: String,
    pub(super) name: String,
    pub(super) took: Duration,
    pub(super) at: Time,
}

/// What was counted of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct KindFigures {
    pub(crate) durations: Histogram,
    /// How many were within each bound and above the one before; the last: beyond.
    pub(crate) counts: [u64; BOUNDS_S.len() + 1],
    pub(crate) total: Duration,
}

/// What was counted since the node started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) kinds: BTreeMap<&'static str, KindFigures>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) refused: Vec<(&'static str, u64)>,
    pub(crate) connections: u64,
    /// Connections that were passed from one worker to another.
    pub(crate) moved: u64,
    /// Errors that the port itself told clients, by code as in [`ErrorCode::ALL`].
    pub(crate) errors: Vec<u64>,
    /// What became of the spans of traces, by result.
    pub(crate) spans: Vec<(&'static str, u64)>,
}

impl Meter {
    pub(super) fn new(shards: usize) -> Meter {
        Meter {
            shards: (0..shards.max(1)).map(|_| Mutex::default()).collect(),
            connections: AtomicU64::new(0),
            refused: Default::default(),
            errors: Default::default(),
        }
    }

    fn shard(&self) -> MutexGuard<'_, Shard> {
        let seat = crate::threads::seat().unwrap_or(0) % self.shards.len();
        self.shards[seat].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an answer.
    pub(super) fn answered(&self, status: u16) {
        *self.shard().statuses.entry(status).or_default() += 1;
    }

    /// Counts and times a request to an agent.
    pub(super) fn served(
        &self,
        at: Time,
        kind: &'static str,
        key: &str,
        name: &str,
        took: Duration,
    ) {
        let mut shard = self.shard();
        let meter = shard.kinds.entry(kind).or_default();
        meter.durations.record(took);
        meter.total += took;
        meter.counts[BOUNDS_S.partition_point(|bound| *bound < took.as_secs_f64())] += 1;
        shard.note_slow(at, took, || {
            let brief = |text: &str| text.chars().take(NAME_CHARS_MAX).collect::<String>();
            Slow { agent: format!("{kind}/{}", brief(key)), name: brief(name), took, at }
        });
    }

    pub(super) fn refused(&self, why: Refused) {
        self.refused[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an error that a client was told, and nobody else has counted.
    #[cold]
    pub(super) fn failed(&self, code: ErrorCode) {
        self.errors[code as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connected(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut figures = Figures {
            connections: self.connections(),
            refused: Refused::ALL
                .map(|(why, name)| (name, self.refused[why as usize].load(Ordering::Relaxed)))
                .to_vec(),
            errors: self.errors.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            ..Figures::default()
        };
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (status, count) in &shard.statuses {
                *figures.statuses.entry(*status).or_default() += count;
            }
            for (kind, meter) in &shard.kinds {
                let all = figures.kinds.entry(kind).or_default();
                all.durations.merge(&meter.durations);
                all.total += meter.total;
                all.counts.iter_mut().zip(meter.counts).for_each(|(sum, count)| *sum += count);
            }
        }
        figures
    }

    /// The slowest requests of the last minute, slowest first.
    pub(super) fn slowest(&self, now: Time) -> Vec<Slow> {
        let mut slowest: Vec<Slow> = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            slowest.extend(shard.slowest.iter().cloned());
        }
        slowest.retain(|slow| now.since(slow.at) <= SLOWEST_FOR);
        slowest.sort_by_key(|slow| std::cmp::Reverse(slow.took));
        slowest.truncate(SLOWEST);
        slowest
    }
}

impl Shard {
    fn note_slow(&mut self, at: Time, took: Duration, slow: impl FnOnce() -> Slow) {
        if self.slowest.len() >= SLOWEST {
            if self.slowest.iter().all(|other| other.took >= took && is_recent(other, at)) {
                return;
            }
            self.slowest.retain(|other| is_recent(other, at));
        }
        if self.slowest.len() >= SLOWEST
            && let Some(fastest) = (0..SLOWEST).min_by_key(|&index| self.slowest[index].took)
        {
            self.slowest.swap_remove(fastest);
        }
        self.slowest.push(slow());
    }
}

fn is_recent(slow: &Slow, now: Time) -> bool {
    now.since(slow.at) <= SLOWEST_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_are_kept_for_a_minute() {
        let meter = Meter::new(1);
        let at = |s| Time::ZERO.after(Duration::from_secs(s));
        for ms in 1..=100 {
            meter.served(at(1), "kv", "k", "get", Duration::from_millis(ms));
        }
        let slowest = meter.slowest(at(2));
        let took: Vec<u128> = slowest.iter().map(|slow| slow.took.as_millis()).collect();
        assert_eq!(took, (91..=100).rev().collect::<Vec<u128>>());
        meter.served(at(100), "kv", "k", "get", Duration::from_millis(1));
        assert_eq!(meter.slowest(at(100)).len(), 1);
        let figures = meter.figures();
        assert_eq!(figures.kinds["kv"].durations.count(), 101);
        assert_eq!(figures.kinds["kv"].counts.iter().sum::<u64>(), 101);
    }
}
