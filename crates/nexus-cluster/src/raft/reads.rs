//! Reads that see everything done before they were asked for.
//!
//! A leader may not answer from its state right away: another may have been elected. It
//! either holds a lease, or asks a majority in a round that begins after the read came.
//! Followers ask the leader for the index, and read their own state once it is there.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 6.4.

use std::collections::VecDeque;

use nexus_base::Time;

use super::effect::Effect;
use super::entry::Index;
use super::errors::ReadError;
use super::message::Body;
use super::{Mutant, Raft, State};
use crate::NodeId;

/// Reads at a leader that wait for a majority to confirm that it still leads.
#[derive(Default, Debug)]
pub(super) struct LeaderReads {
    waiting: VecDeque<Unconfirmed>,
    /// The round that was begun for reads and is not answered yet.
    open_round: u64,
}

/// A read at a leader, in the order asked: neither rounds nor indexes fall.
#[derive(Clone, Copy, Debug)]
struct Unconfirmed {
    asker: Asker,
    index: Index,
    round: u64,
}

/// Whose read it is.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Here { ticket: u64, until: Time },
    Follower { id: NodeId, number: u64 },
}

/// Reads at any member.
#[derive(Debug)]
pub(super) struct Reads {
    /// Asked of the leader.
    asked: VecDeque<Asked>,
    /// To be answered once the index is applied.
    settled: VecDeque<Settled>,
    /// Begins at random, so that an answer meant for a read before a restart finds nobody.
    next_number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u64,
    ticket: u64,
    until: Time,
}

#[derive(Clone, Copy, Debug)]
struct Settled {
    ticket: u64,
    index: Index,
    until: Time,
}

impl Reads {
    pub fn new(next_number: u64) -> Reads {
        Reads { asked: VecDeque::new(), settled: VecDeque::new(), next_number }
    }

    /// When the first of them expires.
    pub fn next_timeout(&self) -> Option<Time> {
        let asked = self.asked.front().map(|read| read.until);
        let settled = self.settled.iter().map(|read| read.until).min();
        asked.into_iter().chain(settled).min()
    }
}

impl Raft {
    /// Asks when a read sees everything done before now: see
    /// [`Effect::ReadReady`]. Works at every member, learners too.
    ///
    /// # Errors
    /// [`ReadError`]; no effect will name the ticket.
    pub fn read(&mut self, now: Time, ticket: u64) -> Result<(), ReadError> {
        self.tick(now);
        if self.reads_waiting() >= self.spec.reads_waiting {
            return Err(ReadError::Busy { waiting_max: self.spec.reads_waiting });
        }
        // Not known to be answerable by then: the one who asks had better ask elsewhere.
        let until = self.now.after(self.spec.election_timeout * 2);
        if matches!(self.state, State::Leader(_)) {
            self.read_as_leader(Asker::Here { ticket, until });
            return Ok(());
        }
        let leader = self.leader.ok_or(ReadError::NoLeader)?;
        let number = self.reads.next_number;
        self.reads.next_number = number.wrapping_add(1);
        self.reads.asked.push_back(Asked { number, ticket, until });
        self.say(leader, Body::ReadIndex { ticket: number });
        Ok(())
    }

    fn reads_waiting(&self) -> usize {
        let unconfirmed = match &self.state {
            State::Leader(lead) => lead.reads.waiting.len(),
            _ => 0,
        };
        unconfirmed + self.reads.asked.len() + self.reads.settled.len()
    }

    fn read_as_leader(&mut self, asker: Asker) {
        let confirmed = self.lease_until().is_some_and(|until| self.now < until)
            || self.is(Mutant::ReadUnconfirmed);
        let State::Leader(lead) = &mut self.state else { return };
        // What earlier leaders committed is known for sure only with an own entry.
        let index = self.commit.max(lead.term_start);
        if confirmed {
            self.settle(asker, index);
        } else {
            lead.reads.waiting.push_back(Unconfirmed { asker, index, round: lead.round + 1 });
            self.confirm_reads();
        }
    }

    fn settle(&mut self, asker: Asker, index: Index) {
        match asker {
            Asker::Here { ticket, until } => {
                self.reads.settled.push_back(Settled { ticket, index, until });
            }
            Asker::Follower { id, number } => {
                self.say(id, Body::ReadIndexIs { ticket: number, index: Some(index) });
            }
        }
    }

    /// A follower wants to read.
    pub(super) fn handle_read_index(&mut self, from: NodeId, number: u64) {
        let has_room = self.reads_waiting() < self.spec.reads_waiting;
        if has_room && matches!(self.state, State::Leader(_)) {
            self.read_as_leader(Asker::Follower { id: from, number });
        } else {
            self.say(from, Body::ReadIndexIs { ticket: number, index: None });
        }
    }

    /// The leader says how far a read must wait.
    pub(super) fn handle_read_index_is(&mut self, number: u64, index: Option<Index>) {
        let Some(at) = self.reads.asked.iter().position(|read| read.number == number) else {
            self.counts.stale += 1;
            return;
        };
        let Some(Asked { ticket, until, .. }) = self.reads.asked.remove(at) else { return };
        match index {
            Some(index) => self.settle(Asker::Here { ticket, until }, index),
            None => self.outbox.push(Effect::ReadRefused { ticket }),
        }
    }

    /// Begins a round for the reads that wait, unless one is under way for earlier ones:
    /// those that come meanwhile share the next.
    pub(super) fn ask_for_reads(&mut self) {
        let State::Leader(lead) = &mut self.state else { return };
        let wanted = lead.reads.waiting.back().is_some_and(|read| read.round > lead.round);
        if wanted && lead.reads.open_round == 0 {
            lead.reads.open_round = lead.round + 1;
            self.begin_round();
        }
    }

    /// Lets through the reads whose round a majority has answered.
    pub(super) fn confirm_reads(&mut self) {
        let Some(answered) = self.answered_round() else { return };
        while let State::Leader(lead) = &mut self.state {
            if lead.reads.open_round <= answered {
                lead.reads.open_round = 0;
            }
            let Some(read) = lead.reads.waiting.pop_front_if(|read| read.round <= answered) else {
                return;
            };
            self.settle(read.asker, read.index);
        }
    }

    /// Answers the reads whose index is applied.
    pub(super) fn answer_reads(&mut self) {
        let applied = self.applied;
        let outbox = &mut self.outbox;
        self.reads.settled.retain(|read| {
            if read.index <= applied {
                outbox.push(Effect::ReadReady { ticket: read.ticket, index: read.index });
            }
            read.index > applied
        });
    }

    /// Refuses the reads that have waited too long.
    pub(super) fn expire_reads(&mut self) {
        let now = self.now;
        let outbox = &mut self.outbox;
        let mut keep = |ticket, until| {
            if until <= now {
                outbox.push(Effect::ReadRefused { ticket });
            }
            until > now
        };
        self.reads.asked.retain(|read| keep(read.ticket, read.until));
        self.reads.settled.retain(|read| keep(read.ticket, read.until));
    }

    /// Leadership ends: what it has not confirmed it cannot.
    pub(super) fn refuse_reads(&mut self, reads: LeaderReads) {
        for read in reads.waiting {
            match read.asker {
                Asker::Here { ticket, .. } => self.outbox.push(Effect::ReadRefused { ticket }),
                Asker::Follower { id, number } => {
                    self.say(id, Body::ReadIndexIs { ticket: number, index: None });
                }
            }
        }
    }
}
