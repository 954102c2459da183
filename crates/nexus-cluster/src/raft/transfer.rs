//! Handing leadership over.
//!
//! The lease goes first: once another may stand, this member must not act on it. Should the
//! other not make it, the lease comes back, but counts from later rounds only; and the call
//! to stand names the round it was given in, so that one that comes late finds voters who
//! have heard later rounds, and who refuse.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 3.10. The round is our own.

use nexus_base::Time;

use super::errors::TransferError;
use super::message::Body;
use super::{Raft, State};
use crate::NodeId;

/// A handover under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub to: NodeId,
    /// When it is given up.
    pub until: Time,
    /// The round in which the other was called last.
    called: Option<u64>,
}

impl Raft {
    /// Hands leadership to another voter; no proposal is taken meanwhile. If it has not
    /// worked within an election timeout it is given up.
    ///
    /// # Errors
    /// [`TransferError`]; nothing was changed.
    pub fn transfer(&mut self, now: Time, to: NodeId) -> Result<(), TransferError> {
        self.tick(now);
        let is_voter = self.log.members().voters.contains(&to) && to != self.spec.id;
        let State::Leader(lead) = &mut self.state else {
            return Err(TransferError::NotLeader { leader: self.leader });
        };
        if let Some(transfer) = lead.transfer {
            return Err(TransferError::Transferring { to: transfer.to });
        }
        if !is_voter {
            return Err(TransferError::NotVoter { to });
        }
        let until = self.now.after(self.spec.election_timeout);
        lead.transfer = Some(Transfer { to, until, called: None });
        lead.lease_floor = lead.round;
        Ok(())
    }

    /// Calls the other to stand, once it has the whole log, and again in each round.
    pub(super) fn call_to_stand(&mut self) {
        let last = self.log.last().1;
        let State::Leader(lead) = &mut self.state else { return };
        let Some(transfer) = &mut lead.transfer else { return };
        let ready = lead.followers.get(&transfer.to).is_some_and(|it| it.matched == last);
        if ready && transfer.called != Some(lead.round) {
            let (to, round) = (transfer.to, lead.round);
            transfer.called = Some(round);
            lead.lease_floor = round;
            self.say(to, Body::StandNow { round });
        }
    }

    /// Gives a handover up whose time is over.
    pub(super) fn expire_transfer(&mut self) {
        let now = self.now;
        if let State::Leader(lead) = &mut self.state {
            lead.transfer.take_if(|transfer| transfer.until <= now);
        }
    }

    /// The leader hands over to this member.
    pub(super) fn handle_stand_now(&mut self, from: NodeId, round: u64) {
        let is_able = self.log.members().votes(self.spec.id) && self.is_up_to_date(self.log.last());
        if self.leader != Some(from) || !is_able {
            self.counts.stale += 1;
            return;
        }
        // Its own vote is bound as any other's.
        let term = self.vote.term.0 + 1;
        if self.stands_by_leader(super::Term(term), Some(round)) {
            self.counts.refused += 1;
            return;
        }
        self.campaign(Some(round));
    }
}
