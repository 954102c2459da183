//! Locks, singletons and elections for users' code, as a state machine of the control group.
//!
//! Three names for one thing: a *lock* is held by one at a time; a *singleton* is a lock
//! that its holder keeps for as long as it lives; an *election* is a lock that others wait
//! for. Holding is never proof by itself: who was held up for long may still believe that
//! he holds. So each grant has a [`Token`] that is higher than all before it, and whatever
//! the lock protects has to refuse a lower token than it has seen.
//!
//! What must stay true, and is checked over random commands:
//!
//! 1. A name has at most one holder.
//! 2. Tokens only grow: over all names, and from one grant of a name to the next.
//! 3. Time is what commands say, and never goes back. No clock is read, so that all members
//!    of the group come to the same answer.
//! 4. Tables are bounded by [`Limits`]; what is full says so and changes nothing.
//! 5. A command that comes again, since its answer was lost, gives the same answer as long
//!    as the holder holds; a lease lasts anew from then on. Of a lease that has ended the
//!    last few are remembered, so that what comes late does not take the lock again.
//!
//! Absent on purpose: deadlocks are the users' to avoid; locks that several may share.
//!
//! # Source
//! Gray and Cheriton, "Leases", 1989; Burrows, "The Chubby Lock Service for Loosely-Coupled
//! Distributed Systems", 2006 (sessions, sequencers).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_base::{BoundedQueue, Time};
use serde::{Deserialize, Serialize};

use crate::raft::{Index, Term};

mod command;
mod ended;
mod error;
mod held;
mod planted;

pub use command::{Answer, Command, Effect, Holder, Lease, Op, SessionId, Token};
use ended::{End, Ended};
pub use error::LockError;
use held::{Held, Session};
#[cfg(feature = "mutants")]
pub use planted::Planted;
#[cfg(not(feature = "mutants"))]
use planted::Planted;

/// Bytes of a lock's name.
pub const NAME_BYTES_MAX: usize = 256;

/// The longest that a lease or a session lasts without being renewed. Source: a guess; who
/// needs longer renews.
pub const TTL_MAX: Duration = Duration::from_secs(24 * 3_600);

/// How much may be in the tables. All members of a group have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Locks that are held. Where it is zero, none are until [`Op::Bound`] says how many.
    pub locks_max: usize,
    /// Sessions that are open.
    pub sessions_max: usize,
    /// Holders that wait for one lock.
    pub waiters_max: usize,
    /// Leases that have ended and are remembered, so that what comes late is known for it;
    /// beyond it the oldest are forgotten.
    pub ended_max: usize,
    /// Effects that wait to be polled; beyond it the oldest are dropped, and are counted.
    pub effects_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            locks_max: 65_536,
            sessions_max: 65_536,
            waiters_max: 64,
            ended_max: 1_024,
            effects_max: 4_096,
        }
    }
}

/// All locks of a cluster.
///
/// Stored without the effects that nobody has polled yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "held::Stored", into = "held::Stored")]
pub struct Locks {
    limits: Limits,
    /// The latest that a command said.
    now: Time,
    /// Of the command applied last.
    token_last: Token,
    locks: BTreeMap<String, Held>,
    sessions: BTreeMap<SessionId, Session>,
    /// When leases end.
    lease_ends: BTreeSet<(Time, String)>,
    /// When sessions end.
    session_ends: BTreeSet<(Time, SessionId)>,
    ended: Ended,
    effects: BoundedQueue<Effect>,
    effects_dropped: u64,
    #[cfg(feature = "mutants")]
    planted: Option<Planted>,
}

impl Locks {
    /// No locks.
    pub const fn new(limits: Limits) -> Locks {
        Locks {
            limits,
            now: Time::ZERO,
            token_last: Token { term: Term(0), index: Index(0) },
            locks: BTreeMap::new(),
            sessions: BTreeMap::new(),
            lease_ends: BTreeSet::new(),
            session_ends: BTreeSet::new(),
            ended: Ended::new(limits.ended_max),
            effects: BoundedQueue::new(limits.effects_max),
            effects_dropped: 0,
            #[cfg(feature = "mutants")]
            planted: None,
        }
    }

    /// Gives them a bug, or none. Of this member alone, and not stored.
    #[cfg(feature = "mutants")]
    pub fn plant(&mut self, planted: Option<Planted>) {
        self.planted = planted;
    }

    #[cfg(feature = "mutants")]
    fn is(&self, planted: Planted) -> bool {
        self.planted == Some(planted)
    }

    #[cfg(not(feature = "mutants"))]
    const fn is(&self, _: Planted) -> bool {
        false
    }

    /// Who holds a lock, and with which token, as of the command applied last.
    pub fn holder(&self, name: &str) -> Option<(Holder, Token)> {
        self.locks.get(name).map(|held| (held.holder, held.token))
    }

    /// When the lease of a lock ends unless it is renewed, by the time of commands; none if
    /// nobody holds it, or as long as a session lasts.
    pub fn ends(&self, name: &str) -> Option<Time> {
        self.locks.get(name)?.ends
    }

    /// Who waits for a lock, the first first.
    pub fn waiters(&self, name: &str) -> impl Iterator<Item = Holder> {
        self.locks.get(name).into_iter().flat_map(|held| held.waiters.iter().map(|&(who, _)| who))
    }

    /// How much may be in the tables.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The time that commands have brought it to.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// When the next lease or session ends: a command is to come then, at the latest.
    pub fn next_timeout(&self) -> Option<Time> {
        let lease = self.lease_ends.first().map(|&(at, _)| at);
        let session = self.session_ends.first().map(|&(at, _)| at);
        lease.into_iter().chain(session).min()
    }

    /// The oldest thing the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop()
    }

    /// Effects that nobody polled in time.
    pub const fn effects_dropped(&self) -> u64 {
        self.effects_dropped
    }

    /// Carries out a command of the group's log. First ends what has ended by its time.
    ///
    /// # Errors
    /// [`LockError`]; nothing changed but the time.
    ///
    /// # Panics
    /// If `term` and `index` are not beyond those of the command before: a log is applied
    /// in order, once.
    pub fn apply(
        &mut self,
        term: Term,
        index: Index,
        command: &Command,
    ) -> Result<Answer, LockError> {
        let token = Token { term, index };
        let grows = term >= self.token_last.term && index > self.token_last.index;
        assert!(grows, "a log is applied in order: {token} after {}", self.token_last);
        self.token_last = token;
        // A leader whose clock is behind that of the one before makes time stand still.
        self.now = self.now.max(command.at);
        self.end_sessions();
        self.end_leases();
        match &command.op {
            Op::Tick => Ok(Answer::Done),
            &Op::OpenSession { session, ttl } => self.open_session(session, ttl),
            &Op::RenewSession { session } => self.renew_session(session),
            &Op::CloseSession { session } => {
                self.close_session(session);
                Ok(Answer::Done)
            }
            &Op::Acquire { ref name, holder, lease, wait } => {
                self.acquire(name, holder, lease, wait)
            }
            &Op::Renew { ref name, token } => self.renew(name, token),
            &Op::Release { ref name, token } => self.release(name, token),
            &Op::Withdraw { ref name, holder } => self.withdraw(name, holder),
            &Op::Bound { locks_max } => {
                self.bound(locks_max);
                Ok(Answer::Done)
            }
        }
    }

    fn open_session(&mut self, session: SessionId, ttl: Duration) -> Result<Answer, LockError> {
        check_ttl(ttl)?;
        if self.sessions.contains_key(&session) {
            return self.renew_session(session);
        }
        if self.sessions.len() >= self.limits.sessions_max {
            return Err(LockError::TooManySessions { max: self.limits.sessions_max });
        }
        let ends = self.now.after(ttl);
        self.sessions.insert(session, Session { ttl, ends, names: BTreeSet::new() });
        self.session_ends.insert((ends, session));
        Ok(Answer::Done)
    }

    fn renew_session(&mut self, id: SessionId) -> Result<Answer, LockError> {
        let session = self.sessions.get_mut(&id).ok_or(LockError::NoSession { session: id })?;
        self.session_ends.remove(&(session.ends, id));
        session.ends = self.now.after(session.ttl);
        self.session_ends.insert((session.ends, id));
        Ok(Answer::Done)
    }

    /// Ends a session with all it holds and waits for.
    fn close_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.session_ends.remove(&(session.ends, id));
        for name in session.names {
            let Some(held) = self.locks.get_mut(&name) else { continue };
            held.waiters.retain(|&(_, waits_by)| waits_by != id);
            if held.lease == Lease::Session(id) {
                self.lapse(&name);
            }
        }
    }

    fn end_sessions(&mut self) {
        while let Some(&(at, session)) = self.session_ends.first() {
            if at > self.now {
                break;
            }
            self.close_session(session);
        }
    }

    fn end_leases(&mut self) {
        while let Some((at, name)) = self.lease_ends.first().cloned() {
            if at > self.now {
                break;
            }
            self.lapse(&name);
        }
    }

    fn acquire(
        &mut self,
        name: &str,
        holder: Holder,
        lease: Lease,
        wait: bool,
    ) -> Result<Answer, LockError> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(LockError::BadName { bytes: name.len() });
        }
        let session = match lease {
            Lease::Ttl(_) if wait => return Err(LockError::WaitNeedsSession),
            Lease::Ttl(ttl) => {
                check_ttl(ttl)?;
                None
            }
            Lease::Session(session) => Some(session),
        };
        if let Some(session) = session.filter(|session| !self.sessions.contains_key(session)) {
            return Err(LockError::NoSession { session });
        }
        let holds = self.holder(name).filter(|&(by, _)| by == holder);
        if let Some((_, token)) = holds {
            return self.acquire_again(name, token, lease);
        }
        // What was said before the lease ended comes late: nobody would renew it.
        if let (Lease::Ttl(_), Some(token)) = (lease, self.ended.token(name, holder))
            && !self.is(Planted::TakenAgain)
        {
            let now = self.holder(name).map(|(_, token)| token);
            return Err(LockError::Lost { token, now });
        }
        let Some(held) = self.locks.get_mut(name) else {
            return self.grant_new(name, holder, lease);
        };
        let Some(session) = session.filter(|_| wait) else {
            return Err(LockError::Held { by: held.holder, token: held.token });
        };
        match held.waiters.iter().position(|&(who, _)| who == holder) {
            Some(place) if held.waiters[place].1 == session => Ok(Answer::Waits { before: place }),
            Some(_) => Err(LockError::WaitsOtherwise),
            None if held.waiters.len() >= self.limits.waiters_max => {
                Err(LockError::TooManyWaiters { max: self.limits.waiters_max })
            }
            None => {
                held.waiters.push_back((holder, session));
                self.note(session, name);
                Ok(Answer::Waits { before: self.locks[name].waiters.len() - 1 })
            }
        }
    }

    /// Asked again by who holds it, since the answer was lost.
    fn acquire_again(
        &mut self,
        name: &str,
        token: Token,
        lease: Lease,
    ) -> Result<Answer, LockError> {
        if self.locks.get(name).is_none_or(|held| held.lease != lease) {
            return Err(LockError::OtherLease { token });
        }
        match lease {
            Lease::Ttl(_) => self.renew(name, token),
            Lease::Session(_) => Ok(Answer::Granted(token)),
        }
    }

    fn grant_new(&mut self, name: &str, holder: Holder, lease: Lease) -> Result<Answer, LockError> {
        if self.locks.len() >= self.limits.locks_max {
            return Err(LockError::TooManyLocks { max: self.limits.locks_max });
        }
        Ok(Answer::Granted(self.grant(name, holder, lease, VecDeque::new())))
    }

    fn grant(
        &mut self,
        name: &str,
        holder: Holder,
        lease: Lease,
        waiters: VecDeque<(Holder, SessionId)>,
    ) -> Token {
        let ends = match lease {
            Lease::Ttl(ttl) => {
                let ends = self.now.after(ttl);
                self.lease_ends.insert((ends, name.to_owned()));
                Some(ends)
            }
            Lease::Session(session) => {
                self.note(session, name);
                None
            }
        };
        // One command may free several locks; each grant of it has the command's token, and
        // each is of another name. So for one name tokens differ, and grow.
        let stays = self.is(Planted::FenceStays);
        let before = if stays { self.ended.newest(name) } else { None };
        let token = before.unwrap_or(self.token_last);
        self.locks.insert(name.to_owned(), Held { holder, token, lease, ends, waiters });
        token
    }

    /// Remembers that a session has to do with a lock.
    fn note(&mut self, session: SessionId, name: &str) {
        let session = self.sessions.get_mut(&session).expect("it was looked up");
        session.names.insert(name.to_owned());
    }

    fn renew(&mut self, name: &str, token: Token) -> Result<Answer, LockError> {
        let now = self.now;
        let held = self.held_with(name, token)?;
        let (Lease::Ttl(ttl), Some(before)) = (held.lease, held.ends) else {
            return Err(LockError::RenewSession);
        };
        let ends = now.after(ttl);
        held.ends = Some(ends);
        self.lease_ends.remove(&(before, name.to_owned()));
        self.lease_ends.insert((ends, name.to_owned()));
        Ok(Answer::Granted(token))
    }

    fn release(&mut self, name: &str, token: Token) -> Result<Answer, LockError> {
        if self.ended.is_released(name, token) {
            return Ok(Answer::Done);
        }
        self.held_with(name, token)?;
        self.free(name, End::Released);
        Ok(Answer::Done)
    }

    fn withdraw(&mut self, name: &str, holder: Holder) -> Result<Answer, LockError> {
        let Some(held) = self.locks.get_mut(name) else { return Ok(Answer::Done) };
        if let Some(place) = held.waiters.iter().position(|&(who, _)| who == holder) {
            let (_, session) = held.waiters.remove(place).expect("it was found there");
            self.forget(session, name);
        }
        Ok(Answer::Done)
    }

    /// The first bound counts: what is held by then was granted under none other.
    const fn bound(&mut self, locks_max: usize) {
        if self.limits.locks_max == 0 {
            self.limits.locks_max = locks_max;
        }
    }

    fn held_with(&mut self, name: &str, token: Token) -> Result<&mut Held, LockError> {
        match self.locks.get_mut(name) {
            Some(held) if held.token == token => Ok(held),
            Some(held) => Err(LockError::Lost { token, now: Some(held.token) }),
            None => Err(LockError::Lost { token, now: None }),
        }
    }

    /// Takes a lock from a holder who has not renewed it.
    fn lapse(&mut self, name: &str) {
        if let Some((holder, token)) = self.holder(name) {
            self.push(Effect::Lapsed { name: name.to_owned(), holder, token });
        }
        self.free(name, End::Lapsed);
    }

    /// Frees a lock; whoever waited longest has it then.
    fn free(&mut self, name: &str, how: End) {
        let Some(mut held) = self.locks.remove(name) else { return };
        if let Some(ends) = held.ends {
            self.lease_ends.remove(&(ends, name.to_owned()));
            self.ended.note(name, (held.holder, held.token), how);
        }
        if let Some((holder, session)) = held.waiters.pop_front() {
            let token = self.grant(name, holder, Lease::Session(session), held.waiters);
            self.push(Effect::Granted { name: name.to_owned(), holder, token });
        }
        if let Lease::Session(session) = held.lease {
            self.forget(session, name);
        }
    }

    /// Remembers no longer that a session has to do with a lock, if it has not.
    fn forget(&mut self, session: SessionId, name: &str) {
        let has = self.locks.get(name).is_some_and(|held| held.has_to_do_with(session));
        if let Some(session) = self.sessions.get_mut(&session).filter(|_| !has) {
            session.names.remove(name);
        }
    }

    fn push(&mut self, effect: Effect) {
        self.effects_dropped += u64::from(self.effects.push_evicting(effect).is_some());
    }
}

fn check_ttl(ttl: Duration) -> Result<(), LockError> {
    if ttl.is_zero() || ttl > TTL_MAX { Err(LockError::BadTtl { ttl }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
