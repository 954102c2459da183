//! What a server has of ours, and when it will be done with it.

use std::collections::VecDeque;

use nexus_base::Time;
use nexus_coord::balance::Ticket;

use super::spread::Spread;

/// One server's requests, oldest first. It is thought to serve one at a time, in
/// the order in which they came, as an agent does.
#[derive(Clone, Debug)]
pub(super) struct Seat<F> {
    jobs: VecDeque<Job<F>>,
    /// Expected work of the first, in seconds. It and the next are kept here too, since
    /// looking at every server for each request is to touch nothing else of it.
    first_s: f64,
    /// When work on the first began.
    began_at: Time,
    /// Expected work of all but the first, in seconds.
    behind_s: f64,
    /// When it last was done with something.
    done_at: Time,
}

/// A request at a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<F> {
    pub(super) ticket: Ticket,
    /// What the model saw of it.
    pub(super) seen: F,
    /// Expected work, in seconds of an ordinary server; above zero.
    pub(super) expected_s: f64,
    pub(super) sent_at: Time,
}

impl<F> Default for Seat<F> {
    fn default() -> Seat<F> {
        let (jobs, began_at, done_at) = (VecDeque::new(), Time::ZERO, Time::ZERO);
        Seat { jobs, first_s: 0.0, began_at, behind_s: 0.0, done_at }
    }
}

impl<F> Seat<F> {
    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.jobs.capacity() * size_of::<Job<F>>()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.jobs.iter().map(|job| job.ticket)
    }

    pub(super) fn push(&mut self, job: Job<F>) {
        if self.jobs.is_empty() {
            self.begin(job.expected_s, job.sent_at);
        } else {
            self.behind_s += job.expected_s;
        }
        self.jobs.push_back(job);
    }

    /// Takes out `ticket`, which has ended; with it how many seconds it was worked
    /// on, by our own clock, if its turn had come.
    pub(super) fn remove(&mut self, now: Time, ticket: Ticket) -> Option<(Job<F>, Option<f64>)> {
        let place = self.jobs.iter().position(|job| job.ticket == ticket)?;
        let job = self.jobs.remove(place)?;
        if place > 0 {
            self.behind_s -= job.expected_s;
            return Some((job, None));
        }
        let worked_s = now.since(self.began_at).as_secs_f64();
        self.done_at = now;
        let next = self.jobs.front().map(|next| (next.expected_s, next.sent_at));
        // Nothing is behind the last one, whatever rounding says.
        self.behind_s = match next {
            Some((expected_s, _)) if self.jobs.len() > 1 => self.behind_s - expected_s,
            _ => 0.0,
        };
        if let Some((expected_s, sent_at)) = next {
            self.begin(expected_s, sent_at);
        }
        Some((job, Some(worked_s)))
    }

    /// Seconds from `now` until it is expected to be done with all that it has.
    #[inline]
    pub(super) fn free_in_s(&self, now: Time, speed: f64, spread: &Spread) -> f64 {
        if self.is_idle() {
            return 0.0;
        }
        // Signed, since that is turned into a float by one instruction.
        let worked_ns = now.as_nanos().saturating_sub(self.began_at.as_nanos()) as i64;
        let done = worked_ns as f64 / 1e9 * speed / self.first_s;
        (spread.remaining(done) * self.first_s + self.behind_s.max(0.0)) / speed
    }

    /// The first is worked on from when it is there and the one before it is done.
    fn begin(&mut self, expected_s: f64, sent_at: Time) {
        self.first_s = expected_s;
        self.began_at = sent_at.max(self.done_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    fn job(number: u64, sent_at: u64, expected_s: f64) -> Job<()> {
        let ticket = Ticket::from_u64(number);
        Job { ticket, seen: (), expected_s, sent_at: at(sent_at) }
    }

    #[test]
    fn each_is_worked_on_from_when_the_one_before_is_done() {
        let mut seat = Seat::default();
        [job(1, 0, 2.0), job(2, 1, 3.0), job(3, 1, 4.0)].into_iter().for_each(|job| seat.push(job));
        let ended = |seat: &mut Seat<()>, now, number| {
            seat.remove(at(now), Ticket::from_u64(number)).expect("it is there").1
        };
        assert_eq!(ended(&mut seat, 5, 1), Some(5.0));
        assert_eq!(ended(&mut seat, 6, 3), None, "it was given up before its turn");
        assert_eq!(ended(&mut seat, 9, 2), Some(4.0));
        assert!(seat.is_idle() && seat.remove(at(9), Ticket::from_u64(2)).is_none());
    }

    #[test]
    fn what_is_behind_counts_in_full() {
        let mut seat = Seat::default();
        assert_eq!(seat.free_in_s(at(0), 1.0, &Spread::default()), 0.0);
        [job(1, 0, 2.0), job(2, 0, 3.0)].into_iter().for_each(|job| seat.push(job));
        assert_eq!(seat.free_in_s(at(0), 1.0, &Spread::default()), 5.0);
        assert_eq!(seat.free_in_s(at(1), 1.0, &Spread::default()), 4.0);
        assert_eq!(seat.free_in_s(at(0), 0.5, &Spread::default()), 10.0);
    }
}
