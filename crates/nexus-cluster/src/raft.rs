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

mod commit;
mod effect;
mod election;
mod entry;
mod errors;
mod lead;
mod lease;
mod log;
mod members;
mod membership;
mod message;
mod mutant;
mod outbox;
mod progress;
mod promise;
mod reads;
mod replication;
mod snapshots;
mod spec;
mod stretch;
#[cfg(test)]
mod tests;
mod transfer;

use std::time::Duration;

use bytes::Bytes;
use nexus_base::{Rng, Time};

use crate::NodeId;
use election::{Candidacy, TERM_MAX};
use lead::Lead;
use log::Log;
use members::Deciders;
use outbox::Outbox;
use reads::Reads;
use snapshots::{Incoming, Part};

pub use effect::{Effect, Role, Snapshot, Standing, Stored, Vote, Write};
pub use entry::{Entry, Index, Payload, Term};
pub use errors::{ChangeError, CompactError, ProposeError, ReadError, StartError, TransferError};
pub use members::Members;
pub use message::{Body, Message};
#[cfg(feature = "mutants")]
pub use mutant::Mutant;
#[cfg(not(feature = "mutants"))]
use mutant::Mutant;
pub use spec::{BATCH_BYTES_MAX, CHUNK_BYTES_MAX, PROPOSAL_BYTES_MAX, Spec, SpecError};

/// One member of a group.
///
/// After every call, poll effects until there are none, and carry them out in order.
#[derive(Debug)]
pub struct Raft {
    spec: Spec,
    rng: Rng,
    now: Time,
    vote: Vote,
    log: Log,
    /// Up to where the log is known to be committed.
    commit: Index,
    /// Up to where it was handed out for applying.
    applied: Index,
    /// The write that has the snapshot which is to replace the state.
    restoring: Option<u64>,
    state: State,
    leader: Option<NodeId>,
    role_said: Role,
    /// Until then no vote is given: a leader was heard of.
    support_until: Time,
    /// The latest round heard of, and in which term.
    heard: (Term, u64),
    /// What the leader was told last: in which term, of which round, how much is matched.
    answered: (Term, u64, Index),
    /// Up to where it had the log before it gave its files up.
    left: (Term, Index),
    /// Until then no vote is given: one may have been heard of before a restart.
    hold_until: Time,
    /// How long to wait for a leader, drawn at random, and until when that is.
    patience: Duration,
    election_at: Time,
    outbox: Outbox,
    reads: Reads,
    incoming: Option<Incoming>,
    counts: Counts,
}

/// What a member is, with what only then is needed.
#[derive(Debug)]
enum State {
    Follower,
    Candidate(Candidacy),
    Leader(Box<Lead>),
}

/// Messages that were not acted on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Answers of nodes that are not members, or of this one to itself.
    pub unknown: u64,
    /// Of an earlier term, or answers nobody waits for.
    pub stale: u64,
    /// Votes asked for while this member stands by a leader.
    pub refused: u64,
    /// Nonsense: a bug or an attack.
    pub malformed: u64,
    /// More than this member holds: entries before the disk is done, snapshots, answers.
    pub overflow: u64,
}

impl Raft {
    /// A member that starts with what its disk holds.
    ///
    /// # Errors
    /// [`StartError`]; nothing is started.
    pub fn new(spec: Spec, stored: Stored, now: Time, mut rng: Rng) -> Result<Raft, StartError> {
        spec.validate()?;
        let vote = stored.vote;
        let is_restarted = stored != Stored::default();
        let left = stored.left.unwrap_or_default();
        let log = Log::new(spec.members.clone(), stored)?;
        let applied = log.snapshot_index();
        let role = Role { term: vote.term, is: Standing::Follower, leader: None };
        let holds = is_restarted && spec.lease;
        let mut raft = Raft {
            now,
            vote,
            commit: applied,
            applied,
            restoring: None,
            state: State::Follower,
            leader: None,
            role_said: role,
            support_until: Time::ZERO,
            heard: (Term(0), 0),
            answered: (Term(0), 0, Index(0)),
            left,
            hold_until: if holds { now.after(spec.election_timeout) } else { now },
            patience: spec.election_timeout,
            election_at: now,
            outbox: Outbox::new(log.last().1),
            reads: Reads::new(rng.next_u64()),
            incoming: None,
            counts: Counts::default(),
            log,
            spec,
            rng,
        };
        raft.reset_election_timer();
        raft.say_role();
        Ok(raft)
    }

    /// Takes in a message of another member. One that makes no sense changes nothing, and
    /// is counted.
    ///
    /// `now` must have been read from the clock after the message came: a voter stands by a
    /// leader from then on, and an earlier time would end that before the leader's lease.
    pub fn handle_message(&mut self, now: Time, from: NodeId, message: Message) {
        self.tick(now);
        let Message { term, body } = message;
        if from == self.spec.id || (is_answer(&body) && !self.log.members().contains(from)) {
            self.counts.unknown += 1;
        } else if term > TERM_MAX {
            self.counts.malformed += 1;
        } else if self.admit(from, term, &body) {
            self.dispatch(from, term, body);
        }
    }

    /// Whether a message is of this term, after following a later one; what asks for a vote
    /// in the future is let through as it is.
    fn admit(&mut self, from: NodeId, term: Term, body: &Body) -> bool {
        match body {
            Body::PreVote { .. } | Body::PreVoted { granted: true } => return true,
            Body::Vote { transfer, .. }
                if term >= self.vote.term && self.stands_by_leader(term, *transfer) =>
            {
                self.counts.refused += 1;
                return false;
            }
            _ => {}
        }
        if term > self.vote.term {
            self.become_follower(term, None);
        } else if term < self.vote.term {
            self.counts.stale += 1;
            self.correct(from, body);
            return false;
        }
        true
    }

    /// Lets a sender know that its term is over.
    fn correct(&mut self, from: NodeId, body: &Body) {
        let answer = match body {
            // The term alone: by now the sender may lead this very term, or stand in it, and
            // what it asked in an earlier one must not pass for a round or a vote of this one.
            Body::Append { .. } | Body::Snapshot { .. } | Body::Vote { .. } => {
                Body::PreVoted { granted: false }
            }
            Body::ReadIndex { ticket } => Body::ReadIndexIs { ticket: *ticket, index: None },
            _ => return,
        };
        self.say(from, answer);
    }

    fn dispatch(&mut self, from: NodeId, term: Term, body: Body) {
        match body {
            Body::PreVote { last } => self.handle_pre_vote(from, term, last),
            Body::PreVoted { granted } => self.handle_pre_voted(from, term, granted),
            Body::Vote { last, .. } => self.handle_vote(from, last),
            Body::Voted { granted } => self.handle_voted(from, granted),
            Body::Append { prev, entries, commit, round } => {
                if self.follow(from, round) {
                    self.handle_append(prev, entries, commit, round);
                }
            }
            Body::Snapshot { last, members, offset, chunk, done, round } => {
                if self.follow(from, round) {
                    self.handle_part(Part { last, members, offset, chunk, done, round });
                }
            }
            Body::Appended { matched, round } => self.handle_appended(from, matched, round),
            Body::Rejected { prev, hint, round } => self.handle_rejected(from, prev, hint, round),
            Body::SnapshotReceived { last, next, round } => {
                self.handle_snapshot_received(from, last, next, round);
            }
            Body::StandNow { round } => self.handle_stand_now(from, round),
            Body::ReadIndex { ticket } => self.handle_read_index(from, ticket),
            Body::ReadIndexIs { ticket, index } => self.handle_read_index_is(ticket, index),
        }
    }

    /// Follows the leader of this term. False if it cannot be that one.
    fn follow(&mut self, leader: NodeId, round: u64) -> bool {
        if self.leads() || self.leader.is_some_and(|known| known != leader) {
            self.counts.malformed += 1;
            return false;
        }
        if self.leader.is_none() {
            self.incoming = None;
            self.become_follower(self.vote.term, Some(leader));
        }
        let before = if self.heard.0 == self.vote.term { self.heard.1 } else { 0 };
        self.heard = (self.vote.term, before.max(round));
        self.support_until = self.now.after(self.spec.election_timeout);
        self.election_at = self.now.after(self.patience);
        true
    }

    /// Fires every timer due at `now`. A late call is safe; a missing one is not.
    pub fn handle_timeout(&mut self, now: Time) {
        self.tick(now);
        self.expire_reads();
        self.expire_transfer();
        self.check_majority();
        match &self.state {
            State::Leader(lead) if lead.heartbeat_at <= self.now => self.begin_round(),
            State::Leader(_) => {}
            _ if self.election_at <= self.now => self.election_due(),
            _ => {}
        }
    }

    /// When to call [`Self::handle_timeout`] next.
    pub fn next_timeout(&self) -> Option<Time> {
        let own = match &self.state {
            State::Leader(lead) => {
                let transfer = lead.transfer.map_or(Time::MAX, |transfer| transfer.until);
                lead.heartbeat_at.min(lead.check_at).min(transfer)
            }
            _ => self.election_at,
        };
        Some(self.reads.next_timeout().map_or(own, |reads| reads.min(own)))
    }

    /// The next thing to be done; call until there is none after every other call.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.outbox.pop().or_else(|| {
            self.flush();
            self.outbox.pop()
        })
    }

    /// Turns what was taken in since the last time into effects. Here and not at once, so
    /// that proposals which come together go out together.
    fn flush(&mut self) {
        self.finish_change();
        self.ask_for_reads();
        self.confirm_reads();
        self.call_to_stand();
        self.replicate();
        self.leave_if_removed();
        self.outbox.issue(self.log.last().1);
        self.apply();
        self.answer_reads();
    }

    /// The writes up to `sequence` are on disk.
    ///
    /// # Panics
    /// If there was no such write: what is on disk is not known then.
    pub fn handle_written(&mut self, now: Time, sequence: u64) {
        self.tick(now);
        assert!(sequence < self.outbox.staged_sequence(), "write {sequence} was never handed out");
        self.outbox.handle_written(sequence);
        self.finish_restore();
        self.count_own_vote();
        self.advance_commit();
    }

    /// Appends a command; it is done once it comes back in [`Effect::Apply`] with this term
    /// at this index, and will not be once another entry does.
    ///
    /// # Errors
    /// [`ProposeError`]; nothing is appended.
    pub fn propose(&mut self, now: Time, command: Bytes) -> Result<(Term, Index), ProposeError> {
        self.tick(now);
        let (bytes, bytes_max) = (command.len(), self.spec.proposal_bytes);
        let State::Leader(lead) = &self.state else {
            return Err(ProposeError::NotLeader { leader: self.leader });
        };
        if bytes > bytes_max {
            return Err(ProposeError::TooLarge { bytes, bytes_max });
        }
        if let Some(transfer) = lead.transfer {
            return Err(ProposeError::Transferring { to: transfer.to });
        }
        let bytes_max = self.spec.uncommitted_bytes;
        // The disk may be slower than the others' disks.
        let waiting = lead.uncommitted_bytes.max(self.outbox.unwritten_bytes());
        if waiting > 0 && waiting + bytes + entry::OVERHEAD_BYTES > bytes_max {
            return Err(ProposeError::Busy { bytes_max });
        }
        let index = self.append(Payload::Command(command));
        Ok((self.vote.term, index))
    }

    fn tick(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    fn message(&self, body: Body) -> Message {
        Message { term: self.vote.term, body }
    }

    /// Sends once the current term and vote are on disk.
    fn say(&mut self, to: NodeId, body: Body) {
        let message = self.message(body);
        self.outbox.send_after(self.outbox.vote_sequence(), to, message);
    }
}

/// Whether a message answers one of this member's.
const fn is_answer(body: &Body) -> bool {
    match body {
        Body::PreVote { .. }
        | Body::Vote { .. }
        | Body::Append { .. }
        | Body::Snapshot { .. }
        | Body::StandNow { .. }
        | Body::ReadIndex { .. } => false,
        Body::PreVoted { .. }
        | Body::Voted { .. }
        | Body::Appended { .. }
        | Body::Rejected { .. }
        | Body::SnapshotReceived { .. }
        | Body::ReadIndexIs { .. } => true,
    }
}

/// What can be seen from outside.
impl Raft {
    /// Who this member is.
    pub const fn id(&self) -> NodeId {
        self.spec.id
    }

    /// What it is, and who leads.
    pub fn role(&self) -> Role {
        Role { term: self.vote.term, is: self.standing(), leader: self.leader }
    }

    /// Its term.
    pub const fn term(&self) -> Term {
        self.vote.term
    }

    /// Who leads, as far as is known.
    pub const fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// Who the group consists of, by the last entry that says so, committed or not.
    pub fn members(&self) -> &Members {
        self.log.members()
    }

    /// Up to where the log is known to be committed.
    pub const fn commit(&self) -> Index {
        self.commit
    }

    /// Up to where it was handed out for applying.
    pub const fn applied(&self) -> Index {
        self.applied
    }

    /// The last entry of the log, perhaps not on disk yet.
    pub fn last(&self) -> (Term, Index) {
        self.log.last()
    }

    /// The term of an entry, if it is held in memory.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        self.log.term_at(index)
    }

    /// The last entry the newest snapshot holds the effects of.
    pub fn snapshot_index(&self) -> Index {
        self.log.snapshot_index()
    }

    /// Bytes held: the log, snapshots, what waits for the disk.
    pub fn held_bytes(&self) -> usize {
        let incoming = self.incoming.as_ref().map_or(0, Incoming::held_bytes);
        self.log.held_bytes() + incoming + self.outbox.unwritten_bytes()
    }

    /// Messages that were not acted on.
    pub const fn counts(&self) -> Counts {
        let mut counts = self.counts;
        counts.overflow += self.outbox.held_lost;
        counts
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
