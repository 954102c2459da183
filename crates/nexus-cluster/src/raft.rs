//! One member of a group that agrees on a log.
//!
//! A shard lives where its group is led, and "led" must mean one place at most. That is
//! what a term is for: one leader each, and nothing counts as done before a majority has
//! it on disk under that term.
//!
//! What must stay true, and is checked in the simulated world after every step:
//!
//! 1. *Election safety*: a term has at most one leader.
//! 2. *Leader append-only*: a leader never changes or removes an entry of its own log.
//! 3. *Log matching*: two logs with an entry of one index and term are equal up to there.
//! 4. *Leader completeness*: what is committed is in the log of every later leader.
//! 5. *State-machine safety*: nobody applies another entry at an index than somebody did.
//! 6. A vote, a term and an entry are on disk before anybody is told of them. (A leader sends
//!    its entries while it writes them, and counts itself once they are written.)
//! 7. A leader commits by counting only entries of its own term.
//! 8. No leader acts on its lease once another may have been elected, as long as clocks
//!    drift by no more than is stated: it counts from when it *sent* the round that a
//!    majority answered, it is shorter than what voters promise, and it is given up before
//!    leadership is handed over. A restarted voter votes for nobody for as long as it may
//!    have promised somebody.
//! 9. Memory is bounded: entries not yet committed, what is under way to each follower, and
//!    reads that wait, each by a number in [`Spec`].
//!
//! Absent on purpose: clocks, disks, sockets; what commands mean.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014;
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014: pre-vote 9.6, check-quorum and
//! leases 6.4, read-index 6.4, pipelining 10.2.1, writing in parallel 10.2.1, transfer 3.10.

mod effect;
mod entry;
mod errors;
mod members;
mod message;
mod mutant;
mod spec;

use crate::NodeId;
use bytes::Bytes;
use nexus_base::{Rng, Time};
use std::collections::BTreeSet;

pub use effect::{Effect, Role, Snapshot, Standing, Stored, Vote, Write};
pub use entry::{Entry, Index, Payload, Term};
pub use errors::{ChangeError, CompactError, ProposeError, ReadError, StartError, TransferError};
pub use members::Members;
pub use message::{Body, Message};
#[cfg(feature = "mutants")]
pub use mutant::Mutant;
#[cfg(not(feature = "mutants"))]
use mutant::Mutant;
pub use spec::{Spec, SpecError};

/// One member of a group.
#[derive(Debug)]
#[allow(dead_code, reason = "the verbs come next")]
pub struct Raft {
    spec: Spec,
    vote: Vote,
    commit: Index,
}

#[allow(dead_code, reason = "the verbs come next")]
impl Raft {
    /// A member that starts with what its disk holds.
    ///
    /// # Errors
    /// [`StartError`]; nothing is started.
    pub fn new(spec: Spec, stored: Stored, now: Time, rng: Rng) -> Result<Raft, StartError> {
        spec.validate()?;
        let _ = (now, rng);
        Ok(Raft { spec, vote: stored.vote, commit: Index(0) })
    }

    /// Takes in a message of another member.
    pub fn handle_message(&mut self, now: Time, from: NodeId, message: Message) {
        let _ = (now, from, message);
    }

    /// Fires every timer due at `now`. A late call is safe; a missing one is not.
    pub fn handle_timeout(&mut self, now: Time) {
        let _ = now;
    }

    /// When to call [`Self::handle_timeout`] next.
    pub fn next_timeout(&self) -> Option<Time> {
        None
    }

    /// The next thing to be done; call until there is none after every other call.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        None
    }

    /// The writes up to `sequence` are on disk.
    pub fn handle_written(&mut self, now: Time, sequence: u64) {
        let _ = (now, sequence);
    }

    /// Appends a command; it is done once it comes back in [`Effect::Apply`] with this term.
    ///
    /// # Errors
    /// [`ProposeError`]; nothing is appended.
    pub fn propose(&mut self, now: Time, command: Bytes) -> Result<(Term, Index), ProposeError> {
        let _ = (now, command);
        Err(ProposeError::NotLeader { leader: None })
    }

    /// Asks when a read sees everything done before now: see [`Effect::ReadReady`].
    ///
    /// # Errors
    /// [`ReadError`]; no effect will name the ticket.
    pub fn read(&mut self, now: Time, ticket: u64) -> Result<(), ReadError> {
        let _ = (now, ticket);
        Err(ReadError::NoLeader)
    }

    /// Hands leadership to another voter.
    ///
    /// # Errors
    /// [`TransferError`].
    pub fn transfer(&mut self, now: Time, to: NodeId) -> Result<(), TransferError> {
        let _ = (now, to);
        Err(TransferError::NotLeader { leader: None })
    }

    /// Changes who the group consists of.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn change_members(
        &mut self,
        now: Time,
        voters: BTreeSet<NodeId>,
        learners: BTreeSet<NodeId>,
    ) -> Result<(Term, Index), ChangeError> {
        let _ = (now, voters, learners);
        Err(ChangeError::NotLeader { leader: None })
    }

    /// Takes a snapshot of the state machine as of `index`, in place of the log up to there.
    ///
    /// # Errors
    /// [`CompactError`].
    pub fn compact(&mut self, now: Time, index: Index, state: Bytes) -> Result<(), CompactError> {
        let _ = (now, state);
        Err(CompactError::NotApplied { index })
    }

    /// What it is.
    pub fn role(&self) -> Role {
        Role { term: self.vote.term, is: Standing::Follower, leader: None }
    }

    /// Up to where the log is known to be committed.
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The last entry of the log.
    pub fn last(&self) -> (Term, Index) {
        (Term(0), Index(0))
    }

    /// Until when nobody else can lead, if this member leads and has a lease.
    pub fn lease_until(&self) -> Option<Time> {
        None
    }

    /// Bytes held: log, snapshots, what waits.
    pub fn held_bytes(&self) -> usize {
        0
    }

    #[cfg(feature = "mutants")]
    fn is(&self, mutant: Mutant) -> bool {
        self.spec.mutant == Some(mutant)
    }

    #[cfg(not(feature = "mutants"))]
    const fn is(&self, _: Mutant) -> bool {
        false
    }
}
