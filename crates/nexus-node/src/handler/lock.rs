//! Asks about locks, where they are asked: who is asked, and what to make of what he says.
//!
//! Whoever holds a lock counts its lease from when he *asked*, since what he was told may have
//! come late, and a little less of it, since clocks differ.

use std::time::Duration;

use nexus_agent::{Fence, LockAsk as AgentAsk, LockError, LockReply, LockVerb, Tenure};
use nexus_base::Time;
use nexus_cluster::lock::{self, Token};
use nexus_cluster::registry::REDIRECTS_MAX;
use nexus_cluster::{GroupId, NodeId};

use crate::call::{PAUSE, TRY_FOR};
use crate::group::CONTROL;
use crate::locks::{
    Held, LOCK_ASKS_MAX, LOCK_TRIES_MAX, LOCK_WITHIN_MAX, LockAsked, LockBack, LockCall,
    LockOutcome, LockWaiter, refusal,
};
use crate::mail::Mail;
use crate::node::Alarm;
use crate::{Effect, LockAsk, Node, Planted};

impl Node {
    pub(crate) fn handle_lock(&mut self, ask: LockAsk) {
        let LockAsk { ticket, what, within } = ask;
        self.begin_lock(what, within, LockWaiter::Client { ticket });
    }

    /// An agent asks about a lock.
    pub(crate) fn handle_agent_lock(&mut self, ask: AgentAsk) {
        let AgentAsk { what, within, answer } = ask;
        self.begin_lock(what, within, LockWaiter::Agent(answer));
    }

    fn begin_lock(&mut self, what: LockVerb, within: Duration, waiter: LockWaiter) {
        if let Some(error) = refusal(&what) {
            return self.tell_about_lock(waiter, Err(told(&error)));
        }
        if self.lock_calls.is_full() {
            return self.tell_about_lock(waiter, Err(LockError::Busy { asks_max: LOCK_ASKS_MAX }));
        }
        let deadline = self.now.after(within.min(LOCK_WITHIN_MAX));
        let number = self.lock_calls.add(LockCall::new(what, waiter, self.now, deadline));
        self.try_lock(number, None);
    }

    /// Asks `whom`, or whoever may lead the control group, and looks again after a while.
    fn try_lock(&mut self, number: u64, whom: Option<NodeId>) {
        let (now, me) = (self.now, self.spec.id);
        let is_here = self.lock_desk.is_some() && whom.is_none();
        let Some(attempt) = self.lock_calls.get_mut(number).map(|call| call.attempt) else {
            return;
        };
        let whom = whom.or_else(|| self.keeper_of_locks(attempt));
        let Some(call) = self.lock_calls.get_mut(number) else { return };
        let is_asked = is_here || whom.is_some();
        let again = now.after(if is_asked { TRY_FOR } else { PAUSE });
        self.alarms.set(Alarm::Lock(number), Some(again.min(call.deadline)));
        if !is_asked {
            return;
        }
        call.sent = (if call.attempt == 0 { now } else { call.sent.0 }, now);
        call.attempt += 1;
        call.waits = true;
        let (what, attempt) = (call.what.clone(), call.attempt);
        match whom.filter(|node| !is_here && *node != me) {
            None => self.lock_arrives(what, LockBack { node: me, call: number, attempt }),
            Some(node) => {
                let from = (self.spec.start(), self.next_number());
                let asked = LockAsked { call: number, attempt, what, from };
                self.send(node, GroupId::default(), &Mail::Lock(asked).content());
            }
        }
    }

    /// Whom to ask: the leader of the control group, if one is known, then any of its members.
    fn keeper_of_locks(&self, attempt: u32) -> Option<NodeId> {
        let leader = self.groups.get(&CONTROL).and_then(|member| member.leader());
        let mut keepers = Vec::new();
        for node in leader.into_iter().chain(self.map().control().iter().copied()) {
            if node != self.spec.id && !keepers.contains(&node) {
                keepers.push(node);
            }
        }
        (!keepers.is_empty()).then(|| keepers[attempt as usize % keepers.len()])
    }

    /// A try has led to something.
    pub(crate) fn lock_came(
        &mut self,
        from: NodeId,
        (number, attempt): (u64, u32),
        outcome: LockOutcome,
    ) {
        let (me, now, late) = (self.spec.id, self.now, self.is(Planted::LeaseFromTold));
        let Some(call) = self.lock_calls.get_mut(number) else { return };
        let is_last = attempt == call.attempt;
        match outcome {
            LockOutcome::Done(held) => {
                let sent = if is_last { call.sent.1 } else { call.sent.0 };
                let is_look = matches!(call.what, LockVerb::Look { .. });
                let from = if is_look || late { now } else { sent };
                let tenure = held.map(|held| self.tenure(held, from, is_look));
                self.finish_lock(number, Ok(tenure));
            }
            // Of an earlier try, which says nothing about the one under way.
            _ if !is_last => {}
            LockOutcome::Refused(error) => {
                // An earlier try may come late, and find the lock free; or it was done, and the
                // lease has ended since. What is renewed too late is lost either way.
                let is_lost = matches!(error, lock::LockError::Lost { .. })
                    && matches!(call.what, LockVerb::Renew { .. });
                let is_sure = call.unsure == 0 || is_lost;
                let error = if is_sure { told(&error) } else { LockError::Unknown };
                self.finish_lock(number, Err(error));
            }
            LockOutcome::Elsewhere(leader) => {
                call.waits = false;
                let follows = leader.filter(|leader| *leader != from && *leader != me);
                if follows.is_some() && call.followed < REDIRECTS_MAX {
                    call.followed += 1;
                    self.try_lock(number, follows);
                } else {
                    self.pause_lock(number);
                }
            }
            LockOutcome::Again { unsure } => {
                call.waits = false;
                call.unsure += u32::from(unsure);
                self.pause_lock(number);
            }
        }
    }

    fn tenure(&self, held: Held, from: Time, is_look: bool) -> Tenure {
        let Held { token, holder, left } = held;
        let is_short = !is_look && !self.is(Planted::LeaseUnmargined);
        let left = if is_short { self.spec.raft.surely(left) } else { left };
        let fence = fence(token);
        Tenure { fence, claim: nexus_agent::Claim(holder.0), until: from.after(left) }
    }

    fn pause_lock(&mut self, number: u64) {
        let Some(call) = self.lock_calls.get_mut(number) else { return };
        call.followed = 0;
        let at = self.now.after(PAUSE).min(call.deadline);
        self.alarms.set(Alarm::Lock(number), Some(at));
    }

    pub(crate) fn handle_lock_timeout(&mut self, number: u64) {
        let Some(call) = self.lock_calls.get_mut(number) else { return };
        call.unsure += u32::from(std::mem::take(&mut call.waits));
        if self.now < call.deadline && call.unsure < LOCK_TRIES_MAX {
            return self.try_lock(number, None);
        }
        let may_be_done = call.unsure > 0 && !matches!(call.what, LockVerb::Look { .. });
        let error = if may_be_done { LockError::Unknown } else { LockError::Unreachable };
        self.finish_lock(number, Err(error));
    }

    fn finish_lock(&mut self, number: u64, reply: LockReply) {
        self.alarms.set(Alarm::Lock(number), None);
        if let Some(call) = self.lock_calls.remove(number) {
            self.tell_about_lock(call.waiter, reply);
        }
    }

    fn tell_about_lock(&mut self, waiter: LockWaiter, reply: LockReply) {
        match waiter {
            LockWaiter::Client { ticket } => {
                self.effects.push_back(Effect::Locked { ticket, reply });
            }
            LockWaiter::Agent(answer) => answer.complete(reply),
        }
    }
}

fn fence(token: Token) -> Fence {
    Fence { term: token.term.0, index: token.index.0 }
}

/// A refusal as the asker is told.
fn told(error: &lock::LockError) -> LockError {
    match *error {
        lock::LockError::Held { token, .. } => LockError::Held { fence: fence(token) },
        lock::LockError::Lost { now, .. } => LockError::Lost { newest: now.map(fence) },
        _ => LockError::Refused { reason: error.to_string() },
    }
}
