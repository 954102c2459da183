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

#[cfg(test)]
mod tests {
    use super::super::super::ReportCause;
    use super::*;

    /// A pool of answers given as (server, milliseconds it was given at, requests
    /// in flight, latency in milliseconds), each good for two uses.
    fn pool(answers: &[(u32, u64, u32, u64)]) -> ProbePool {
        let mut pool = ProbePool::default();
        for &(server, at, in_flight, latency) in answers {
            let at = Time::ZERO.after(Duration::from_millis(at));
            let (cause, latency) = (ReportCause::Probed, Some(Duration::from_millis(latency)));
            let report = Report { at, cause, in_flight, latency, cpu: None, memory: None };
            pool.insert(ServerIndex::new(server), &report, 2.0);
        }
        pool
    }

    fn servers(pool: &ProbePool) -> Vec<usize> {
        pool.answers.iter().map(|answer| answer.server.as_usize()).collect()
    }

    fn take(pool: &mut ProbePool, hot_above: u32) -> usize {
        pool.take(hot_above, &mut Rng::new(1)).as_usize()
    }

    #[test]
    fn the_cold_one_with_the_lowest_latency_wins() {
        let answers = [(0, 0, 9, 1), (1, 1, 5, 30), (2, 2, 4, 40)];
        assert_eq!(take(&mut pool(&answers), 5), 1);
        assert_eq!(take(&mut pool(&answers), 9), 0);
        assert_eq!(take(&mut pool(&answers), 3), 2, "all are hot: fewest requests");
    }

    #[test]
    fn a_use_counts_as_one_more_in_flight() {
        let mut pool = pool(&[(0, 0, 5, 1), (1, 1, 0, 30)]);
        assert_eq!([take(&mut pool, 5), take(&mut pool, 5)], [0, 1]);
    }

    #[test]
    fn an_answer_is_used_up() {
        let mut pool = pool(&[(0, 0, 0, 1), (1, 1, 0, 30)]);
        assert_eq!([take(&mut pool, 9), take(&mut pool, 9), take(&mut pool, 9)], [0, 0, 1]);
        assert_eq!(servers(&pool), [1]);
    }

    #[test]
    fn a_fraction_of_a_use_is_granted_by_chance() {
        let mut rng = Rng::new(1);
        let mut kept = 0;
        for _ in 0..10_000 {
            let mut pool = pool(&[(0, 0, 0, 1)]);
            pool.answers[0].uses_left = 1.25;
            pool.take(9, &mut rng);
            kept += pool.len();
        }
        // Five standard deviations of a binomial with n 10,000, p 1/4 are 217.
        assert!(kept.abs_diff(2_500) < 217, "{kept}");
    }

    #[test]
    fn worst_and_oldest_are_removed_by_turns() {
        let mut pool = pool(&[(0, 0, 1, 1), (1, 1, 1, 99), (2, 2, 9, 1), (3, 3, 1, 2)]);
        pool.remove_one(5);
        assert_eq!(servers(&pool), [0, 1, 3], "the hot one is worst");
        pool.remove_one(5);
        assert_eq!(servers(&pool), [1, 3], "the oldest");
        pool.remove_one(5);
        assert_eq!(servers(&pool), [3], "the slowest of the cold is worst");
    }

    #[test]
    fn answers_expire_and_renew() {
        let mut pool = pool(&[(0, 0, 1, 1), (1, 500, 1, 1), (0, 700, 1, 1), (2, 600, 1, 1)]);
        assert_eq!(servers(&pool), [1, 2, 0], "the later answer of 0 replaced its first");
        pool.expire(Time::ZERO.after(Duration::from_millis(1_550)), Duration::from_secs(1));
        assert_eq!(servers(&pool), [2, 0]);
    }

    #[test]
    fn a_full_pool_loses_its_oldest() {
        let answers: Vec<_> = (0..20).map(|server| (server, u64::from(server), 1, 1)).collect();
        let expected: Vec<_> = (20 - POOL_LEN_MAX..20).collect();
        assert_eq!(servers(&pool(&answers)), expected);
    }
}
