//! Changing who the group consists of.
//!
//! For a while the old voters and the new must both agree, so that at no moment two separate
//! majorities exist. The leader ends that by itself as soon as both have the change.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 4.3.

use std::collections::BTreeSet;

use nexus_base::Time;

use super::entry::{Index, Payload, Term};
use super::errors::ChangeError;
use super::members::{MEMBERS_MAX, Members};
use super::{Raft, State};
use crate::NodeId;

impl Raft {
    /// Changes who the group consists of. The change holds once the members are no longer
    /// joint; a leader that is not among the new voters then steps down.
    ///
    /// New voters had better been learners before, until they have the log: a voter without
    /// it keeps others from agreeing.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing was changed.
    pub fn change_members(
        &mut self,
        now: Time,
        voters: BTreeSet<NodeId>,
        learners: BTreeSet<NodeId>,
    ) -> Result<(Term, Index), ChangeError> {
        self.tick(now);
        let State::Leader(lead) = &self.state else {
            return Err(ChangeError::NotLeader { leader: self.leader });
        };
        if let Some(transfer) = lead.transfer {
            return Err(ChangeError::Transferring { to: transfer.to });
        }
        let before = self.log.members();
        let same_voters = before.voters == voters;
        let outgoing = if same_voters { BTreeSet::new() } else { before.voters.clone() };
        let after = Members { voters, outgoing, learners };
        if !after.is_sound() {
            return Err(ChangeError::Unsound { members_max: MEMBERS_MAX });
        }
        if before.is_joint() || self.log.members_index().max(lead.term_start) > self.commit {
            return Err(ChangeError::Pending);
        }
        let index = self.append(Payload::Members(Box::new(after)));
        Ok((self.vote.term, index))
    }

    /// Whether a member follows this leader by less than an election timeout: it has on its disk
    /// what the log was so long ago, and answers. That comes true of a log that grows, too, as
    /// long as the member is fast enough for it. False if this member does not lead.
    pub fn has_caught_up(&self, id: NodeId) -> bool {
        let State::Leader(lead) = &self.state else { return false };
        lead.followers.get(&id).is_some_and(|follower| {
            let within = self.spec.election_timeout;
            follower.matched > Index(0) && follower.stretch.keeps_up(self.now, within)
        })
    }

    /// Ends a change that both old and new voters have.
    pub(super) fn finish_change(&mut self) {
        let members = self.log.members();
        if !self.leads() || !members.is_joint() || self.log.members_index() > self.commit {
            return;
        }
        let voters = members.voters.clone();
        let learners = members.learners.clone();
        let after = Members { voters, outgoing: BTreeSet::new(), learners };
        self.append(Payload::Members(Box::new(after)));
    }

    /// A leader that votes no longer has led until the change was committed; now it stops.
    pub(super) fn leave_if_removed(&mut self) {
        let is_out = !self.log.members().votes(self.spec.id);
        if self.leads() && is_out && self.log.members_index() <= self.commit {
            self.become_follower(self.vote.term, None);
        }
    }
}
