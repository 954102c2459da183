//! Snapshots: the log made short, and a follower's state made new.
//!
//! A snapshot goes over in parts, one at a time, each named by where it begins; who has lost
//! one says where to go on. Parts of two senders are never put together: the same state need
//! not be the same bytes.

use bytes::{Bytes, BytesMut};

use super::effect::{Effect, Snapshot};
use super::entry::{INDEX_MAX, Index, Term};
use super::errors::CompactError;
use super::members::Members;
use super::message::Body;
use super::progress::Flow;
use super::{Mutant, Raft};
use crate::NodeId;

/// A snapshot that comes in, as far as it has.
#[derive(Debug)]
pub(super) struct Incoming {
    last: (Term, Index),
    state: BytesMut,
}

impl Incoming {
    pub fn held_bytes(&self) -> usize {
        self.state.len()
    }
}

/// A part of a snapshot, as it was sent.
pub(super) struct Part {
    pub last: (Term, Index),
    pub members: Members,
    pub offset: u64,
    pub chunk: Bytes,
    pub done: bool,
    pub round: u64,
}

impl Raft {
    /// Takes a snapshot of the state machine as of `index`, in place of the log up to there.
    /// A little of that log stays in memory, for followers that are a little late.
    ///
    /// # Errors
    /// [`CompactError`]; nothing was changed.
    pub fn compact(
        &mut self,
        now: nexus_base::Time,
        index: Index,
        state: Bytes,
    ) -> Result<(), CompactError> {
        self.tick(now);
        if index <= self.log.snapshot_index() {
            return Err(CompactError::Compacted { index: self.log.snapshot_index() });
        }
        let term = self.log.term_at(index).filter(|_| index <= self.applied);
        let Some(term) = term else { return Err(CompactError::NotApplied { index }) };
        let members = self.log.members_at(index).clone();
        let snapshot = Snapshot { last: (term, index), members, state };
        self.outbox.stage_snapshot(snapshot.clone());
        self.log.compact(snapshot, self.spec.trail_bytes);
        Ok(())
    }

    /// A part of the leader's snapshot.
    pub(super) fn handle_part(&mut self, part: Part) {
        let Part { last, round, .. } = part;
        let is_sound = part.members.is_sound() && last.0 <= self.vote.term && last.1 > Index(0);
        if !is_sound || last.1 > INDEX_MAX {
            self.counts.malformed += 1;
            return;
        }
        let has_it = last.1 <= self.commit || self.log.term_at(last.1) == Some(last.0);
        if has_it && !self.is(Mutant::SnapshotLosesTail) {
            self.incoming = None;
            self.commit_to(last.1);
            self.acknowledge(last.1, round, false);
            return;
        }
        match self.collect(part) {
            Ok(None) => {}
            Ok(Some(snapshot)) => {
                self.install(snapshot);
                self.acknowledge(last.1, round, false);
                return;
            }
            Err(TooLarge) => {
                self.counts.overflow += 1;
                self.incoming = None;
                return;
            }
        }
        let next = self.incoming.as_ref().map_or(0, |incoming| incoming.state.len() as u64);
        if let Some(leader) = self.leader {
            self.say(leader, Body::SnapshotReceived { last, next, round });
        }
    }

    /// Adds a part to what has come; the snapshot, once it is whole.
    fn collect(&mut self, part: Part) -> Result<Option<Snapshot>, TooLarge> {
        let Part { last, members, offset, chunk, done, .. } = part;
        if self.incoming.as_ref().is_none_or(|incoming| incoming.last != last) {
            self.incoming = Some(Incoming { last, state: BytesMut::new() });
        }
        let Some(incoming) = &mut self.incoming else { return Ok(None) };
        if offset != incoming.state.len() as u64 {
            return Ok(None);
        }
        if chunk.len() > self.spec.snapshot_bytes.saturating_sub(incoming.state.len()) {
            return Err(TooLarge);
        }
        if done && offset == 0 {
            self.incoming = None;
            return Ok(Some(Snapshot { last, members, state: chunk }));
        }
        incoming.state.extend_from_slice(&chunk);
        let whole = self.incoming.take_if(|_| done);
        Ok(whole.map(|whole| Snapshot { last, members, state: whole.state.freeze() }))
    }

    /// Puts a snapshot in place of log and state; the state once it is on disk.
    fn install(&mut self, snapshot: Snapshot) {
        self.outbox.stage_cut(Index(1));
        self.outbox.stage_snapshot(snapshot.clone());
        self.restoring = Some(self.outbox.staged_sequence());
        self.commit = self.commit.max(snapshot.last.1);
        self.log.install(snapshot);
        self.say_role();
    }

    /// The snapshot that was put in place is on disk.
    pub(super) fn finish_restore(&mut self) {
        let written = self.outbox.written();
        if self.restoring.take_if(|sequence| *sequence <= written).is_none() {
            return;
        }
        if let Some(snapshot) = self.log.snapshot() {
            self.applied = snapshot.last.1;
            self.outbox.push(Effect::Restore(snapshot.clone()));
        }
    }

    /// A follower says how much of a snapshot it has.
    pub(super) fn handle_snapshot_received(
        &mut self,
        from: NodeId,
        received: (Term, Index),
        next: u64,
        round: u64,
    ) {
        let Some(follower) = self.hear(from, round) else { return };
        if let Flow::Snapshot { snapshot, offset, sent } = &mut follower.flow
            && snapshot.last == received
        {
            // An answer that was overtaken names what has been sent on already: sending it
            // again does no harm.
            *offset = next.min(snapshot.state.len() as u64);
            *sent = None;
        }
        self.hear_round();
    }
}

/// More than may be taken.
struct TooLarge;
