//! A small network in virtual time: delay, loss, doubles, damage, halves, kills.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::time::Duration;

use nexus_base::{Ratio, Rng, Time};
use nexus_cluster::NodeId;
use nexus_cluster::membership::{
    Accuracy, Address, DATAGRAM_BYTES_MAX, Effect, Me, Membership, Metadata, SEAL_BYTES_MAX, Spec,
};
use siphasher::sip::SipHasher13;

enum Event {
    Arrive { to: usize, from: usize, bytes: Vec<u8> },
    Wake(usize),
}

pub struct Network {
    pub now: Time,
    pub nodes: Vec<Option<Membership>>,
    pub loss: Ratio,
    pub doubling: Ratio,
    pub damage: Ratio,
    /// Nodes on different sides do not reach each other.
    pub side: Vec<u8>,
    /// Nodes whose process is halted: what reaches them is lost, their timers wait.
    pub asleep: Vec<bool>,
    pub accuracy: Accuracy,
    /// Effects of each node that are no datagrams, since they were last taken.
    pub told: Vec<Vec<Effect>>,
    pub sent_count: u64,
    pub sent_bytes: u64,
    pub refused_count: u64,
    spec: Spec,
    rng: Rng,
    queue: BTreeMap<(Time, u64), Event>,
    wakes: Vec<Option<Time>>,
    sequence: u64,
    hash: SipHasher13,
}

pub fn address(index: usize) -> Address {
    Address::new(&format!("n{index}:1")).expect("short and plain")
}

pub fn id(index: usize) -> NodeId {
    NodeId(index as u64 + 1)
}

pub fn never() -> Ratio {
    Ratio::new(0, 1)
}

impl Network {
    pub fn new(seed: u64, spec: Spec) -> Network {
        Network {
            now: Time::ZERO,
            nodes: Vec::new(),
            loss: never(),
            doubling: never(),
            damage: never(),
            side: Vec::new(),
            asleep: Vec::new(),
            accuracy: Accuracy::new(Duration::from_secs(60), Duration::from_secs(60)),
            told: Vec::new(),
            sent_count: 0,
            sent_bytes: 0,
            refused_count: 0,
            spec,
            rng: Rng::new(seed),
            queue: BTreeMap::new(),
            wakes: Vec::new(),
            sequence: 0,
            hash: SipHasher13::new(),
        }
    }

    /// Adds a node that joins through node 0.
    pub fn add(&mut self) -> usize {
        let index = self.nodes.len();
        self.nodes.push(None);
        self.wakes.push(None);
        self.side.push(0);
        self.asleep.push(false);
        self.told.push(Vec::new());
        self.start(index, 1);
        index
    }

    /// Starts a process of a node.
    pub fn start(&mut self, index: usize, start: u64) {
        self.nodes[index] = Some(self.process(id(index), index, start));
        self.accuracy.start(self.now, id(index));
        self.act(index, |node, now| node.join(now, &[address(0)]));
    }

    pub fn process(&self, node: NodeId, index: usize, start: u64) -> Membership {
        let metadata = Metadata { version: 7, ..Metadata::default() };
        let me = Me { node, start, address: address(index), metadata };
        // Two processes at one place are two streams of chance as well.
        let rng = self.rng.fork_index("node", (start << 32) + index as u64);
        Membership::new(self.spec.clone(), &me, &rng).expect("the settings are right")
    }

    pub fn kill(&mut self, index: usize) {
        self.nodes[index] = None;
        self.wakes[index] = None;
        self.accuracy.stop(self.now, id(index));
    }

    pub fn act(&mut self, index: usize, what: impl FnOnce(&mut Membership, Time)) {
        if let Some(node) = self.nodes[index].as_mut().filter(|_| !self.asleep[index]) {
            what(node, self.now);
            self.carry_out(index);
        }
    }

    pub fn run_for(&mut self, span: Duration) {
        let end = self.now.after(span);
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            match event {
                Event::Arrive { to, from, bytes } => self.arrive(to, from, &bytes),
                Event::Wake(index) if self.wakes[index] == Some(at) => {
                    self.wakes[index] = None;
                    self.act(index, Membership::handle_timeout);
                }
                Event::Wake(_) => {}
            }
        }
        self.now = end;
    }

    /// Runs until it holds, looking ten times a second; how long that took.
    ///
    /// # Panics
    /// If it does not within `limit`.
    pub fn run_until(
        &mut self,
        limit: Duration,
        what: &str,
        holds: impl Fn(&Network) -> bool,
    ) -> Duration {
        let begin = self.now;
        while !holds(self) {
            let spent = self.now.since(begin);
            assert!(spent < limit, "not within {limit:?}: {what}\n{}", self.describe());
            self.run_for(Duration::from_millis(100));
        }
        self.now.since(begin)
    }

    /// Whether every running node sees exactly the running ones.
    pub fn all_see_all(&self) -> bool {
        let running = self.running().count();
        let sees_all = |node: &Membership| node.active_count() + 1 == running;
        self.running().all(|(_, node)| sees_all(node))
            && self.running().all(|(_, node)| {
                let mut active = node.members().filter(|member| member.state().is_active());
                active.all(|member| self.nodes[member.node().0 as usize - 1].is_some())
            })
    }

    /// Whether no running node sees this one as there.
    pub fn none_sees(&self, index: usize) -> bool {
        self.running().all(|(_, node)| {
            node.member(id(index)).is_none_or(|member| !member.state().is_active())
        })
    }

    pub fn running(&self) -> impl Iterator<Item = (usize, &Membership)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(index, node)| node.as_ref().map(|node| (index, node)))
    }

    /// A hash of every effect so far, in order.
    pub fn trace(&self) -> u64 {
        self.hash.finish()
    }

    /// A mistake of ours would be counted here; asked at the end of each test.
    pub fn inner_errors(&self) -> u64 {
        self.running().map(|(_, node)| node.counts().inner_errors).sum()
    }

    fn describe(&self) -> String {
        let mut lines = self.running().take(12).map(|(index, node)| {
            let standing = node.standing();
            format!("n{index} {standing:?} {} active {:?}\n", node.active_count(), node.life())
        });
        let head: String = lines.by_ref().collect();
        format!("at {}\n{head}", self.now)
    }

    fn arrive(&mut self, to: usize, from: usize, bytes: &[u8]) {
        let mut refused = false;
        self.act(to, |node, now| {
            refused = node.handle_datagram(now, &address(from), bytes).is_err();
        });
        self.refused_count += u64::from(refused);
    }

    fn carry_out(&mut self, index: usize) {
        let mut effects = Vec::new();
        let node = self.nodes[index].as_mut().expect("it has just acted");
        effects.extend(std::iter::from_fn(|| node.poll_effect()));
        if node.next_timeout() != self.wakes[index] {
            self.wakes[index] = node.next_timeout();
            if let Some(at) = self.wakes[index] {
                self.push(at.max(self.now), Event::Wake(index));
                self.wakes[index] = Some(at.max(self.now));
            }
        }
        for effect in effects {
            self.hash.write_u64(self.now.as_nanos());
            self.hash.write_usize(index);
            match effect {
                Effect::Send { to, bytes } => self.send(index, &to, bytes),
                told => {
                    self.hash.write(format!("{told:?}").as_bytes());
                    let seen = self.accuracy.observe(self.now, id(index), &told);
                    seen.expect("only nodes that were started are seen");
                    self.told[index].push(told);
                }
            }
        }
    }

    fn send(&mut self, from: usize, to: &Address, bytes: Vec<u8>) {
        assert!(bytes.len() <= DATAGRAM_BYTES_MAX - SEAL_BYTES_MAX, "{} bytes", bytes.len());
        self.hash.write(to.as_str().as_bytes());
        self.hash.write(&bytes);
        self.sent_count += 1;
        self.sent_bytes += bytes.len() as u64;
        let to: usize = to.as_str()[1..]
            .split(':')
            .next()
            .and_then(|it| it.parse().ok())
            .expect("addresses are made by this file");
        let copies = 1 + usize::from(self.rng.chance(self.doubling));
        for _ in 0..copies {
            if self.rng.chance(self.loss) || self.side[from] != self.side[to] {
                continue;
            }
            let mut bytes = bytes.clone();
            if self.rng.chance(self.damage) {
                let at = self.rng.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << self.rng.below(8);
            }
            let delay = Duration::from_micros(200 + self.rng.below(5_000));
            self.push(self.now.after(delay), Event::Arrive { to, from, bytes });
        }
    }

    fn push(&mut self, at: Time, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }
}
