//! The answers there are to choose from.

use std::time::Duration;

use nexus_base::{Rng, Time};

use super::super::draw::Lowest;
use super::super::nanos::nanos;
use super::super::{Report, ServerIndex};
use super::POOL_LEN_MAX;

/// The latest answer of up to [`POOL_LEN_MAX`] servers, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct ProbePool {
    answers: Vec<Answer>,
    turn: Turn,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    server: ServerIndex,
    at: Time,
    in_flight: u32,
    /// Nanoseconds; zero for a server that has finished nothing yet, which makes
    /// it worth a try, though not twice: each use raises its count.
    latency: f64,
    uses_left: f64,
}

/// Which answer the next removal takes.
#[derive(Clone, Copy, Debug, Default)]
enum Turn {
    #[default]
    Worst,
    Oldest,
}

impl ProbePool {
    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Adds an answer, in place of an earlier one of the same server if there is
    /// one, else of the oldest if the pool is full.
    pub(super) fn insert(&mut self, server: ServerIndex, report: &Report, uses_left: f64) {
        self.forget(server);
        if self.answers.len() == POOL_LEN_MAX {
            self.answers.remove(0);
        }
        let latency = report.latency.map_or(0.0, nanos);
        let (at, in_flight) = (report.at, report.in_flight);
        // Answers may overtake each other on the way.
        let place = self.answers.partition_point(|other| other.at <= at);
        self.answers.insert(place, Answer { server, at, in_flight, latency, uses_left });
    }

    pub(super) fn forget(&mut self, server: ServerIndex) {
        self.answers.retain(|answer| answer.server != server);
    }

    pub(super) fn expire(&mut self, now: Time, age_max: Duration) {
        let fresh = |answer: &Answer| now.since(answer.at) <= age_max;
        let first_fresh = self.answers.iter().position(fresh).unwrap_or(self.answers.len());
        self.answers.drain(..first_fresh);
    }

    /// Chooses by the hot-cold lexicographic rule and uses the answer up by one.
    /// There must be at least one.
    pub(super) fn take(&mut self, hot_above: u32, rng: &mut Rng) -> ServerIndex {
        let mut coldest = Lowest::new();
        let mut least_loaded = Lowest::new();
        for (place, answer) in self.answers.iter().enumerate() {
            if answer.in_flight <= hot_above {
                coldest.offer(answer.latency, place, rng);
            } else if coldest.item().is_none() {
                least_loaded.offer(f64::from(answer.in_flight), place, rng);
            }
        }
        let place = coldest.item().or(least_loaded.item()).expect("the pool is not empty");
        self.use_up(place, rng)
    }

    /// Removes the worst and the oldest by turns: the oldest knows least, and
    /// without removing the worst a pool of rejects would build up.
    pub(super) fn remove_one(&mut self, hot_above: u32) {
        if self.answers.is_empty() {
            return;
        }
        let (place, next) = match self.turn {
            Turn::Worst => (self.worst(hot_above), Turn::Oldest),
            Turn::Oldest => (0, Turn::Worst),
        };
        self.turn = next;
        self.answers.remove(place);
    }

    /// The hot answer with most requests in flight, or else the slowest cold one.
    fn worst(&self, hot_above: u32) -> usize {
        let badness = |answer: &Answer| {
            let hot = answer.in_flight > hot_above;
            (hot, if hot { f64::from(answer.in_flight) } else { answer.latency })
        };
        let worse = |a: &Answer, b: &Answer| {
            let ((a_hot, a), (b_hot, b)) = (badness(a), badness(b));
            a_hot.cmp(&b_hot).then(a.total_cmp(&b))
        };
        let places = 0..self.answers.len();
        places
            .max_by(|&a, &b| worse(&self.answers[a], &self.answers[b]))
            .expect("the pool is not empty")
    }

    fn use_up(&mut self, place: usize, rng: &mut Rng) -> ServerIndex {
        let answer = &mut self.answers[place];
        let server = answer.server;
        answer.uses_left -= 1.0;
        answer.in_flight = answer.in_flight.saturating_add(1);
        let left = answer.uses_left;
        let spent = left <= 0.0 || left < 1.0 && rng.unit() >= left;
        if spent {
            self.answers.remove(place);
        }
        server
    }
}
