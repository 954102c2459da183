//! Asks about locks: those of this node that are under way, and the desk where the leader of
//! the control group deals with them.

use std::collections::BTreeMap;
use std::time::Duration;

use nexus_agent::{LockAnswer, LockVerb};
use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::lock::{Holder, LockError, NAME_BYTES_MAX, TTL_MAX, Token};
use nexus_cluster::raft::{Index, Spec, Term};
use serde::{Deserialize, Serialize};

/// Asks about locks that are under way from one node at a time. A guess: some megabytes.
pub const LOCK_ASKS_MAX: usize = 16_384;

/// Locks of a cluster that are held at a time. A guess: all of them are in each snapshot of the
/// control group, some megabytes.
pub const LOCKS_MAX: usize = 16_384;

/// Asks that wait at the leader for their entries or reads; beyond it they are to come again.
/// A guess: some megabytes.
pub(crate) const LOCKS_WAITING_MAX: usize = 16_384;

/// How much of the locks' time passes without an entry that says so, at most, while one is
/// held. It is lost with the leader. A guess: little beside leases of seconds, and one entry
/// of one group.
pub(crate) const TICK_EVERY: Duration = Duration::from_secs(1);

/// Why it can never be as it is asked.
pub(crate) fn refusal(what: &LockVerb) -> Option<LockError> {
    let bytes = what.name().len();
    if bytes == 0 || bytes > NAME_BYTES_MAX {
        return Some(LockError::BadName { bytes });
    }
    match *what {
        LockVerb::Take { ttl, .. } if ttl.is_zero() || ttl > TTL_MAX => {
            Some(LockError::BadTtl { ttl })
        }
        _ => None,
    }
}

/// Somebody asks about a lock.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LockAsked {
    /// Which ask of its node. Comes back with the outcome, as the try does.
    pub(crate) call: u64,
    /// Which try of it.
    pub(crate) attempt: u32,
    pub(crate) what: LockVerb,
    /// In which start of its node, and which frame about locks of that: a second copy of it is
    /// known as one, since the first was perhaps answered with a refusal.
    pub(crate) from: (u64, u64),
}

/// What came of it, as far as one node can tell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum LockOutcome {
    /// It is held, or is not.
    Done(Option<Held>),
    /// It cannot be; nothing changed.
    Refused(LockError),
    /// Not here; perhaps there.
    Elsewhere(Option<NodeId>),
    /// Here, but not now.
    Again {
        /// Whether it may have been done all the same.
        unsure: bool,
    },
}

/// That somebody holds a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) token: Token,
    pub(crate) holder: Holder,
    /// For how long without being renewed: from when it was asked for by who holds it.
    pub(crate) left: Duration,
}

/// Who waits for an outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LockBack {
    /// An ask of this node.
    Here { call: u64, attempt: u32 },
    /// One of another node.
    There { node: NodeId, call: u64, attempt: u32 },
}

/// One ask of this node.
pub(crate) struct LockCall {
    pub(crate) what: LockVerb,
    pub(crate) waiter: LockWaiter,
    pub(crate) deadline: Time,
    /// How often somebody was asked.
    pub(crate) attempt: u32,
    /// When somebody was asked first, and last.
    pub(crate) sent: (Time, Time),
    /// Pointers followed since the last pause.
    pub(crate) followed: u8,
    /// Whether the last one asked has not said anything yet.
    pub(crate) waits: bool,
    /// Whether it may have been done, or may yet be, by a try that has not said so.
    pub(crate) unsure: bool,
}

impl LockCall {
    /// One that asks at `now` for the first time.
    pub(crate) const fn new(
        what: LockVerb,
        waiter: LockWaiter,
        now: Time,
        deadline: Time,
    ) -> LockCall {
        let (sent, waits, unsure) = ((now, now), false, false);
        LockCall { what, waiter, deadline, attempt: 0, sent, followed: 0, waits, unsure }
    }
}

/// Who waits for an answer about a lock.
pub(crate) enum LockWaiter {
    /// A client of this node.
    Client { ticket: u64 },
    /// An agent of this node.
    Agent(LockAnswer),
}

/// What the leader of the control group does about locks, in one term.
///
/// It makes the time of the locks: that goes on from what the commands before have brought it
/// to, by this node's clock from when it was ready to lead, and so much slower as clocks may
/// differ. So between any two commands no more of it passes than has passed in truth, and no
/// lease ends early, whatever the clocks of leaders say. Between leaders it stands still, and
/// what has passed since the last entry is lost: so there is one every [`TICK_EVERY`].
pub(crate) struct LockDesk {
    pub(crate) term: Term,
    /// When it was ready.
    since: Time,
    /// The locks' time then.
    base: Time,
    /// Who waits for these entries.
    pub(crate) entries: BTreeMap<Index, LockBack>,
    /// Who waits until it is sure that nobody else leads.
    pub(crate) reads: BTreeMap<u64, (LockVerb, LockBack)>,
}

impl LockDesk {
    /// Of a leader that is ready at `since`, when the locks' time was `base`.
    pub(crate) const fn new(term: Term, since: Time, base: Time) -> LockDesk {
        LockDesk { term, since, base, entries: BTreeMap::new(), reads: BTreeMap::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() + self.reads.len() >= LOCKS_WAITING_MAX
    }

    /// The locks' time at `now`.
    pub(crate) fn time_at(&self, now: Time, spec: &Spec) -> Time {
        self.base.after(spec.surely(now.since(self.since)))
    }

    /// When the locks' time is `at`, or a little later.
    pub(crate) fn when(&self, at: Time, spec: &Spec) -> Time {
        let later = at.since(self.base).as_nanos();
        let (num, den) = (spec.clock_drift.num(), spec.clock_drift.den());
        let counted = later * u128::from(den) / u128::from(den - num).max(1) + 2;
        self.since.after(Duration::from_nanos(u64::try_from(counted).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Ratio;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn the_time_of_locks_goes_on_slower_than_clocks_and_from_where_it_was() {
        let spec = Spec::new(NodeId(1), []);
        let at = Time::from_nanos;
        let desk = LockDesk::new(Term(1), at(7 * SECOND), at(100 * SECOND));
        assert_eq!(desk.time_at(at(7 * SECOND), &spec), at(100 * SECOND));
        assert_eq!(desk.time_at(at(17 * SECOND), &spec), at(109_900_000_000));
        // A clock of before it led.
        assert_eq!(desk.time_at(at(SECOND), &spec), at(100 * SECOND));
    }

    #[test]
    fn it_is_called_when_the_time_has_come_and_not_much_later() {
        for (num, den) in [(0, 1), (1, 100), (1, 3), (2, 3), (6, 7)] {
            let spec = Spec { clock_drift: Ratio::new(num, den), ..Spec::new(NodeId(1), []) };
            let desk = LockDesk::new(Term(1), Time::from_nanos(5), Time::from_nanos(11));
            for at in [11, 12, 999, SECOND, 123_456_789_012] {
                let when = desk.when(Time::from_nanos(at), &spec);
                let then = desk.time_at(when, &spec).as_nanos();
                assert!(then >= at && then <= at + 2, "{then} is not {at} by {num} of {den}");
            }
        }
    }
}
