//! How far one follower is, as its leader sees it.

use std::collections::VecDeque;

use nexus_base::Time;

use super::effect::Snapshot;
use super::entry::Index;
use super::stretch::Stretch;

/// One follower, or learner.
#[derive(Debug)]
pub(super) struct Progress {
    /// Up to where its log is on its disk and equal to the leader's.
    pub matched: Index,
    /// The entry it is sent next.
    pub next: Index,
    pub flow: Flow,
    /// How well it keeps up.
    pub stretch: Stretch,
    /// When it was last heard of.
    pub heard_at: Time,
    /// The latest round it has answered.
    pub round: u64,
    /// Answers to rounds up to here are not of this membership: it may have been a member
    /// before, and have lost since what it had then.
    since: u64,
    /// The commit it was last told of.
    pub commit_told: Index,
    flights: VecDeque<(Index, usize)>,
    flight_bytes: usize,
}

/// How a follower is fed.
#[derive(Debug)]
pub(super) enum Flow {
    /// Where its log leaves the leader's is being found out.
    Probe {
        /// Whether an answer is awaited.
        asked: bool,
    },
    /// It gets entries as they come, several messages at a time.
    Replicate,
    /// It is so far behind that it gets a snapshot.
    Snapshot {
        snapshot: Snapshot,
        /// The next part, in bytes from the start.
        offset: u64,
        /// The round in which that part was sent last.
        sent: Option<u64>,
    },
}

impl Progress {
    /// One that becomes a member in a round.
    pub fn new(next: Index, now: Time, round: u64) -> Progress {
        Progress {
            matched: Index(0),
            next,
            flow: Flow::Probe { asked: false },
            stretch: Stretch::new(now, next.prev()),
            heard_at: now,
            round: 0,
            since: round,
            commit_told: Index(0),
            flights: VecDeque::new(),
            flight_bytes: 0,
        }
    }

    /// Whether an answer to a round is of this membership.
    pub fn counts(&self, round: u64) -> bool {
        round > self.since
    }

    pub fn has_room(&self, messages_max: usize, bytes_max: usize) -> bool {
        self.flights.len() < messages_max && self.flight_bytes < bytes_max
    }

    /// Entries up to one were sent.
    pub fn sent(&mut self, last: Index, bytes: usize) {
        self.next = last.next();
        self.flights.push_back((last, bytes));
        self.flight_bytes += bytes;
    }

    /// Its log is the leader's up to `matched`; whether that is news.
    pub fn acknowledge(&mut self, matched: Index) -> bool {
        if matched <= self.matched {
            return false;
        }
        self.matched = matched;
        self.next = self.next.max(matched.next());
        while let Some((_, bytes)) = self.flights.pop_front_if(|(last, _)| *last <= matched) {
            self.flight_bytes -= bytes;
        }
        true
    }

    /// Looks for where its log leaves the leader's, from `next` on downward.
    pub fn probe(&mut self, next: Index) {
        let before = std::mem::replace(&mut self.next, next.max(self.matched.next()));
        // One that has lost what it said to have on disk refuses again and again what was
        // asked already: it is asked by heartbeats, not by return.
        let asked = matches!(self.flow, Flow::Probe { asked: true }) && before == self.next;
        self.flow = Flow::Probe { asked };
        self.flights.clear();
        self.flight_bytes = 0;
    }

    pub fn replicate(&mut self) {
        self.next = self.matched.next();
        self.flow = Flow::Replicate;
        self.flights.clear();
        self.flight_bytes = 0;
    }

    pub fn send_snapshot(&mut self, snapshot: Snapshot) {
        self.flow = Flow::Snapshot { snapshot, offset: 0, sent: None };
        self.flights.clear();
        self.flight_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_asked(progress: &Progress) -> bool {
        matches!(progress.flow, Flow::Probe { asked: true })
    }

    #[test]
    fn who_refuses_what_it_said_to_have_is_not_asked_by_return() {
        let mut progress = Progress::new(Index(11), Time::ZERO, 0);
        progress.acknowledge(Index(10));
        progress.probe(Index(4));
        assert_eq!((progress.next, is_asked(&progress)), (Index(11), false), "to be asked once");
        progress.flow = Flow::Probe { asked: true };
        progress.probe(Index(4));
        assert!(is_asked(&progress), "the same question again");
    }

    #[test]
    fn who_says_where_its_log_ends_is_asked_there_at_once() {
        let mut progress = Progress::new(Index(11), Time::ZERO, 0);
        progress.flow = Flow::Probe { asked: true };
        progress.probe(Index(4));
        assert_eq!((progress.next, is_asked(&progress)), (Index(4), false));
    }
}
