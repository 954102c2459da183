//! What must never be seen of whole nodes, whatever goes wrong; and what must be seen once
//! all is well.
//!
//! The world shows each checker what nodes apply, what clients ask and are answered, and at
//! the end what is kept; a checker keeps just enough to tell when a promise is broken. One
//! file each, with its source.

mod acknowledged_kept;
mod conservation;
mod directory_agreement;
mod election_safety;
mod letters_in_order;
mod linearizability;
mod liveness;
mod lock_fenced;
mod membership_accuracy;
mod one_control_group;
mod one_writer;
mod queues_bounded;
mod reminder_once;
mod same_state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_agent::{Fence, LockReply, LockVerb};
use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_node::{Node, Observer, Saw, shard_of};

use super::client::ClientId;
use super::locker::LockerId;
use super::op::{Op, Reply};
use crate::cluster::{Place, VIOLATIONS_MAX, Violation, Watch};

/// What a world shows its checkers.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Seen<'a> {
    /// A node starts, for the first time or again.
    Started,
    /// A node ends: its process or its machine died.
    Ended,
    /// Something happened in a node.
    Node(&'a Saw<'a>),
    /// A queue of a node has this length.
    Queue {
        /// Which.
        name: &'static str,
        /// Its length, in what it counts.
        len: usize,
        /// The most that was promised.
        len_max: usize,
    },
    /// A client begins an operation.
    Invoked {
        /// Who.
        client: ClientId,
        /// Its number for it.
        number: u64,
        /// What.
        op: &'a Op,
    },
    /// A client gets an answer.
    Returned {
        /// Who.
        client: ClientId,
        /// Its number for it.
        number: u64,
        /// What it had asked.
        op: &'a Op,
        /// The answer.
        reply: &'a Reply,
    },
    /// A client gives up.
    GaveUp {
        /// Who.
        client: ClientId,
        /// Its number for it.
        number: u64,
        /// What it had asked.
        op: &'a Op,
        /// Whether it may have been done; else it surely was not.
        unsure: bool,
    },
    /// Somebody asks about a lock, or is told.
    Lock(LockSeen<'a>),
    /// Things go wrong from now on, here and there.
    Troubled,
    /// Nothing goes wrong from now on.
    Healed {
        /// By when all clients must be answered again.
        by: Time,
    },
    /// The run is over; this is a node as it is then.
    Final(&'a Node),
    /// The run is over, and all nodes were shown.
    Over,
}

/// What is seen of those who take locks.
#[derive(Clone, Copy)]
pub enum LockSeen<'a> {
    /// One asks, perhaps what was not answered once more.
    Asks {
        /// Who.
        locker: LockerId,
        /// His number for it.
        number: u64,
        /// What.
        what: &'a LockVerb,
        /// Copies of it that may arrive.
        copies: u32,
    },
    /// One is told what came of what he asked last. What is not told is unknown.
    Told {
        /// Who.
        locker: LockerId,
        /// His number for it.
        number: u64,
        /// What he asked.
        what: &'a LockVerb,
        /// The answer.
        reply: &'a LockReply,
        /// If he holds it: until when, in real time, nobody else does by what is promised.
        until: Option<Time>,
    },
    /// One begins to show a fence to what the lock protects.
    Shows {
        /// Who.
        locker: LockerId,
        /// His number for it.
        number: u64,
        /// Of which lock.
        name: &'a str,
    },
    /// He is told whether it was taken. What is not told is unknown.
    Shown {
        /// Who.
        locker: LockerId,
        /// His number for it.
        number: u64,
        /// Of which lock.
        name: &'a str,
        /// The fence.
        fence: Fence,
        /// Whether it was taken.
        taken: bool,
    },
}

/// One promise.
pub trait Checker: Send {
    /// What it is called in a violation.
    fn name(&self) -> &'static str;

    /// Takes in what was seen of a node; of clients, of none in particular.
    ///
    /// # Errors
    /// What was seen that breaks the promise, in words.
    fn see(&mut self, at: Time, node: NodeId, seen: &Seen<'_>) -> Result<(), String>;

    /// Numbers that it has counted, by name, for those who want to see them.
    fn figures(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// All that watch one world.
#[derive(Clone)]
pub(crate) struct Checkers(Arc<Mutex<All>>);

struct All {
    now: Time,
    all: Vec<Box<dyn Checker>>,
    violations: Vec<Violation>,
}

impl Checkers {
    pub(crate) fn new(watch: Watch) -> Checkers {
        let mut all = every();
        all.retain(|checker| watch.has(checker.name()));
        Checkers(Arc::new(Mutex::new(All { now: Time::ZERO, all, violations: Vec::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches with one more.
    pub(crate) fn add(&self, checker: Box<dyn Checker>) {
        self.lock().all.push(checker);
    }

    /// It is so late.
    pub(crate) fn move_to(&self, now: Time) {
        self.lock().now = now;
    }

    pub(crate) fn see(&self, node: NodeId, seen: &Seen<'_>) {
        self.lock().see(node, seen);
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    pub(crate) fn is_violated(&self) -> bool {
        !self.lock().violations.is_empty()
    }

    pub(crate) fn is_watched(&self) -> bool {
        !self.lock().all.is_empty()
    }

    pub(crate) fn figures(&self) -> Vec<(&'static str, u64)> {
        self.lock().all.iter().flat_map(|checker| checker.figures()).collect()
    }

    /// One who watches the node called `node`.
    pub(crate) fn eyes(&self, node: NodeId) -> Box<dyn Observer> {
        Box::new(Eyes { node, checkers: self.clone() })
    }
}

impl All {
    fn see(&mut self, node: NodeId, seen: &Seen<'_>) {
        for checker in &mut self.all {
            if let Err(words) = checker.see(self.now, node, seen)
                && self.violations.len() < VIOLATIONS_MAX
            {
                let place = Place { shard: shard(seen), node };
                let checker = checker.name();
                self.violations.push(Violation { checker, at: self.now, place, seen: words });
            }
        }
    }
}

/// The shard that it is about, or the first.
fn shard(seen: &Seen<'_>) -> u32 {
    let Seen::Node(
        Saw::Role { group, .. } | Saw::Applied { group, .. } | Saw::Restored { group, .. },
    ) = seen
    else {
        return 0;
    };
    shard_of(*group).map_or(0, |shard| shard.0)
}

/// Shows checkers what happens in one node.
struct Eyes {
    node: NodeId,
    checkers: Checkers,
}

impl Observer for Eyes {
    fn saw(&mut self, _: Time, seen: &Saw<'_>) {
        self.checkers.see(self.node, &Seen::Node(seen));
    }
}

/// Every promise there is.
fn every() -> Vec<Box<dyn Checker>> {
    vec![
        Box::<one_writer::OneWriter>::default(),
        Box::<acknowledged_kept::AcknowledgedKept>::default(),
        Box::<linearizability::Linearizability>::default(),
        Box::<reminder_once::ReminderOnce>::default(),
        Box::<conservation::Conservation>::default(),
        Box::<letters_in_order::LettersInOrder>::default(),
        Box::<same_state::SameState>::default(),
        Box::<directory_agreement::DirectoryAgreement>::default(),
        Box::<election_safety::ElectionSafety>::default(),
        Box::<one_control_group::OneControlGroup>::default(),
        Box::<membership_accuracy::MembershipAccuracy>::default(),
        Box::<queues_bounded::QueuesBounded>::default(),
        Box::<liveness::Liveness>::default(),
        Box::<lock_fenced::LockFenced>::default(),
    ]
}

#[cfg(test)]
mod tests;
