//! How followers get the log.
//!
//! A leader sends entries on before earlier ones are acknowledged, a few messages and bytes
//! per follower; when one says that something is missing, it is asked where its log leaves
//! the leader's, and fed from there.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 3.5, 10.2.1. The three states
//! of a follower and the hint by term are as etcd made them common.

use super::entry::{Entry, INDEX_MAX, Index, Payload, Term};
use super::message::Body;
use super::progress::{Flow, Progress};
use super::{Mutant, Raft, State};
use crate::NodeId;

impl Raft {
    /// Appends an entry of this leader's own term.
    pub(super) fn append(&mut self, payload: Payload) -> Index {
        let index = self.log.last().1.next();
        let entry = Entry { term: self.vote.term, index, payload };
        if let State::Leader(lead) = &mut self.state {
            lead.uncommitted_bytes += entry.bytes();
        }
        let changes_members = matches!(entry.payload, Payload::Members(_));
        self.outbox.stage_entry(entry.clone());
        self.log.push(entry);
        if changes_members {
            self.refresh_followers();
            // What the new ones answer to earlier rounds does not count.
            self.begin_round();
        }
        index
    }

    /// Sends every follower what it has room for.
    pub(super) fn replicate(&mut self) {
        let State::Leader(lead) = &mut self.state else { return };
        let round = lead.round;
        let term = self.vote.term;
        for (id, follower) in &mut lead.followers {
            let mut feed =
                Feed { log: &self.log, spec: &self.spec, commit: self.commit, round, follower };
            while let Some(body) = feed.next() {
                self.outbox.send(*id, super::Message { term, body });
            }
        }
    }

    /// Sends a round of heartbeats.
    pub(super) fn begin_round(&mut self) {
        let State::Leader(lead) = &mut self.state else { return };
        lead.begin_round(self.now);
        lead.heartbeat_at = self.now.after(self.spec.heartbeat_interval);
        let (round, term) = (lead.round, self.vote.term);
        for (id, follower) in &mut lead.followers {
            // One that gets a snapshot has nothing yet that a heartbeat could follow.
            let prev = match follower.flow {
                Flow::Snapshot { .. } => Index(0),
                _ => follower.next.prev(),
            };
            let prev_term = self.log.term_at(prev);
            let prev = prev_term.map_or((Term(0), Index(0)), |term| (term, prev));
            let body = Body::Append { prev, entries: Vec::new(), commit: self.commit, round };
            self.outbox.send(*id, super::Message { term, body });
        }
    }

    /// A leader's entries, or its heartbeat.
    pub(super) fn handle_append(
        &mut self,
        prev: (Term, Index),
        entries: Vec<Entry>,
        commit: Index,
        round: u64,
    ) {
        if !is_in_order(self.vote.term, prev, &entries) {
            self.counts.malformed += 1;
            return;
        }
        if let Err(hint) = self.find(prev) {
            self.say_to_leader(Body::Rejected { prev: prev.1, hint, round });
            return;
        }
        let is_heartbeat = entries.is_empty();
        let upto = Index(prev.1.0 + entries.len() as u64);
        if !is_heartbeat && !self.take_entries(entries) {
            return;
        }
        let known = if self.is(Mutant::CommitPastMatch) { self.log.last().1 } else { upto };
        self.commit_to(commit.min(known));
        self.acknowledge(upto, round, is_heartbeat);
    }

    /// Whether the log has the entry that an append follows; if not, where it may be equal.
    fn find(&self, prev: (Term, Index)) -> Result<(), (Term, Index)> {
        let (term, index) = prev;
        // What is committed is equal everywhere, also where it is no longer held.
        if index <= self.commit.min(self.log.last().1) || self.log.term_at(index) == Some(term) {
            return Ok(());
        }
        Err(self.log.last_not_after(term, index.min(self.log.last().1)))
    }

    /// Appends those that are new. False if they are not taken.
    fn take_entries(&mut self, entries: Vec<Entry>) -> bool {
        if self.outbox.unwritten_bytes() > self.spec.flight_bytes {
            self.counts.overflow += 1;
            return false;
        }
        let is_known = |entry: &Entry| {
            entry.index <= self.log.base().1 || self.log.term_at(entry.index) == Some(entry.term)
        };
        let known = entries.iter().take_while(|entry| is_known(entry)).count();
        let first = entries.get(known).map(|entry| entry.index);
        let cuts_all = self.is(Mutant::AppendCutsTail);
        let cut = if cuts_all { entries.last().map(|last| last.index.next()) } else { None };
        if let Some(first) = first.or(cut).filter(|first| *first <= self.log.last().1) {
            if first <= self.commit && !cuts_all {
                // A leader that was elected has every committed entry: this is none.
                self.counts.malformed += 1;
                return false;
            }
            self.log.cut(first);
            self.outbox.stage_cut(first);
        }
        for entry in entries.into_iter().skip(known) {
            self.outbox.stage_entry(entry.clone());
            self.log.push(entry);
        }
        self.say_role();
        true
    }

    /// Tells the leader up to where this log is equal to its own: what is on disk now for a
    /// heartbeat, and for entries once they are.
    pub(super) fn acknowledge(&mut self, upto: Index, round: u64, is_heartbeat: bool) {
        let Some(leader) = self.leader else { return };
        let (matched, after) = if self.is(Mutant::AppendBeforeSync) {
            (upto, 0)
        } else if is_heartbeat {
            (upto.min(self.outbox.durable()), self.outbox.vote_sequence())
        } else {
            (upto, self.outbox.sequence_of(upto).max(self.outbox.vote_sequence()))
        };
        // A leader that only tells how far it has committed would hear nothing new. Should the
        // answer it had be lost, the next round has another.
        let answer = (self.vote.term, round, matched);
        let (term, told_round, told) = self.answered;
        if is_heartbeat && term == answer.0 && told_round >= round && told >= matched {
            return;
        }
        self.answered = answer;
        let message = self.message(Body::Appended { matched, round });
        self.outbox.send_after(after, leader, message);
    }

    fn say_to_leader(&mut self, body: Body) {
        if let Some(leader) = self.leader {
            self.say(leader, body);
        }
    }

    /// A follower has the log up to `matched` on disk.
    pub(super) fn handle_appended(&mut self, from: NodeId, matched: Index, round: u64) {
        let (now, last) = (self.now, self.log.last().1);
        let base = self.log.base().1;
        let Some(follower) = self.hear(from, round) else { return };
        if matched > last {
            self.counts.malformed += 1;
            return;
        }
        let advanced = follower.acknowledge(matched);
        follower.stretch.acknowledge(now, follower.matched, last);
        match &mut follower.flow {
            Flow::Probe { .. } if matched >= follower.next.prev() => follower.replicate(),
            Flow::Probe { asked } if advanced => *asked = false,
            Flow::Probe { .. } | Flow::Replicate => {}
            // It has this one; if the log was made shorter meanwhile, the next one follows.
            Flow::Snapshot { snapshot, .. } if matched >= base.min(snapshot.last.1) => {
                follower.replicate();
            }
            // It has answered a later round than the part was sent in: the part is lost.
            Flow::Snapshot { sent, .. } => {
                sent.take_if(|sent| round > *sent);
            }
        }
        self.hear_round();
        if advanced {
            self.advance_commit();
        }
    }

    /// A follower lacks what an append followed, or has something else there.
    pub(super) fn handle_rejected(
        &mut self,
        from: NodeId,
        prev: Index,
        hint: (Term, Index),
        round: u64,
    ) {
        let below = self.log.last_not_after(hint.0, hint.1.min(prev.prev())).1;
        let Some(follower) = self.hear(from, round) else { return };
        let is_news = match follower.flow {
            Flow::Probe { .. } => prev == follower.next.prev(),
            Flow::Replicate => prev > follower.matched,
            Flow::Snapshot { .. } => false,
        };
        if is_news {
            follower.probe(below.next());
        }
        self.hear_round();
    }

    /// A follower has answered; none if that tells nothing.
    pub(super) fn hear(&mut self, from: NodeId, round: u64) -> Option<&mut Progress> {
        let now = self.now;
        let State::Leader(lead) = &mut self.state else {
            self.counts.stale += 1;
            return None;
        };
        let follower = lead.followers.get_mut(&from)?;
        if round > lead.round {
            self.counts.malformed += 1;
            return None;
        }
        if !follower.counts(round) {
            self.counts.stale += 1;
            return None;
        }
        follower.heard_at = now;
        follower.round = follower.round.max(round);
        Some(follower)
    }

    /// A round may have been answered by a majority.
    pub(super) fn hear_round(&mut self) {
        let answered = self.answered_round().unwrap_or(0);
        if let State::Leader(lead) = &mut self.state
            && answered > lead.answered.0
        {
            lead.answered = (answered, self.now);
        }
        self.confirm_reads();
    }
}

/// Whether entries follow each other and what came before, in this term or earlier ones.
fn is_in_order(term: Term, prev: (Term, Index), entries: &[Entry]) -> bool {
    let last = prev.1.0.checked_add(entries.len() as u64);
    let fits = last.is_some_and(|last| last <= INDEX_MAX.0);
    if !fits || prev.0 > term {
        return false;
    }
    let mut before = prev;
    entries.iter().all(|entry| {
        let follows = entry.index == before.1.next() && entry.term >= before.0;
        before = (entry.term, entry.index);
        let sound = match &entry.payload {
            Payload::Members(members) => members.is_sound(),
            Payload::Empty | Payload::Command(_) => true,
        };
        follows && sound && entry.term <= term
    })
}

/// What one follower is sent next.
struct Feed<'a> {
    log: &'a super::log::Log,
    spec: &'a super::Spec,
    commit: Index,
    round: u64,
    follower: &'a mut Progress,
}

impl Feed<'_> {
    fn next(&mut self) -> Option<Body> {
        let prev = self.follower.next.prev();
        let is_snapshot = matches!(self.follower.flow, Flow::Snapshot { .. });
        if !is_snapshot && self.log.term_at(prev).is_none() {
            self.follower.send_snapshot(self.log.snapshot()?.clone());
        }
        match &mut self.follower.flow {
            Flow::Probe { asked } => {
                if std::mem::replace(asked, true) {
                    return None;
                }
                self.append(prev, true)
            }
            Flow::Replicate => {
                let (messages, bytes) = (self.spec.flight_messages, self.spec.flight_bytes);
                let has_entries = self.follower.next <= self.log.last().1;
                let sends = has_entries && self.follower.has_room(messages, bytes);
                let tells = self.commit > self.follower.commit_told && !has_entries;
                if sends || tells { self.append(prev, false) } else { None }
            }
            Flow::Snapshot { .. } => self.chunk(),
        }
    }

    fn append(&mut self, prev: Index, is_probe: bool) -> Option<Body> {
        let prev_term = self.log.term_at(prev)?;
        let (count, bytes) = (self.spec.batch_entries, self.spec.batch_bytes);
        let entries = self.log.slice(prev.next(), self.log.last().1, count, bytes);
        if let Some(last) = entries.last().filter(|_| !is_probe) {
            self.follower.sent(last.index, entries.iter().map(Entry::bytes).sum());
        }
        self.follower.commit_told = self.commit;
        Some(Body::Append {
            prev: (prev_term, prev),
            entries,
            commit: self.commit,
            round: self.round,
        })
    }

    fn chunk(&mut self) -> Option<Body> {
        let Flow::Snapshot { snapshot, offset, sent } = &mut self.follower.flow else {
            return None;
        };
        if sent.is_some() {
            return None;
        }
        *sent = Some(self.round);
        let start = usize::try_from(*offset).unwrap_or(usize::MAX).min(snapshot.state.len());
        let end = start.saturating_add(self.spec.chunk_bytes).min(snapshot.state.len());
        Some(Body::Snapshot {
            last: snapshot.last,
            members: snapshot.members.clone(),
            offset: start as u64,
            chunk: snapshot.state.slice(start..end),
            done: end == snapshot.state.len(),
            round: self.round,
        })
    }
}
