//! What is agreed, and handed out for applying.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 3.6.2.

use super::effect::Effect;
use super::entry::{Entry, Index};
use super::{Mutant, Raft, State};

/// Entries in one effect, at most.
/// Source: a guess; enough that the effect itself costs nothing, few enough to hold.
const APPLY_MAX: usize = 1_024;

impl Raft {
    /// A leader counts who has what on disk.
    pub(super) fn advance_commit(&mut self) {
        let State::Leader(lead) = &self.state else { return };
        let own = if self.is(Mutant::AppendBeforeSync) {
            self.log.last().1
        } else {
            self.outbox.durable()
        };
        let reached = self.deciders().reached(|id| {
            if id == self.spec.id {
                own
            } else {
                lead.followers.get(&id).map_or(Index(0), |follower| follower.matched)
            }
        });
        let Some(index) = reached else { return };
        // An entry of an earlier term may be overwritten though a majority has it: it counts
        // as committed once one of this term behind it is.
        let is_own = self.log.term_at(index) == Some(self.vote.term);
        if is_own || self.is(Mutant::OldTermCommitted) {
            self.commit_to(index);
        }
    }

    /// The log is committed up to `index`, if not further already.
    pub(super) fn commit_to(&mut self, index: Index) {
        let index = index.min(self.log.last().1);
        if index <= self.commit {
            return;
        }
        if let State::Leader(lead) = &mut self.state {
            let (count, bytes) = ((index.0 - self.commit.0) as usize, usize::MAX);
            let from = self.commit.next();
            let done: usize = self.log.range(from, count, bytes).map(Entry::bytes).sum();
            lead.uncommitted_bytes = lead.uncommitted_bytes.saturating_sub(done);
        }
        self.commit = index;
    }

    /// Hands out what is committed and on this disk: a member that applied more than it has
    /// would start again with a state ahead of its log.
    pub(super) fn apply(&mut self) {
        if self.restoring.is_some() {
            return;
        }
        let upto = self.commit.min(self.outbox.durable());
        while self.applied < upto {
            let entries = self.log.slice(self.applied.next(), upto, APPLY_MAX, usize::MAX);
            let Some(last) = entries.last() else { return };
            self.applied = last.index;
            self.outbox.push(Effect::Apply(entries));
        }
    }
}
