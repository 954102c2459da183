//! One member of one shard's group on one node, with its state machine.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_base::{Rng, Time};
use nexus_cluster::raft::{
    Body, Effect, Entry, Index, Members, Message, Payload, ProposeError, Raft, Snapshot, Spec,
    Standing, Stored, Term, Write,
};
use nexus_cluster::wire::{Content, Envelope, encode};
use nexus_cluster::{GroupId, NodeId};

use super::checkers::{Place, Seen};
use super::client::{Outcome, Reply, Request};
use super::kv::{Answer, Command, Kv};
use super::outside::{Outside, node_id, node_index};

/// Entries that a member applies before it takes a snapshot. Few, so that there are many.
const SNAPSHOT_EVERY: u64 = 150;

/// Requests that wait at one member, at most; further ones are sent elsewhere.
const WAITING_MAX: usize = 256;

/// Somebody waits for an entry.
struct Waiting {
    term: Term,
    request: Request,
}

/// A member, and what it answers for.
pub(crate) struct Replica {
    pub(crate) place: Place,
    node: u32,
    raft: Raft,
    kv: Kv,
    applied: Index,
    /// Up to where its log was committed when that was shown last.
    committed: Index,
    snapshot_at: Index,
    members: Members,
    role: (Standing, Option<NodeId>),
    waiting: BTreeMap<Index, Waiting>,
    /// Reads that wait to be told what they must see, by ticket.
    reads: BTreeMap<u64, Request>,
    /// Reads that wait for an entry to be applied.
    ready: BTreeMap<(Index, u64), Request>,
    ticket: u64,
    lease: Option<Time>,
    /// When its timer is set for, in real time.
    pub(crate) armed: Time,
    #[cfg(feature = "mutants")]
    planted: Option<super::planted::Planted>,
}

impl Replica {
    /// A member that starts with what its disk holds.
    pub(crate) fn start(
        out: &mut Outside,
        (shard, node): (u32, u32),
        spec: Spec,
        stored: Stored,
        now: Time,
        rng: Rng,
    ) -> Replica {
        let place = Place { shard, node: node_id(node) };
        let (snapshot, entries) = (stored.snapshot.as_ref(), &stored.entries[..]);
        out.see(place, &Seen::Started { vote: stored.vote, snapshot, entries });
        let members = snapshot.map_or(&spec.members, |snapshot| &snapshot.members).clone();
        let snapshot = stored.snapshot.clone();
        let raft = match Raft::new(spec, stored, now, rng) {
            Ok(raft) => raft,
            Err(error) => panic!("{place} does not start: {error}"),
        };
        let mut replica = Replica {
            place,
            node,
            raft,
            kv: Kv::default(),
            applied: Index(0),
            committed: Index(0),
            snapshot_at: Index(0),
            members,
            role: (Standing::Follower, None),
            waiting: BTreeMap::new(),
            reads: BTreeMap::new(),
            ready: BTreeMap::new(),
            ticket: 0,
            lease: None,
            armed: Time::MAX,
            #[cfg(feature = "mutants")]
            planted: None,
        };
        if let Some(snapshot) = snapshot {
            replica.restore(out, &snapshot);
        }
        replica
    }

    #[cfg(feature = "mutants")]
    pub(crate) fn plant(&mut self, planted: Option<super::planted::Planted>) {
        self.planted = planted;
    }

    /// Its state machine.
    pub(crate) fn kv(&self) -> &Kv {
        &self.kv
    }

    /// The last entry it has applied.
    pub(crate) fn applied(&self) -> Index {
        self.applied
    }

    /// The group, as far as it has applied changes of it.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// Whether it believes to lead.
    pub(crate) fn leads(&self) -> bool {
        self.role.0 == Standing::Leader
    }

    /// When its timer is to go off, on its node's clock.
    pub(crate) fn next_timeout(&self) -> Option<Time> {
        self.raft.next_timeout()
    }

    /// Until when it believes to hold the lease, on its node's clock, if that has changed.
    pub(crate) fn lease_changed(&mut self) -> Option<Time> {
        let lease = self.raft.lease_until();
        if lease == self.lease {
            return None;
        }
        self.lease = lease;
        Some(lease.unwrap_or(Time::ZERO))
    }

    /// Until when it believes to hold the lease, on its node's clock.
    pub(crate) fn lease(&self) -> Option<Time> {
        self.lease
    }

    /// Shows how long its queues are.
    pub(crate) fn show_queues(&self, out: &mut Outside) {
        let waiting = self.waiting.len().max(self.reads.len()).max(self.ready.len());
        out.see(self.place, &Seen::Queue { name: "requests", len: waiting, len_max: WAITING_MAX });
        let (len, len_max) = (self.raft.held_bytes(), super::node::HELD_BYTES_MAX);
        out.see(self.place, &Seen::Queue { name: "bytes held by raft", len, len_max });
    }

    pub(crate) fn handle_message(&mut self, now: Time, from: NodeId, message: Message) {
        self.raft.handle_message(now, from, message);
    }

    /// True if a timer was due.
    pub(crate) fn handle_timeout(&mut self, now: Time) -> bool {
        let due = self.raft.next_timeout().is_some_and(|at| at <= now);
        if due {
            self.raft.handle_timeout(now);
        }
        due
    }

    pub(crate) fn handle_written(&mut self, out: &mut Outside, now: Time, sequence: u64) {
        out.see(self.place, &Seen::Written { sequence });
        self.raft.handle_written(now, sequence);
    }

    /// A client asks for something.
    pub(crate) fn handle_request(&mut self, out: &mut Outside, now: Time, request: Request) {
        let full = self.waiting.len().max(self.reads.len()).max(self.ready.len()) >= WAITING_MAX;
        if full {
            self.refuse(out, &request, None);
        } else if request.op.is_read() {
            self.read(out, now, request);
        } else {
            self.propose(out, now, request);
        }
    }

    fn read(&mut self, out: &mut Outside, now: Time, request: Request) {
        self.ticket += 1;
        self.reads.insert(self.ticket, request);
        if self.raft.read(now, self.ticket).is_err() {
            self.reads.remove(&self.ticket);
            self.refuse(out, &request, self.role.1);
        }
    }

    fn propose(&mut self, out: &mut Outside, now: Time, request: Request) {
        let Request { client, number, op, .. } = request;
        let command = Command { client, number, op, proposer: self.place.node };
        match self.raft.propose(now, command.encode()) {
            Ok((term, index)) => {
                #[cfg(feature = "mutants")]
                if self.planted == Some(super::planted::Planted::ReplyBeforeCommit) {
                    let answer = self.kv.clone().apply(&command);
                    answer.into_iter().for_each(|answer| self.done(out, &request, answer));
                }
                self.waiting.insert(index, Waiting { term, request });
            }
            Err(ProposeError::NotLeader { leader }) => self.refuse(out, &request, leader),
            Err(_) => self.refuse(out, &request, None),
        }
    }

    /// Hands leadership to `to`, if it leads; whether it does that now.
    pub(crate) fn transfer(&mut self, now: Time, to: NodeId) -> bool {
        self.raft.transfer(now, to).is_ok()
    }

    /// Changes the group, if it leads; whether it does that now.
    pub(crate) fn change(&mut self, now: Time, voters: &[NodeId], learners: &[NodeId]) -> bool {
        let (voters, learners) = (voters.iter().copied(), learners.iter().copied());
        self.raft.change_members(now, voters.collect(), learners.collect()).is_ok()
    }

    /// Takes a snapshot of what it has applied; whether there was anything new.
    pub(crate) fn compact(&mut self, now: Time) -> bool {
        self.applied > self.snapshot_at && {
            let done = self.raft.compact(now, self.applied, self.kv.snapshot()).is_ok();
            self.snapshot_at = self.applied;
            done
        }
    }

    /// Carries out what the member wants done; writes are handed to `write`.
    pub(crate) fn carry_out(&mut self, out: &mut Outside, now: Time, mut write: impl FnMut(Write)) {
        loop {
            while let Some(effect) = self.raft.poll_effect() {
                self.act(out, effect, &mut write);
            }
            self.show_commit(out);
            if self.applied.0 < self.snapshot_at.0 + SNAPSHOT_EVERY || !self.compact(now) {
                return;
            }
        }
    }

    /// After all it wanted done, so that who it is then is known.
    fn show_commit(&mut self, out: &mut Outside) {
        let index = self.raft.commit();
        if std::mem::replace(&mut self.committed, index) != index {
            out.see(self.place, &Seen::Committed { index });
        }
    }

    fn act(&mut self, out: &mut Outside, effect: Effect, write: &mut impl FnMut(Write)) {
        match effect {
            Effect::Send { to, message } => self.send(out, to, message),
            Effect::Write(what) => {
                out.see(self.place, &Seen::Writing(&what));
                write(what);
            }
            Effect::Apply(entries) => {
                entries.iter().for_each(|entry| self.apply(out, entry));
                self.answer_reads(out);
            }
            Effect::Restore(snapshot) => {
                self.restore(out, &snapshot);
                self.answer_reads(out);
            }
            Effect::ReadReady { ticket, index } => {
                if let Some(request) = self.reads.remove(&ticket) {
                    self.ready.insert((index, ticket), request);
                    self.answer_reads(out);
                }
            }
            Effect::ReadRefused { ticket } => {
                if let Some(request) = self.reads.remove(&ticket) {
                    self.refuse(out, &request, self.role.1);
                }
            }
            Effect::Role(role) => {
                out.trace.say(out.now, format_args!("{}: {role:?}", self.place));
                out.see(self.place, &Seen::Role(&role));
                self.role = (role.is, role.leader);
            }
        }
    }

    fn send(&self, out: &mut Outside, to: NodeId, message: Message) {
        if let Body::Vote { .. } | Body::Voted { .. } | Body::Appended { .. } = message.body {
            out.see(self.place, &Seen::Sent { to, message: &message });
        }
        let group = GroupId(u64::from(self.place.shard));
        let envelope = Envelope { group, from: self.place.node, to };
        let bytes = encode(envelope, &Content::Raft(message)).expect("the spec keeps frames small");
        out.send(self.node, node_index(to), Bytes::from(bytes));
    }

    fn apply(&mut self, out: &mut Outside, entry: &Entry) {
        let command = match &entry.payload {
            Payload::Command(bytes) => Command::decode(bytes),
            Payload::Members(members) => {
                self.members = Members::clone(members);
                None
            }
            Payload::Empty => None,
        };
        let answer = command.and_then(|command| self.kv.apply(&command));
        self.applied = entry.index;
        let digest = self.kv.digest();
        out.see(self.place, &Seen::Applied { entry, command: command.as_ref(), digest });
        let Some(waiting) = self.waiting.remove(&entry.index) else { return };
        match answer {
            Some(answer) if waiting.term == entry.term => self.done(out, &waiting.request, answer),
            _ => self.refuse(out, &waiting.request, self.role.1),
        }
    }

    fn restore(&mut self, out: &mut Outside, snapshot: &Snapshot) {
        let Some(kv) = Kv::restore(&snapshot.state) else {
            panic!("{} has a snapshot that cannot be read", self.place);
        };
        (self.kv, self.applied, self.snapshot_at) = (kv, snapshot.last.1, snapshot.last.1);
        self.members = snapshot.members.clone();
        out.see(self.place, &Seen::Restored { snapshot, digest: self.kv.digest() });
        // Who waits for one of its entries is not answered: what came of it is not told.
        self.waiting = self.waiting.split_off(&Index(self.applied.0 + 1));
    }

    fn answer_reads(&mut self, out: &mut Outside) {
        while let Some(first) = self.ready.first_entry() {
            if first.key().0 > self.applied {
                return;
            }
            let request = first.remove();
            let number = Answer::Number(self.kv.get(request.op.key()));
            self.done(out, &request, number);
        }
    }

    fn done(&self, out: &mut Outside, request: &Request, answer: Answer) {
        self.reply(out, request, Outcome::Done(answer));
    }

    fn refuse(&self, out: &mut Outside, request: &Request, leader: Option<NodeId>) {
        self.reply(out, request, Outcome::Elsewhere(leader.map(node_index)));
    }

    fn reply(&self, out: &mut Outside, request: &Request, outcome: Outcome) {
        let Request { client, number, .. } = *request;
        out.answer(Reply { client, number, from: self.node, outcome });
    }
}
