//! A lock is held by one at a time, for as long as he was told, and fences rise.
//!
//! Taken from what those who ask are told, not from logs. An answer says something of one
//! moment between question and answer. What must hold of each lock:
//!
//! 1. **One holder**: while somebody believes to hold it, nobody else is told that he does, or
//!    that it is free. He believes from when he is told until the moment he was told, by the
//!    slowest clock that is promised, unless he has begun to give it back.
//! 2. **Fences rise**: who is told of a fence is not told of a lower one that he asks for later.
//!    Each claim has one fence, and each fence one claim.
//! 3. **What is over is over**: a fence that was given back, or that was told to be lost, is not
//!    that of a holder to those who ask later.
//! 4. **An error says whether anything may have changed**: a claim that was refused each time
//!    it was asked for never holds.
//! 5. **What the lock protects** takes no fence older than one that it has taken before that one was
//!    shown.
//! 6. In the end no lease is left, and all who keep locks keep the same.
//!
//! A question without an answer is unknown: it may be done, or not, or later.
//!
//! # Source
//! `docs/cluster.md`, "Locks"; Gray and Cheriton, "Leases", 1989; Burrows, "The Chubby Lock
//! Service for Loosely-Coupled Distributed Systems", 2006 ("sequencers").

use std::collections::BTreeMap;

use nexus_agent::{Claim, Fence, LockError, LockReply, LockVerb, Tenure};
use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::lock::Locks;

use super::{Checker, LockSeen, Seen};
use crate::nodes::LockerId;

/// What was told of all locks.
#[derive(Default)]
pub(super) struct LockFenced {
    locks: BTreeMap<String, Lock>,
    /// What is asked, by who asks.
    open: BTreeMap<LockerId, Open>,
    /// Counts what is seen, so that of two things one is known to be earlier.
    steps: u64,
    /// The fences that are shown: number, and the newest that was taken before.
    shows: BTreeMap<LockerId, (u64, Option<Fence>)>,
    /// The newest fence that was taken, by lock.
    taken: BTreeMap<String, Fence>,
    grants: u64,
    told: u64,
    kept: Option<(NodeId, Locks)>,
}

/// A question under way.
struct Open {
    number: u64,
    since: u64,
    /// The newest fence of the lock that anybody had been told of when it was asked.
    newest: Option<Fence>,
}

/// What was told of one lock.
#[derive(Default)]
struct Lock {
    newest: Option<Fence>,
    fences: BTreeMap<Claim, Fence>,
    claims: BTreeMap<Fence, Claim>,
    /// Who believes to hold it.
    believers: BTreeMap<Fence, Belief>,
    /// Since when fences are known to be over.
    over: BTreeMap<Fence, u64>,
    /// Copies of asks for it that are not known to be refused.
    unsure: BTreeMap<Claim, u32>,
}

struct Belief {
    since: u64,
    until: Time,
}

/// What an answer says of some moment since it was asked for.
#[derive(Clone, Copy)]
enum Sight {
    Held(Fence, Option<Claim>),
    Free,
}

fn sight(what: &LockVerb, reply: &LockReply) -> Option<Sight> {
    match reply {
        Ok(Some(Tenure { fence, claim, .. })) => Some(Sight::Held(*fence, Some(*claim))),
        // To who gives it back it says that he holds it no more.
        Ok(None) => matches!(what, LockVerb::Look { .. }).then_some(Sight::Free),
        Err(LockError::Held { fence }) => Some(Sight::Held(*fence, None)),
        Err(LockError::Lost { newest: Some(fence) }) => Some(Sight::Held(*fence, None)),
        Err(LockError::Lost { newest: None }) => Some(Sight::Free),
        Err(_) => None,
    }
}

impl Lock {
    fn asks(&mut self, what: &LockVerb, copies: u32) {
        match what {
            LockVerb::Take { claim, .. } => *self.unsure.entry(*claim).or_default() += copies,
            LockVerb::Release { fence, .. } => drop(self.believers.remove(fence)),
            _ => {}
        }
    }

    /// Whether a sight fits to what was told before.
    fn look(&mut self, at: Time, open: &Open, sight: Sight) -> Result<(), String> {
        for (fence, belief) in &self.believers {
            let is_known = belief.since < open.since && belief.until > at;
            let is_it = matches!(sight, Sight::Held(seen, _) if seen == *fence);
            if is_known && !is_it {
                let (until, is) = (belief.until, Is(sight));
                return Err(format!("is {is}, though fence {fence} holds it until {until}"));
            }
        }
        let Sight::Held(fence, claim) = sight else { return Ok(()) };
        if let Some(newest) = open.newest.filter(|newest| *newest > fence) {
            return Err(format!("has fence {fence} after fence {newest}"));
        }
        if self.over.get(&fence).is_some_and(|over| *over < open.since) {
            return Err(format!("is held with fence {fence}, which is over"));
        }
        self.newest = self.newest.max(Some(fence));
        claim.map_or(Ok(()), |claim| self.claim(fence, claim))
    }

    fn claim(&mut self, fence: Fence, claim: Claim) -> Result<(), String> {
        let (its, whose) = (self.fences.insert(claim, fence), self.claims.insert(fence, claim));
        if whose.is_some_and(|whose| whose != claim) {
            return Err(format!("has fence {fence} for a second claim"));
        }
        if its.is_some_and(|its| its != fence) {
            return Err(format!("has fence {fence} for a claim that had another"));
        }
        if self.unsure.get(&claim) == Some(&0) {
            return Err(format!("is held with fence {fence} by a claim that was refused"));
        }
        Ok(())
    }

    /// Somebody is told that he holds it.
    fn granted(&mut self, (at, now): (Time, u64), fence: Fence, until: Time) -> Result<(), String> {
        self.believers.retain(|_, belief| belief.until > at);
        if until <= at {
            return Ok(());
        }
        let mut others = self.believers.iter().filter(|(other, _)| **other != fence);
        if let Some((other, belief)) = others.next() {
            let theirs = belief.until;
            return Err(format!(
                "is held with fence {fence} until {until}, and with fence {other} until {theirs}"
            ));
        }
        let belief = self.believers.entry(fence).or_insert(Belief { since: now, until });
        belief.until = belief.until.max(until);
        Ok(())
    }

    /// What an answer says of the one who asked.
    fn told(
        &mut self,
        (at, now): (Time, u64),
        what: &LockVerb,
        reply: &LockReply,
        until: Option<Time>,
    ) -> Result<(), String> {
        match (what, reply) {
            (LockVerb::Take { claim, .. }, Ok(Some(held))) if held.claim != *claim => {
                return Err(format!("is told to be held by {:?} to {claim:?}", held.claim));
            }
            (LockVerb::Renew { fence, .. }, Ok(Some(held))) if held.fence != *fence => {
                return Err(format!("is told to be held with {} to {fence}", held.fence));
            }
            (LockVerb::Take { .. } | LockVerb::Renew { .. }, Ok(None)) => {
                return Err("is told to be taken, and by nobody".to_owned());
            }
            (
                LockVerb::Take { claim, .. },
                Err(LockError::Held { .. } | LockError::Busy { .. } | LockError::Unreachable),
            ) => {
                let unsure = self.unsure.entry(*claim).or_default();
                *unsure = unsure.saturating_sub(1);
            }
            (LockVerb::Take { .. } | LockVerb::Renew { .. }, Ok(Some(held))) => {
                return self.granted((at, now), held.fence, until.unwrap_or(at));
            }
            (LockVerb::Release { fence, .. }, Ok(_))
            | (
                LockVerb::Release { fence, .. } | LockVerb::Renew { fence, .. },
                Err(LockError::Lost { .. }),
            ) => {
                self.believers.remove(fence);
                self.over.entry(*fence).or_insert(now);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What an answer says, in words.
struct Is(Sight);

impl std::fmt::Display for Is {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Sight::Free => f.write_str("free"),
            Sight::Held(fence, _) => write!(f, "held with fence {fence}"),
        }
    }
}

impl LockFenced {
    fn see_lock(&mut self, at: Time, seen: &LockSeen<'_>) -> Result<(), String> {
        self.steps += 1;
        let now = self.steps;
        match *seen {
            LockSeen::Asks { locker, number, what, copies } => {
                let lock = self.locks.entry(what.name().to_owned()).or_default();
                lock.asks(what, copies);
                let newest = lock.newest;
                self.open.insert(locker, Open { number, since: now, newest });
                Ok(())
            }
            LockSeen::Told { locker, number, what, reply, until } => {
                let open = self.open.remove(&locker).filter(|open| open.number == number);
                let open = open.ok_or_else(|| format!("locker {} has not asked", locker.0))?;
                let name = what.name();
                let lock = self.locks.entry(name.to_owned()).or_default();
                self.told += 1;
                self.grants += u64::from(until.is_some());
                let sight = sight(what, reply);
                let seen = sight.map_or(Ok(()), |sight| lock.look(at, &open, sight));
                let came = seen.and_then(|()| lock.told((at, now), what, reply, until));
                came.map_err(|words| format!("locker {} is told that {name} {words}", locker.0))
            }
            LockSeen::Shows { locker, number, name } => {
                self.shows.insert(locker, (number, self.taken.get(name).copied()));
                Ok(())
            }
            LockSeen::Shown { taken: false, .. } => Ok(()),
            LockSeen::Shown { locker, number, name, fence, taken: true } => {
                self.shown((locker, number), name, fence)
            }
        }
    }

    fn shown(&mut self, who: (LockerId, u64), name: &str, fence: Fence) -> Result<(), String> {
        let shown = self.shows.remove(&who.0).filter(|(number, _)| *number == who.1);
        let (_, before) = shown.ok_or_else(|| format!("locker {} has shown none", who.0.0))?;
        let newest = self.taken.entry(name.to_owned()).or_insert(fence);
        *newest = fence.max(*newest);
        match before.filter(|before| *before > fence) {
            Some(newer) => {
                Err(format!("what {name} protects takes fence {fence} after fence {newer}"))
            }
            None => Ok(()),
        }
    }

    fn look_at(&mut self, node: &nexus_node::Node) -> Result<(), String> {
        // Who keeps them no more may have what is left of them yet.
        let keeps = node.map().control().contains(&node.spec().id);
        let Some(locks) = node.locks().filter(|_| keeps) else { return Ok(()) };
        if let Some(name) = self.locks.keys().find(|name| locks.holder(name).is_some()) {
            return Err(format!("{name} is held, long after anybody has asked for it"));
        }
        let (first, kept) = self.kept.get_or_insert_with(|| (node.spec().id, locks.clone()));
        if kept == locks {
            return Ok(());
        }
        Err(format!("keeps other locks than {first}"))
    }
}

impl Checker for LockFenced {
    fn name(&self) -> &'static str {
        "lock-fenced"
    }

    fn see(&mut self, at: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Lock(seen) => self.see_lock(at, seen),
            Seen::Final(node) => self.look_at(node),
            _ => Ok(()),
        }
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("lock-answers", self.told), ("lock-grants", self.grants)]
    }
}
