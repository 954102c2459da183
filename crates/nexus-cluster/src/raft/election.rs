//! How one member comes to lead.
//!
//! A member that has heard of no leader first asks whether it would win, and disturbs nobody
//! if not; so one that was cut off, or removed, does not unseat a working leader when it
//! comes back. Then it stands in a new term, and a majority of votes makes it the leader.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 3.4, 3.6.1, 9.6.

use super::effect::{Standing, Vote};
use super::entry::{Payload, Term};
use super::lead::Lead;
use super::message::{Body, Message};
use super::progress::Progress;
use super::{Deciders, Index, Mutant, Raft, State};
use crate::NodeId;

/// An election this member stands in.
#[derive(Debug)]
pub(super) struct Candidacy {
    /// Whether it only asks what would be.
    pub is_pre: bool,
    votes: Vec<(NodeId, bool)>,
}

impl Candidacy {
    fn new(is_pre: bool) -> Candidacy {
        Candidacy { is_pre, votes: Vec::new() }
    }

    fn record(&mut self, from: NodeId, granted: bool) {
        if !self.votes.iter().any(|(id, _)| *id == from) {
            self.votes.push((from, granted));
        }
    }

    fn has_vote_of(&self, id: NodeId) -> bool {
        self.votes.contains(&(id, true))
    }
}

/// The last term that is accepted: a term beyond has no successor to stand in.
pub(super) const TERM_MAX: Term = Term(u64::MAX - 1);

impl Raft {
    /// Nothing was heard of a leader for too long.
    pub(super) fn election_due(&mut self) {
        self.reset_election_timer();
        if !self.may_stand() {
            self.set_role(State::Follower, None);
            return;
        }
        let mut candidacy = Candidacy::new(true);
        candidacy.record(self.spec.id, true);
        self.set_role(State::Candidate(candidacy), None);
        let message = Message {
            term: Term(self.vote.term.0 + 1),
            body: Body::PreVote { last: self.log.last() },
        };
        self.ask_voters(&message);
        self.count_votes();
    }

    fn may_stand(&self) -> bool {
        let me = self.spec.id;
        // Who is to vote no longer may be the only one who can get that committed: those who
        // remain may not have the entry yet. After a restart it is not known how much of the
        // log is committed, so any change in it may be the last that is.
        let votes = self.log.votes_since(self.commit, me);
        let has_log = self.is_up_to_date(self.log.last());
        votes && has_log && self.now >= self.hold_until && self.vote.term < TERM_MAX
    }

    /// Stands in a new term; `transfer` is the round in which a leader asked for it.
    pub(super) fn campaign(&mut self, transfer: Option<u64>) {
        if self.vote.term >= TERM_MAX {
            return;
        }
        let term = Term(self.vote.term.0 + 1);
        self.set_vote(Vote { term, voted_for: Some(self.spec.id) });
        self.reset_election_timer();
        self.incoming = None;
        self.set_role(State::Candidate(Candidacy::new(false)), None);
        let message = Message { term, body: Body::Vote { last: self.log.last(), transfer } };
        self.ask_voters(&message);
        self.count_own_vote();
    }

    fn ask_voters(&mut self, message: &Message) {
        let me = self.spec.id;
        // A pre-vote promises nothing; a vote asked for is one given to oneself.
        let after = match message.body {
            Body::Vote { .. } if !self.is(Mutant::VoteBeforeSync) => self.outbox.vote_sequence(),
            _ => 0,
        };
        for id in self.log.members().voters_once().filter(|id| *id != me) {
            self.outbox.send_after(after, id, message.clone());
        }
    }

    /// A candidate's own vote counts once it is on disk, as any other's.
    pub(super) fn count_own_vote(&mut self) {
        let on_disk = self.outbox.vote_sequence() <= self.outbox.written();
        let me = self.spec.id;
        if !on_disk && !self.is(Mutant::VoteBeforeSync) {
            return;
        }
        if let State::Candidate(candidacy) = &mut self.state
            && !candidacy.is_pre
        {
            candidacy.record(me, true);
            self.count_votes();
        }
    }

    fn count_votes(&mut self) {
        let State::Candidate(candidacy) = &self.state else { return };
        let deciders = Deciders { count_learners: false, ..self.deciders() };
        if !deciders.agree(|id| candidacy.has_vote_of(id)) {
            return;
        }
        if candidacy.is_pre {
            self.campaign(None);
        } else {
            self.become_leader();
        }
    }

    /// Somebody asks whether this member would vote for it.
    pub(super) fn handle_pre_vote(&mut self, from: NodeId, term: Term, last: (Term, Index)) {
        if term > self.vote.term && self.stands_by_leader(term, None) {
            self.counts.refused += 1;
            return;
        }
        let up_to_date = self.is_up_to_date(last);
        let granted = term > self.vote.term && up_to_date;
        // A refusal tells the term, so that who is behind can catch up.
        let term = if granted { term } else { self.vote.term };
        let message = Message { term, body: Body::PreVoted { granted } };
        self.outbox.send(from, message);
    }

    /// Somebody says whether it would vote for this member.
    pub(super) fn handle_pre_voted(&mut self, from: NodeId, term: Term, granted: bool) {
        let stands_in = Term(self.vote.term.0.saturating_add(1));
        match &mut self.state {
            State::Candidate(candidacy) if candidacy.is_pre && granted && term == stands_in => {
                candidacy.record(from, true);
                self.count_votes();
            }
            _ => self.counts.stale += 1,
        }
    }

    /// Somebody asks for this member's vote in this term.
    pub(super) fn handle_vote(&mut self, from: NodeId, last: (Term, Index)) {
        let is_free = self.vote.voted_for.is_none_or(|to| to == from);
        let is_follower = matches!(self.state, State::Follower);
        let up_to_date = self.is_up_to_date(last);
        let granted =
            up_to_date && (is_free && is_follower || self.is(Mutant::VotesTwice) && !self.leads());
        if granted {
            if self.vote.voted_for != Some(from) {
                self.set_vote(Vote { term: self.vote.term, voted_for: Some(from) });
            }
            self.reset_election_timer();
        }
        let message = Message { term: self.vote.term, body: Body::Voted { granted } };
        let after = if self.is(Mutant::VoteBeforeSync) { 0 } else { self.outbox.vote_sequence() };
        self.outbox.send_after(after, from, message);
    }

    /// Somebody says whether this member has its vote.
    pub(super) fn handle_voted(&mut self, from: NodeId, granted: bool) {
        match &mut self.state {
            State::Candidate(candidacy) if !candidacy.is_pre => {
                candidacy.record(from, granted);
                self.count_votes();
            }
            _ => self.counts.stale += 1,
        }
    }

    fn become_leader(&mut self) {
        let lead = Lead::new(self.log.last().1.next(), self.now);
        self.set_role(State::Leader(Box::new(lead)), Some(self.spec.id));
        let bytes = self.log.bytes_after(self.commit);
        let timeout = self.spec.election_timeout;
        if let State::Leader(lead) = &mut self.state {
            lead.uncommitted_bytes = bytes;
            lead.check_at = self.now.after(timeout);
        }
        self.refresh_followers();
        self.append(Payload::Empty);
        self.begin_round();
    }

    /// Follows in a term, of which the leader may be known.
    pub(super) fn become_follower(&mut self, term: Term, leader: Option<NodeId>) {
        if term > self.vote.term {
            self.set_vote(Vote { term, voted_for: None });
            self.incoming = None;
        }
        if self.leads() {
            self.reset_election_timer();
        }
        self.set_role(State::Follower, leader);
    }

    fn set_vote(&mut self, vote: Vote) {
        self.vote = vote;
        self.outbox.stage_vote(vote);
    }

    /// Draws anew when to stand if nothing is heard.
    pub(super) fn reset_election_timer(&mut self) {
        let timeout = self.spec.election_timeout;
        let nanos = timeout.as_nanos() as u64;
        let more = std::time::Duration::from_nanos(self.rng.below(nanos.max(1)));
        self.patience = timeout + more;
        self.election_at = self.now.after(self.patience);
    }

    /// Changes what the member is, and says so if that is news.
    pub(super) fn set_role(&mut self, state: State, leader: Option<NodeId>) {
        let before = std::mem::replace(&mut self.state, state);
        self.leader = leader;
        if let State::Leader(lead) = before {
            self.refuse_reads(lead.reads);
        }
        self.say_role();
    }

    /// Says what the member is, if that was not said.
    pub(super) fn say_role(&mut self) {
        let role = self.role();
        if self.role_said != role {
            self.role_said = role;
            self.outbox.push(super::Effect::Role(role));
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match self.state {
            State::Leader(_) => Standing::Leader,
            State::Candidate(_) => Standing::Candidate,
            State::Follower if self.log.members().votes(self.spec.id) => Standing::Follower,
            State::Follower => Standing::Learner,
        }
    }

    pub(super) fn leads(&self) -> bool {
        matches!(self.state, State::Leader(_))
    }

    /// Begins to feed those who are new, and stops feeding those who are gone.
    pub(super) fn refresh_followers(&mut self) {
        let State::Leader(lead) = &mut self.state else { return };
        let members = self.log.members();
        lead.followers.retain(|id, _| members.contains(*id));
        let round = lead.round;
        for id in members.all().filter(|id| *id != self.spec.id) {
            let next = self.log.last().1.next();
            lead.followers.entry(id).or_insert_with(|| Progress::new(next, self.now, round));
        }
    }
}
