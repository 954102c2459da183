//! A group of members on simulated clocks, links and disks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nexus_base::Ratio;

use super::super::*;
use super::checker::Checker;

/// What may go wrong on the links.
#[derive(Clone, Copy)]
pub struct Faults {
    pub loss: Ratio,
    pub doubling: Ratio,
    /// Delays are uniform between none and this.
    pub delay: Duration,
    /// Answers, and calls to stand, take up to this in addition.
    pub answer_delay: Duration,
    /// Syncs take up to this.
    pub sync: Duration,
}

impl Faults {
    pub const NONE: Faults = Faults {
        loss: Ratio::ZERO,
        doubling: Ratio::ZERO,
        delay: Duration::ZERO,
        answer_delay: Duration::ZERO,
        sync: Duration::ZERO,
    };
}

/// One member, its disk, and what its state machine has seen.
pub struct Seat {
    pub raft: Option<Raft>,
    pub spec: Spec,
    pub disk: Stored,
    pub writes: VecDeque<(Time, Write)>,
    pub state: Vec<u8>,
    pub state_index: Index,
    /// Parts in ten thousand by which its clock is fast.
    pub fast: i64,
    pub ready: Vec<u64>,
    pub refused: Vec<u64>,
}

/// A group.
pub struct Net {
    pub now: Time,
    pub seats: BTreeMap<NodeId, Seat>,
    pub checker: Checker,
    pub rng: Rng,
    pub faults: Faults,
    /// From whom to whom nothing goes.
    pub cut: BTreeSet<(NodeId, NodeId)>,
    wire: BTreeMap<(Time, u64), (NodeId, NodeId, Message)>,
    sequence: u64,
    /// What a read must see at least, by its ticket.
    reads: BTreeMap<u64, Index>,
    starts: u64,
}

/// Messages under way; further ones are lost.
const WIRE_MAX: usize = 2_000;

/// The least of what nobody has acknowledged: what a read now may miss.
fn highest_applied(checker: &Checker) -> Index {
    checker.applied.last_key_value().map_or(Index(0), |(index, _)| *index)
}

impl Net {
    pub fn new(seed: u64, count: u64, faults: Faults, adjust: impl Fn(&mut Spec)) -> Net {
        let mut net = Net {
            now: Time::from_nanos(1),
            seats: BTreeMap::new(),
            checker: Checker::default(),
            rng: Rng::new(seed),
            faults,
            cut: BTreeSet::new(),
            wire: BTreeMap::new(),
            sequence: 0,
            reads: BTreeMap::new(),
            starts: 0,
        };
        let voters = (1..=count).map(NodeId);
        for id in voters.clone() {
            let mut spec = Spec::new(id, voters.clone());
            adjust(&mut spec);
            net.add(spec);
        }
        net
    }

    pub fn add(&mut self, spec: Spec) {
        let id = spec.id;
        // Any two differ by at most a hundredth.
        let fast = self.rng.below(100) as i64 - 50;
        let seat = Seat {
            raft: None,
            spec,
            disk: Stored::default(),
            writes: VecDeque::new(),
            state: Vec::new(),
            state_index: Index(0),
            fast,
            ready: Vec::new(),
            refused: Vec::new(),
        };
        self.seats.insert(id, seat);
        self.start(id);
    }

    /// What a member's clock shows.
    pub fn local(&self, id: NodeId, at: Time) -> Time {
        let fast = self.seats[&id].fast;
        let nanos = i128::from(at.as_nanos());
        Time::from_nanos((nanos + nanos * i128::from(fast) / 10_000) as u64)
    }

    /// When a member's clock shows it, or a little after.
    fn global(&self, id: NodeId, local: Time) -> Time {
        let fast = self.seats[&id].fast;
        let nanos = i128::from(local.as_nanos()) * 10_000 / i128::from(10_000 + fast);
        Time::from_nanos(nanos as u64 + 2)
    }

    pub fn start(&mut self, id: NodeId) {
        self.starts += 1;
        let rng = self.rng.fork_index("raft", self.starts);
        let local = self.local(id, self.now);
        let seat = self.seats.get_mut(&id).expect("it has a seat");
        let snapshot = seat.disk.snapshot.clone();
        seat.state = snapshot.as_ref().map_or(vec![], |snapshot| snapshot.state.to_vec());
        seat.state_index = snapshot.map_or(Index(0), |snapshot| snapshot.last.1);
        let raft = Raft::new(seat.spec.clone(), seat.disk.clone(), local, rng);
        seat.raft = Some(raft.expect("what was written can be read"));
    }

    /// Stops a member; writes that are not synced are lost.
    pub fn kill(&mut self, id: NodeId) {
        let seat = self.seats.get_mut(&id).expect("it has a seat");
        seat.raft = None;
        seat.writes.clear();
    }

    /// A member gives its files up, but for what it has promised, and begins anew.
    pub fn leave(&mut self, id: NodeId) {
        let seat = self.seats.get_mut(&id).expect("it has a seat");
        seat.disk = seat.raft.as_ref().expect("it runs").promise();
        seat.spec.members = Members::default();
        seat.writes.clear();
        self.start(id);
    }

    pub fn isolate(&mut self, id: NodeId) {
        let others: Vec<NodeId> = self.seats.keys().copied().filter(|it| *it != id).collect();
        for other in others {
            self.cut.insert((id, other));
            self.cut.insert((other, id));
        }
    }

    /// Calls a member, and carries out what it wants.
    pub fn call<T>(&mut self, id: NodeId, act: impl FnOnce(&mut Raft, Time) -> T) -> Option<T> {
        self.seats.get(&id)?;
        let local = self.local(id, self.now);
        let raft = self.seats.get_mut(&id)?.raft.as_mut()?;
        let before = raft.commit();
        let result = act(raft, local);
        self.checker.commits(raft, before);
        self.drain(id);
        self.check_leases();
        Some(result)
    }

    fn drain(&mut self, id: NodeId) {
        loop {
            let Some(seat) = self.seats.get_mut(&id) else { return };
            let Some(raft) = seat.raft.as_mut() else { return };
            let Some(effect) = raft.poll_effect() else { return };
            match effect {
                Effect::Send { to, message } => {
                    self.checker.says(raft, &seat.disk, to, &message);
                    self.send(id, to, message);
                }
                Effect::Write(write) => {
                    self.checker.writes(raft, &seat.disk, &write);
                    let most = self.faults.sync.as_nanos() as u64 + 1;
                    let done = self.now.after(Duration::from_nanos(self.rng.below(most)));
                    let before = seat.writes.back().map_or(done, |(at, _)| *at);
                    seat.writes.push_back((done.max(before), write));
                }
                Effect::Apply(entries) => {
                    for entry in entries {
                        let follows = entry.index == seat.state_index.next();
                        self.checker.claim(follows, || format!("{id} leaves out entries"));
                        self.checker.applies(id, &entry);
                        seat.state_index = entry.index;
                        if let Payload::Command(bytes) = entry.payload {
                            seat.state.extend_from_slice(&bytes);
                        }
                    }
                }
                Effect::Restore(snapshot) => {
                    seat.state = snapshot.state.to_vec();
                    seat.state_index = snapshot.last.1;
                }
                Effect::ReadReady { ticket, index } => {
                    let fresh = self.reads.get(&ticket).is_none_or(|least| index >= *least)
                        && seat.state_index >= index;
                    self.checker.claim(fresh, || format!("stale read {ticket} at {id}"));
                    seat.ready.push(ticket);
                }
                Effect::ReadRefused { ticket } => seat.refused.push(ticket),
                Effect::Role(role) => {
                    if role.is == Standing::Leader {
                        self.checker.leads(raft);
                    }
                }
            }
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: Message) {
        let copies = 1 + u32::from(self.rng.chance(self.faults.doubling));
        for _ in 0..copies {
            if self.rng.chance(self.faults.loss) || self.wire.len() >= WIRE_MAX {
                continue;
            }
            let answer = matches!(message.body, Body::Appended { .. } | Body::StandNow { .. });
            let more = if answer { self.faults.answer_delay } else { Duration::ZERO };
            let most = (self.faults.delay + more).as_nanos() as u64 + 1;
            let at = self.now.after(Duration::from_nanos(1 + self.rng.below(most)));
            self.sequence += 1;
            self.wire.insert((at, self.sequence), (from, to, message.clone()));
        }
    }

    pub fn read(&mut self, id: NodeId, ticket: u64) {
        self.reads.insert(ticket, highest_applied(&self.checker));
        self.call(id, |raft, now| raft.read(now, ticket));
    }

    /// Who leads in the latest term.
    pub fn leader(&self) -> Option<NodeId> {
        let rafts = self.seats.values().filter_map(|seat| seat.raft.as_ref());
        let leaders = rafts.filter(|raft| raft.role().is == Standing::Leader);
        leaders.max_by_key(|raft| raft.term()).map(Raft::id)
    }

    /// What each member is, a line each.
    pub fn describe(&self) -> String {
        let describe = |(id, seat): (&NodeId, &Seat)| {
            let Some(raft) = &seat.raft else { return format!("{id} stopped\n") };
            let (role, commit, last) = (raft.role(), raft.commit(), raft.last());
            let members = raft.members();
            format!(
                "{id} {role:?} commit={commit:?} last={last:?} {members:?} {:?}\n",
                raft.counts()
            )
        };
        self.seats.iter().map(describe).collect()
    }

    /// Who leads in the earliest term: perhaps one that does not know of another.
    pub fn oldest_leader(&self) -> Option<NodeId> {
        let rafts = self.seats.values().filter_map(|seat| seat.raft.as_ref());
        let leaders = rafts.filter(|raft| raft.role().is == Standing::Leader);
        leaders.min_by_key(|raft| raft.term()).map(Raft::id)
    }

    /// Nobody with a lease is a leader of the past.
    fn check_leases(&mut self) {
        let rafts = self.seats.values().filter_map(|seat| seat.raft.as_ref());
        let leaders: Vec<&Raft> = rafts.filter(|it| it.role().is == Standing::Leader).collect();
        let newest = leaders.iter().map(|raft| raft.term()).max();
        for raft in leaders {
            let held =
                raft.lease_until().is_some_and(|until| self.local(raft.id(), self.now) < until);
            let last = Some(raft.term()) == newest;
            let id = raft.id();
            self.checker.claim(!held || last, || format!("lease: {id} holds one, and is replaced"));
        }
    }

    /// What happens next, and when.
    fn next(&self, quiet: &BTreeSet<NodeId>) -> Option<(Time, Next)> {
        let wire = self.wire.first_key_value().map(|((at, _), _)| (*at, Next::Wire));
        let mut first = wire;
        let mut offer = |at: Time, next: Next| {
            if first.as_ref().is_none_or(|(best, _)| at < *best) {
                first = Some((at, next));
            }
        };
        for (id, seat) in &self.seats {
            if let Some((at, _)) = seat.writes.front() {
                offer(*at, Next::Disk(*id));
            }
            let Some(raft) = &seat.raft else { continue };
            if quiet.contains(id) && raft.role().is != Standing::Leader {
                continue;
            }
            if let Some(at) = raft.next_timeout() {
                offer(self.global(*id, at), Next::Timer(*id));
            }
        }
        first
    }

    /// One thing happens, unless that is later than `until`.
    pub fn step(&mut self, until: Time, quiet: &BTreeSet<NodeId>) -> bool {
        let Some((at, next)) = self.next(quiet).filter(|(at, _)| *at <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(at);
        match next {
            Next::Wire => {
                let ((_, _), (from, to, message)) = self.wire.pop_first().expect("just seen");
                if !self.cut.contains(&(from, to)) {
                    self.call(to, |raft, now| raft.handle_message(now, from, message));
                }
            }
            Next::Disk(id) => {
                let seat = self.seats.get_mut(&id).expect("just seen");
                let (_, write) = seat.writes.pop_front().expect("just seen");
                let sequence = write.sequence;
                store(&mut seat.disk, write);
                self.call(id, |raft, now| raft.handle_written(now, sequence));
            }
            Next::Timer(id) => {
                self.call(id, |raft, now| raft.handle_timeout(now));
            }
        }
        true
    }

    pub fn run(&mut self, time: Duration) {
        let until = self.now.after(time);
        while self.checker.broken.is_none() && self.step(until, &BTreeSet::new()) {}
    }
}

enum Next {
    Wire,
    Disk(NodeId),
    Timer(NodeId),
}

/// A write reaches the disk.
fn store(disk: &mut Stored, write: Write) {
    if let Some(vote) = write.vote {
        disk.vote = vote;
    }
    if let Some(from) = write.cut_from {
        disk.entries.retain(|entry| entry.index < from);
    }
    if let Some(snapshot) = write.snapshot {
        disk.entries.retain(|entry| entry.index > snapshot.last.1);
        disk.snapshot = Some(snapshot);
    }
    disk.entries.extend(write.entries);
}
