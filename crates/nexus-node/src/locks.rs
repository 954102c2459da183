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

/// How long an ask about a lock is under way, at most; one that would wait longer is answered
/// then. A guess: far more than it takes to elect somebody.
pub const LOCK_WITHIN_MAX: Duration = Duration::from_secs(60);

/// Tries of one ask that may have become an entry and have not said so; then it is answered
/// that nobody knows. So one ask leads to so many entries of the log at most, and to one where
/// its answers come. A guess: some more than there are in [`LOCK_WITHIN_MAX`] if nobody answers.
pub const LOCK_TRIES_MAX: u32 = 128;

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

/// Who waits for an outcome: a try of an ask of a node, which may be this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LockBack {
    pub(crate) node: NodeId,
    pub(crate) call: u64,
    pub(crate) attempt: u32,
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
    /// Tries that may have done it, or may yet, and have not said so.
    pub(crate) unsure: u32,
}

impl LockCall {
    /// One that asks at `now` for the first time.
    pub(crate) const fn new(
        what: LockVerb,
        waiter: LockWaiter,
        now: Time,
        deadline: Time,
    ) -> LockCall {
        let (sent, waits, unsure) = ((now, now), false, 0);
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
    /// Whether it has said how many locks there may be, if nobody had before.
    pub(crate) bounds: bool,
    /// Entries that are under way.
    entries: BTreeMap<Index, Proposed>,
    /// The same by node and ask: one that is tried again does not become another.
    asked: BTreeMap<(NodeId, u64), Index>,
    /// Who waits until it is sure that nobody else leads.
    pub(crate) reads: BTreeMap<u64, (LockVerb, LockBack)>,
}

/// An entry that is under way.
#[derive(Clone, Copy, Debug)]
struct Proposed {
    /// The try that it became an entry by: who holds a lock counts from that one.
    back: LockBack,
    /// The last try that it has answered to: the one who asks takes notice of a refusal to that
    /// one alone.
    attempt_last: u32,
}

impl LockDesk {
    /// Of a leader that is ready at `since`, when the locks' time was `base`.
    pub(crate) fn new(term: Term, since: Time, base: Time) -> LockDesk {
        let (entries, asked) = (BTreeMap::new(), BTreeMap::new());
        LockDesk { term, since, base, bounds: false, entries, asked, reads: BTreeMap::new() }
    }

    /// Whether an entry of the same ask is under way, whose outcome this try then gets.
    pub(crate) fn joins(&mut self, back: LockBack) -> bool {
        let index = self.asked.get(&(back.node, back.call));
        let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) else { return false };
        entry.attempt_last = entry.attempt_last.max(back.attempt);
        true
    }

    /// An ask has become an entry.
    pub(crate) fn note(&mut self, index: Index, back: LockBack) {
        self.entries.insert(index, Proposed { back, attempt_last: back.attempt });
        self.asked.insert((back.node, back.call), index);
    }

    /// What has come of an entry goes back to this try, if anybody waits for it.
    pub(crate) fn take(&mut self, index: Index, outcome: &LockOutcome) -> Option<LockBack> {
        let Proposed { back, attempt_last } = self.entries.remove(&index)?;
        self.asked.remove(&(back.node, back.call));
        let is_done = matches!(outcome, LockOutcome::Done(_));
        Some(LockBack { attempt: if is_done { back.attempt } else { attempt_last }, ..back })
    }

    /// Who waits for entries, as [`Self::take`] has it for what is not done.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = LockBack> + use<> {
        self.asked.clear();
        let entries = std::mem::take(&mut self.entries).into_values();
        entries.map(|entry| LockBack { attempt: entry.attempt_last, ..entry.back })
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
    fn what_is_tried_again_while_its_entry_is_under_way_is_one_entry() {
        let mut desk = LockDesk::new(Term(1), Time::ZERO, Time::ZERO);
        let back = |call, attempt| LockBack { node: NodeId(2), call, attempt };
        assert!(!desk.joins(back(7, 1)));
        desk.note(Index(5), back(7, 1));
        assert!(desk.joins(back(7, 2)) && desk.joins(back(7, 3)) && desk.joins(back(7, 2)));
        assert!(!desk.joins(back(8, 1)), "another ask");
        assert!(!desk.joins(LockBack { node: NodeId(3), ..back(7, 1) }), "of another node");
        // A lease counts from the try that led to it; of a refusal the last one is to know.
        let refused = LockOutcome::Refused(LockError::BadName { bytes: 0 });
        let mut again = LockDesk::new(Term(1), Time::ZERO, Time::ZERO);
        again.note(Index(6), back(7, 1));
        assert!(again.joins(back(7, 2)));
        assert_eq!(desk.take(Index(5), &LockOutcome::Done(None)), Some(back(7, 1)));
        assert_eq!(again.take(Index(6), &refused), Some(back(7, 2)));
        assert!(!desk.joins(back(7, 4)), "its entry was applied");
        assert_eq!(desk.take(Index(5), &refused), None);
        desk.note(Index(9), back(7, 4));
        assert!(desk.joins(back(7, 5)));
        assert!(desk.take_all().eq([back(7, 5)]) && !desk.joins(back(7, 6)));
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
