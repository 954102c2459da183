//! Asks about locks, where they are decided: at the leader of the control group.
//!
//! Each is an entry of the group's log, and so is the end of a lease: no clock of a follower
//! has a say. What is held by somebody else is refused without an entry, once it is sure that
//! nobody else leads.

use nexus_agent::{Fence, LockVerb};
use nexus_base::{Ratio, Time};
use nexus_cluster::GroupId;
use nexus_cluster::lock::{Answer, Command, Holder, Lease, LockError, Locks, Op, Token};
use nexus_cluster::raft::{Index, Spec, Term};

use crate::call::TRY_FOR;
use crate::control;
use crate::group::{CONTROL, Machine};
use crate::locks::{Held, LockBack, LockDesk, LockOutcome, TICK_EVERY};
use crate::mail::Mail;
use crate::node::Alarm;
use crate::{Node, Planted};

impl Node {
    /// The locks of the cluster as this node knows them; none where it does not keep them.
    pub fn locks(&self) -> Option<&Locks> {
        match self.groups.get(&CONTROL).map(|member| &member.machine) {
            Some(Machine::Control(state)) => Some(&state.locks),
            _ => None,
        }
    }

    /// Begins to decide about locks: this node leads, and knows all that was committed.
    pub(crate) fn open_lock_desk(&mut self, term: Term) {
        let Some(mut base) = self.locks().map(Locks::now) else { return };
        if self.is(Planted::LeaseByOneClock) {
            base = base.max(self.now);
        }
        self.lock_desk = Some(LockDesk::new(term, self.now, base));
        self.set_lock_alarm();
    }

    /// Decides no more. What is under way may yet be done.
    pub(crate) fn close_lock_desk(&mut self) {
        let Some(mut desk) = self.lock_desk.take() else { return };
        self.alarms.set(Alarm::Locks, None);
        for back in desk.take_all() {
            self.lock_goes_back(back, LockOutcome::Again { unsure: true });
        }
        for (_, back) in desk.reads.into_values() {
            self.lock_goes_back(back, LockOutcome::Again { unsure: false });
        }
    }

    /// Somebody asks about a lock.
    pub(crate) fn lock_arrives(&mut self, what: LockVerb, back: LockBack) {
        let is_decided = self.is_held_by_another(&what) || matches!(what, LockVerb::Look { .. });
        let Some(desk) = &self.lock_desk else {
            let leader = self.groups.get(&CONTROL).and_then(|member| member.leader());
            return self.lock_goes_back(back, LockOutcome::Elsewhere(leader));
        };
        if desk.is_full() {
            return self.lock_goes_back(back, LockOutcome::Again { unsure: false });
        }
        if is_decided {
            self.read_lock(what, back);
        } else {
            self.propose_lock(&what, back);
        }
    }

    /// Whether it is to be taken by one and held by another, whose lease has not ended.
    fn is_held_by_another(&self, what: &LockVerb) -> bool {
        let LockVerb::Take { name, claim, .. } = what else { return false };
        let (Some(locks), Some(now)) = (self.locks(), self.locks_time()) else { return false };
        let is_over = |end: Time| end <= now;
        locks.holder(name).is_some_and(|(holder, _)| holder.0 != claim.0)
            && !locks.ends(name).is_some_and(is_over)
    }

    /// Answers from what is known, as soon as it is sure that nobody else leads.
    fn read_lock(&mut self, what: LockVerb, back: LockBack) {
        let ticket = self.next_number();
        let (Some(member), Some(desk)) = (self.groups.get_mut(&CONTROL), &mut self.lock_desk)
        else {
            return;
        };
        if member.raft.read(self.now, ticket).is_err() {
            return self.lock_goes_back(back, LockOutcome::Again { unsure: false });
        }
        desk.reads.insert(ticket, (what, back));
        self.touched.insert(CONTROL);
    }

    pub(crate) fn lock_read_ready(&mut self, ticket: u64) {
        let read = self.lock_desk.as_mut().and_then(|desk| desk.reads.remove(&ticket));
        let Some((what, back)) = read else { return };
        if !matches!(what, LockVerb::Look { .. }) && !self.is_held_by_another(&what) {
            return self.propose_lock(&what, back);
        }
        let Some(at) = self.locks_time() else { return };
        let held = self.held(what.name(), at);
        let outcome = match (&what, held) {
            (LockVerb::Take { .. }, Some(held)) => {
                LockOutcome::Refused(LockError::Held { by: held.holder, token: held.token })
            }
            _ => LockOutcome::Done(held),
        };
        self.lock_goes_back(back, outcome);
    }

    pub(crate) fn lock_read_refused(&mut self, ticket: u64) {
        let read = self.lock_desk.as_mut().and_then(|desk| desk.reads.remove(&ticket));
        if let Some((_, back)) = read {
            self.lock_goes_back(back, LockOutcome::Again { unsure: false });
        }
    }

    fn propose_lock(&mut self, what: &LockVerb, back: LockBack) {
        if self.lock_desk.as_mut().is_some_and(|desk| desk.joins(back)) {
            return;
        }
        match self.propose_lock_op(op(what)) {
            Some(index) => {
                let desk = self.lock_desk.as_mut().expect("it was there for the proposal");
                desk.note(index, back);
            }
            None => self.lock_goes_back(back, LockOutcome::Again { unsure: false }),
        }
    }

    /// Where it will be in the log; none if it is not to be proposed now.
    fn propose_lock_op(&mut self, op: Op) -> Option<Index> {
        let is_bounded = self.locks()?.limits().locks_max > 0 || self.lock_desk.as_ref()?.bounds;
        if !is_bounded {
            // Before all else about locks: who founds the group does not know what others say.
            let locks_max = self.spec.locks_max.max(1);
            self.propose_lock_entry(Op::Bound { locks_max })?;
            self.lock_desk.as_mut()?.bounds = true;
        }
        self.propose_lock_entry(op)
    }

    fn propose_lock_entry(&mut self, op: Op) -> Option<Index> {
        let at = self.locks_time()?;
        let bytes = control::lock_command(&Command { at, op });
        let (_, index) = self.groups.get_mut(&CONTROL)?.raft.propose(self.now, bytes).ok()?;
        self.touched.insert(CONTROL);
        Some(index)
    }

    /// An entry about locks was applied.
    pub(crate) fn lock_applied(
        &mut self,
        (term, index): (Term, Index),
        op: &Op,
        answer: Result<Answer, LockError>,
    ) {
        if self.lock_desk.as_ref().is_none_or(|desk| desk.term != term) {
            return;
        }
        let outcome = match (answer, op) {
            (Err(error), _) => LockOutcome::Refused(error),
            (Ok(_), Op::Acquire { name, .. } | Op::Renew { name, .. }) => {
                // As of the entry, which was proposed after it was asked for.
                let at = self.locks().map_or(Time::MAX, Locks::now);
                LockOutcome::Done(self.held(name, at))
            }
            (Ok(_), _) => LockOutcome::Done(None),
        };
        let waits = self.lock_desk.as_mut().and_then(|desk| desk.take(index, &outcome));
        if let Some(back) = waits {
            self.lock_goes_back(back, outcome);
        }
        self.set_lock_alarm();
    }

    /// The locks' time, while this node decides about them.
    fn locks_time(&self) -> Option<Time> {
        let desk = self.lock_desk.as_ref()?;
        let margined = &self.spec.raft;
        if self.is(Planted::LeaseUnmargined) {
            let unmargined = Spec { clock_drift: Ratio::ZERO, ..margined.clone() };
            return Some(desk.time_at(self.now, &unmargined));
        }
        Some(desk.time_at(self.now, margined))
    }

    /// Who holds a lock, and for how long from `at` on, by the locks' time.
    fn held(&self, name: &str, at: Time) -> Option<Held> {
        let locks = self.locks()?;
        let (holder, token) = locks.holder(name)?;
        let left = locks.ends(name)?.since(at);
        Some(Held { token, holder, left })
    }

    /// When the next entry about time is due, by the locks' time.
    fn next_tick(&self) -> Option<Time> {
        let locks = self.locks()?;
        locks.next_timeout().map(|next| next.min(locks.now().after(TICK_EVERY)))
    }

    fn set_lock_alarm(&mut self) {
        let next = self.next_tick();
        let desk = self.lock_desk.as_ref();
        let at = next.zip(desk).map(|(next, desk)| desk.when(next, &self.spec.raft));
        self.alarms.set(Alarm::Locks, at);
    }

    /// Leases have ended, or time has gone on for long: an entry says so.
    pub(crate) fn tick_locks(&mut self) {
        // Set anew when the entry is applied. Until then, or if it is not proposed, later.
        let again = self.now.after(TRY_FOR);
        let (Some(at), Some(next)) = (self.locks_time(), self.next_tick()) else { return };
        if at >= next {
            self.propose_lock_op(Op::Tick);
        }
        self.alarms.set(Alarm::Locks, Some(again));
    }

    fn lock_goes_back(&mut self, back: LockBack, outcome: LockOutcome) {
        let LockBack { node, call, attempt } = back;
        if node == self.spec.id {
            return self.lock_came(node, (call, attempt), outcome);
        }
        let mail = Mail::LockAnswer { call, attempt, outcome };
        self.send(node, GroupId::default(), &mail.content());
    }
}

/// What is asked as a command says it.
fn op(what: &LockVerb) -> Op {
    match what.clone() {
        LockVerb::Take { name, claim, ttl } => {
            Op::Acquire { name, holder: Holder(claim.0), lease: Lease::Ttl(ttl), wait: false }
        }
        LockVerb::Renew { name, fence } => Op::Renew { name, token: token(fence) },
        LockVerb::Release { name, fence } => Op::Release { name, token: token(fence) },
        LockVerb::Look { .. } => Op::Tick,
    }
}

const fn token(fence: Fence) -> Token {
    Token { term: Term(fence.term), index: Index(fence.index) }
}
