//! Asks under way from this node: for its clients, its agents, and their letters.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use nexus_agent::CallAnswer;
use nexus_base::{AgentId, Time};
use nexus_cluster::raft::Term;
use nexus_cluster::{GroupId, NodeId};

use crate::shard::{AgentName, Request};

/// Asks under way from one node at a time. A guess: some tens of megabytes.
pub const CALLS_MAX: usize = 65_536;

/// Bytes of a message that is sent by name: as many as an entry of a log may have, since what
/// is larger could not be kept.
pub const ASK_BYTES_MAX: usize = 1 << 20;

/// How long one try waits for an answer before somebody else is asked. A guess: an election
/// and some round trips; a handler that takes longer is asked again, and knows the request.
pub(crate) const TRY_FOR: Duration = Duration::from_millis(500);

/// The pause after being told that nobody does it just now. A guess: a fraction of an
/// election.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// One ask.
pub(crate) struct Call {
    pub(crate) to: AgentName,
    pub(crate) id: AgentId,
    pub(crate) what: Asks,
    pub(crate) deadline: Time,
    pub(crate) waiter: Waiter,
    /// Who was asked last.
    pub(crate) asked: Option<NodeId>,
    /// Whether that is the node of a local agent, which may have handled it then.
    pub(crate) direct: bool,
    /// How often somebody was asked.
    pub(crate) tries: u32,
    /// Pointers followed since the last pause.
    pub(crate) followed: u8,
    /// Whether the last one asked has not said anything yet.
    pub(crate) waits: bool,
    /// Whether it may have been done by somebody who has not said so.
    pub(crate) unsure: bool,
}

impl Call {
    pub(crate) fn new(
        (to, id): (AgentName, AgentId),
        what: Asks,
        deadline: Time,
        waiter: Waiter,
    ) -> Call {
        let (asked, tries, followed) = (None, 0, 0);
        let (direct, waits, unsure) = (false, false, false);
        Call { to, id, what, deadline, waiter, asked, direct, tries, followed, waits, unsure }
    }
}

/// What an ask wants.
pub(crate) enum Asks {
    /// An agent, to handle a message.
    Message { message: String, bytes: Bytes, request: Request },
    /// A name for a local agent of this node, or none any more.
    Naming { held: bool },
}

/// Who waits for the outcome.
pub(crate) enum Waiter {
    /// A client of this node.
    Client { ticket: u64 },
    /// An agent of this node.
    Agent(CallAnswer),
    /// A letter, kept by the shard of a group.
    Letter { group: GroupId, term: Term, sender: AgentId, number: u64 },
    /// Nobody: a message that a local agent has told.
    Nobody,
    /// A local agent of this node that gets a name or loses it, asked for in that life of the
    /// node; and a client, unless it is for the node itself to know.
    Name { ticket: Option<u64>, held: bool, life: u64 },
}

/// Asks of this node that are under way, of one sort.
pub(crate) struct Calls<T> {
    by_number: BTreeMap<u64, T>,
    last: u64,
    len_max: usize,
}

impl<T> Calls<T> {
    /// None yet, and `len_max` at most. Numbers go on from `first`, which is drawn: an answer
    /// to an ask of this node's life before must not pass for one of now.
    pub(crate) const fn new(first: u64, len_max: usize) -> Calls<T> {
        Calls { by_number: BTreeMap::new(), last: first, len_max }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.by_number.len() >= self.len_max
    }

    pub(crate) fn add(&mut self, call: T) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.by_number.insert(self.last, call);
        self.last
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.by_number.get_mut(&number)
    }

    /// The same ask under another number, so that what came or comes under the one before is
    /// of no account.
    pub(crate) fn renumber(&mut self, number: u64) -> Option<u64> {
        let call = self.by_number.remove(&number)?;
        Some(self.add(call))
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        self.by_number.remove(&number)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len()
    }
}
