//! Requests that wait for a server, the most pressing first.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_base::{FixedMap, Time};
use nexus_coord::balance::{Arrival, Ticket};

/// A request without a deadline stands in line as if it had to begin within this
/// time, so that those with one cannot pass it for ever. A guess: the deadline
/// that an ask has by default.
const PATIENCE: Duration = Duration::from_secs(30);

/// Orders requests by the latest moment at which work on each must begin to be
/// done in time, those that came first first where that is equal.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    line: BTreeMap<Place, Held>,
    places: FixedMap<Ticket, Place>,
    came: u64,
    /// Expected work of all of them.
    expected_s: f64,
}

/// The latest begin, and a number that tells those with the same apart.
type Place = (Time, u64);

/// One that waits.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) ticket: Ticket,
    pub(super) arrival: Arrival,
    /// Expected work, in seconds of an ordinary server.
    pub(super) expected_s: f64,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    /// Expected work of all that wait, in seconds of an ordinary server.
    pub(super) fn expected_s(&self) -> f64 {
        self.expected_s.max(0.0)
    }

    pub(super) fn push(&mut self, now: Time, held: Held) {
        let (ticket, expected_s) = (held.ticket, held.expected_s);
        let place = (begin_by(now, &held), self.came);
        self.came += 1;
        self.expected_s += expected_s;
        self.places.insert(ticket, place);
        self.line.insert(place, held);
    }

    /// Bytes on the heap, but for what tables add to their entries.
    pub(super) fn size_bytes(&self) -> usize {
        let entry = size_of::<(Place, Held)>() + size_of::<(Ticket, Place)>();
        self.line.len() * entry
    }

    /// Who waits, the most pressing first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.line.values()
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Held> {
        let place = self.places.remove(&ticket)?;
        let held = self.line.remove(&place)?;
        // Nothing is left of nothing, whatever rounding says.
        self.expected_s =
            if self.line.is_empty() { 0.0 } else { self.expected_s - held.expected_s };
        Some(held)
    }
}

/// The latest moment at which work must begin.
fn begin_by(now: Time, held: &Held) -> Time {
    match held.arrival.deadline {
        Time::MAX => now.after(PATIENCE),
        deadline => {
            let expected_ns = (held.expected_s * 1e9) as u64;
            Time::from_nanos(deadline.as_nanos().saturating_sub(expected_ns))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(number: u64, deadline_s: Option<u64>, expected_s: f64) -> Held {
        let deadline = deadline_s.map_or(Time::MAX, |s| Time::from_nanos(s * 1_000_000_000));
        let arrival = Arrival { deadline, ..Arrival::new(1) };
        Held { ticket: Ticket::from_u64(number), arrival, expected_s }
    }

    #[test]
    fn who_must_begin_first_is_first() {
        let mut waiting = Waiting::default();
        let came = [
            held(1, None, 1.0),
            held(2, Some(40), 1.0),
            held(3, Some(20), 2.0),
            held(4, Some(20), 5.0),
            held(5, None, 1.0),
        ];
        came.into_iter().for_each(|held| waiting.push(Time::ZERO, held));
        let order = |waiting: &Waiting| -> Vec<u64> {
            waiting.iter().map(|held| held.ticket.as_u64()).collect()
        };
        assert_eq!(order(&waiting), [4, 3, 1, 5, 2]);
        assert_eq!(waiting.expected_s(), 10.0);
        assert!(waiting.remove(Ticket::from_u64(3)).is_some());
        assert!(waiting.remove(Ticket::from_u64(3)).is_none());
        assert_eq!(order(&waiting), [4, 1, 5, 2]);
        assert_eq!(waiting.expected_s(), 8.0);
    }
}
