//! What must never be seen, whatever goes wrong; and what must be seen once all is well.
//!
//! The world shows each checker all that matters as it happens, and a checker keeps just
//! enough to tell at once when a promise is broken. One file each, with its source.

mod acknowledged_kept;
mod commit;
mod disk_first;
mod election_safety;
mod leader_completeness;
mod lease_exclusivity;
mod linearizability;
mod liveness;
mod log;
mod log_matching;
mod one_writer;
mod queues_bounded;
mod state_machine_safety;

use std::fmt;

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::raft::{Entry, Index, Message, Role, Snapshot, Vote, Write};

use super::kv::{Answer, ClientId, Command, Kv, Op};
use super::spec::Watch;

/// Where something was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The shard.
    pub shard: u32,
    /// The node; for what a client sees, none in particular.
    pub node: NodeId,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in shard {}", self.node, self.shard)
    }
}

/// What a world shows its checkers.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Seen<'a> {
    /// A member starts, for the first time or again, with this from its disk.
    Started {
        /// Its vote.
        vote: Vote,
        /// The state its log goes on from.
        snapshot: Option<&'a Snapshot>,
        /// The log after it.
        entries: &'a [Entry],
    },
    /// A member ends: its process or its machine died.
    Ended,
    /// A member is something else now.
    Role(&'a Role),
    /// The log of a member changes, in its memory; on its disk later, or never.
    Writing(&'a Write),
    /// A member knows its log to be committed so far.
    Committed {
        /// The last entry that is.
        index: Index,
    },
    /// What a member had written is on disk.
    Written {
        /// The last write that is.
        sequence: u64,
    },
    /// A member tells another of a vote, or of what it has.
    Sent {
        /// Whom.
        to: NodeId,
        /// What.
        message: &'a Message,
    },
    /// A member has applied an entry.
    Applied {
        /// Which.
        entry: &'a Entry,
        /// What it said, if it was for the state machine.
        command: Option<&'a Command>,
        /// What a member's state is like now.
        digest: u64,
    },
    /// A member has taken its state from a snapshot.
    Restored {
        /// Which.
        snapshot: &'a Snapshot,
        /// What its state is like now.
        digest: u64,
    },
    /// Until when a member believes to hold a lease, in real time; zero for not at all.
    Lease {
        /// When.
        until: Time,
    },
    /// A queue has this length.
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
        op: Op,
    },
    /// A client gets an answer.
    Returned {
        /// Who.
        client: ClientId,
        /// Its number for it.
        number: u64,
        /// What.
        op: Op,
        /// The answer.
        answer: Answer,
    },
    /// Nothing goes wrong from now on.
    Healed {
        /// By when all must be well.
        by: Time,
    },
    /// The run is over; this is what a member has.
    Final {
        /// Its state.
        kv: &'a Kv,
        /// Whether it belongs to the group, as far as it knows.
        belongs: bool,
        /// The last entry it has applied.
        applied: u64,
    },
    /// The run is over, and all members were shown.
    Over {
        /// How many shards there are.
        shards: u32,
    },
}

/// One promise.
pub trait Checker {
    /// What it is called in a violation.
    fn name(&self) -> &'static str;

    /// Takes in what was seen.
    ///
    /// # Errors
    /// What was seen that breaks the promise, in words.
    fn see(&mut self, at: Time, place: Place, seen: &Seen<'_>) -> Result<(), String>;

    /// A number that it has counted, by its name, for those who want to see it.
    fn figure(&self) -> Option<(&'static str, u64)> {
        None
    }
}

/// A broken promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Whose promise it was.
    pub checker: &'static str,
    /// When, in virtual time.
    pub at: Time,
    /// Where.
    pub place: Place,
    /// What was seen.
    pub seen: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}, {}: {}", self.checker, self.at, self.place, self.seen)
    }
}

/// All that watch one world.
pub(crate) struct Checkers {
    all: Vec<Box<dyn Checker>>,
    violations: Vec<Violation>,
}

/// Violations kept of one run; what comes later mostly follows from the first.
pub(crate) const VIOLATIONS_MAX: usize = 16;

impl Checkers {
    pub(crate) fn new(watch: Watch) -> Checkers {
        let mut all: Vec<Box<dyn Checker>> = vec![
            Box::<election_safety::ElectionSafety>::default(),
            Box::<log_matching::LogMatching>::default(),
            Box::<leader_completeness::LeaderCompleteness>::default(),
            Box::<disk_first::DiskFirst>::default(),
            Box::<commit::Commit>::default(),
            Box::<state_machine_safety::StateMachineSafety>::default(),
            Box::<one_writer::OneWriter>::default(),
            Box::<acknowledged_kept::AcknowledgedKept>::default(),
            Box::<linearizability::Linearizability>::default(),
            Box::<queues_bounded::QueuesBounded>::default(),
            Box::<lease_exclusivity::LeaseExclusivity>::default(),
            Box::<liveness::Liveness>::default(),
        ];
        all.retain(|checker| watch.has(checker.name()));
        Checkers { all, violations: Vec::new() }
    }

    pub(crate) fn add(&mut self, checker: Box<dyn Checker>) {
        self.all.push(checker);
    }

    #[inline]
    pub(crate) fn see(&mut self, at: Time, place: Place, seen: &Seen<'_>) {
        for checker in &mut self.all {
            if let Err(words) = checker.see(at, place, seen)
                && self.violations.len() < VIOLATIONS_MAX
            {
                let checker = checker.name();
                self.violations.push(Violation { checker, at, place, seen: words });
            }
        }
    }

    /// Takes in what the world itself has found.
    pub(crate) fn report(&mut self, checker: &'static str, at: Time, place: Place, seen: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { checker, at, place, seen });
        }
    }

    pub(crate) fn is_watched(&self) -> bool {
        !self.all.is_empty()
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        let figures = self.all.iter().filter_map(|checker| checker.figure());
        figures.into_iter().find(|figure| figure.0 == name).map(|figure| figure.1)
    }
}
