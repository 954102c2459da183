//! How long nobody else can lead.
//!
//! A voter stands by a leader for one election timeout from when it hears of it. So when a
//! majority has answered a round, nobody else is elected for that long after the round was
//! *sent*: the answers may have come late. The clocks of the two may differ in rate, and so
//! the leader counts on a little less.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 6.4.1.

use nexus_base::Time;

use super::{Deciders, Mutant, Raft, State, Term};

impl Raft {
    /// Until when nobody else leads, by this member's clock; may have passed. None if it does
    /// not lead, leases are off, no round was answered yet, or leadership is being handed over.
    pub fn lease_until(&self) -> Option<Time> {
        let State::Leader(lead) = &self.state else { return None };
        let keeps = self.is(Mutant::TransferKeepsLease);
        if !self.spec.lease || (lead.transfer.is_some() && !keeps) {
            return None;
        }
        let round =
            if self.is(Mutant::LeaseInMinority) { lead.round } else { self.answered_round()? };
        if round <= lead.lease_floor && !keeps {
            return None;
        }
        let from = if self.is(Mutant::LeaseFromAnswer) {
            lead.answered.1
        } else {
            lead.round_sent(round)?
        };
        Some(from.after(self.spec.lease_duration()))
    }

    /// The latest round that a majority has answered. Counted afresh each time, by who the
    /// members are now.
    pub(super) fn answered_round(&self) -> Option<u64> {
        let State::Leader(lead) = &self.state else { return None };
        let me = self.spec.id;
        self.deciders().reached(|id| {
            if id == me { lead.round } else { lead.followers.get(&id).map_or(0, |it| it.round) }
        })
    }

    /// When a majority was heard of last; now, if this member alone is one.
    pub(super) fn majority_heard_at(&self) -> Option<Time> {
        let State::Leader(lead) = &self.state else { return None };
        let me = self.spec.id;
        self.deciders().reached(|id| {
            let heard = |it: &super::progress::Progress| it.heard_at;
            if id == me { self.now } else { lead.followers.get(&id).map_or(Time::ZERO, heard) }
        })
    }

    /// Steps down if no majority was heard of for an election timeout: others will have
    /// elected somebody, and who asks here waits for nothing.
    pub(super) fn check_majority(&mut self) {
        let timeout = self.spec.election_timeout;
        let until = self.majority_heard_at().unwrap_or(Time::ZERO).after(timeout);
        let State::Leader(lead) = &mut self.state else { return };
        if lead.check_at > self.now {
            return;
        }
        let is_alone = until <= self.now;
        lead.check_at = if is_alone { self.now.after(timeout) } else { until };
        if is_alone && !self.is(Mutant::LeaseInMinority) {
            self.become_follower(self.vote.term, None);
        }
    }

    pub(super) fn deciders(&self) -> Deciders<'_> {
        Deciders {
            members: self.log.members(),
            count_learners: self.is(Mutant::LearnersCount),
            count_outgoing: !self.is(Mutant::OneMajority),
        }
    }

    /// Whether this voter may not yet vote in `term`, since it has, or before a restart may
    /// have, promised a leader to stand by it. `transfer` is the round in which that leader
    /// released it.
    pub(super) fn stands_by_leader(&self, term: Term, transfer: Option<u64>) -> bool {
        if self.now < self.hold_until && !self.is(Mutant::RestartedVotes) {
            return true;
        }
        let follows = Term(self.vote.term.0.saturating_add(1)) == term;
        let heard = if self.heard.0 == self.vote.term { self.heard.1 } else { 0 };
        let late = self.is(Mutant::LateTransfer);
        if follows && transfer.is_some_and(|round| heard <= round || late) {
            return false;
        }
        let supports = self.now < self.support_until && !self.is(Mutant::SupportForgotten);
        supports || matches!(self.state, State::Leader(_))
    }
}
