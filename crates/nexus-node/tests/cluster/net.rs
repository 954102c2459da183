//! Nodes in virtual time, on links and disks that do what they should.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use nexus_agent::{
    Agent, Alarm, AlarmKey, Driver, InPlace, KindSpec, LockReply, LockVerb, Message, Ready, System,
    TimerWheel, Worker, WorkerSpec, decode, encode,
};
use nexus_base::{IdSecret, Rng, Time};
use nexus_cluster::lock::Locks;
use nexus_cluster::membership::{self, Address, Me, Metadata};
use nexus_cluster::raft::Members;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{Plan, ShardId, ShardMap};
use nexus_cluster::storage::{Identity, Storage};
use nexus_cluster::wire::{self, Content};
use nexus_cluster::{ClusterId, GroupId, MemoryDisk, NodeId};
use nexus_node::shard::{AgentName, Request};
use nexus_node::{
    Answer, Ask, CONTROL, CallError, Counts, Effect, Input, LockAsk, MembershipSpec, Naming, Node,
    NodeSpec, group_of, shard_of,
};

use crate::carts::Cart;
use crate::guests::Guest;
use crate::holders::{Holder, Planner, Ticker, Vault};
use crate::others::{Account, Clock, Counter, Receiver, Sender};

const LATENCY: Duration = Duration::from_millis(1);
const SYNC: Duration = Duration::from_millis(2);
const ASK_WITHIN: Duration = Duration::from_secs(10);
/// Locks that are held at once.
pub const LOCKS_MAX: usize = 4;

/// What agents need of the outside.
struct Outside {
    clock: AtomicU64,
    ready: Mutex<VecDeque<Ready>>,
    wheel: Mutex<TimerWheel<Alarm>>,
}

impl Driver for Outside {
    fn ready(&self, ready: Ready) {
        self.ready.lock().expect("one thread").push_back(ready);
    }
    fn now(&self) -> Time {
        Time::from_nanos(self.clock.load(Ordering::Relaxed))
    }
    fn set_alarm(&self, at: Time, alarm: Alarm) -> AlarmKey {
        AlarmKey { wheel: 0, key: self.wheel.lock().expect("one thread").insert(at, alarm) }
    }
    fn cancel_alarm(&self, key: AlarmKey) -> Option<Alarm> {
        self.wheel.lock().expect("one thread").cancel(key.key)
    }
}

struct Up {
    node: Node,
    outside: Arc<Outside>,
    worker: Worker,
    storage: Storage<MemoryDisk>,
}

enum Event {
    Input(usize, u64, Input),
    Timer(usize, u64),
}

/// The nodes, and what is under way between them.
pub struct Net {
    /// Of so many frames one is lost, and each takes up to ten times as long; 0 for none.
    pub loses_one_of: u64,
    /// Of so many frames one comes a second time, within a second; 0 for none.
    pub doubles_one_of: u64,
    /// What nodes say from now on, who and in which group, if somebody wants to know.
    pub said: Option<Vec<(usize, GroupId, Content)>>,
    rng: Rng,
    now: Time,
    shards: usize,
    has_members: bool,
    /// What active agents of a node that is started may take.
    pub active_bytes_max: u64,
    /// Whom nodes that are started ask to be let in.
    pub seeds: Vec<usize>,
    /// So many, from the first on, begin the cluster.
    founders: usize,
    /// By how much the wall clock of each is ahead.
    walls: Vec<Duration>,
    /// Nobody hears from them, and they from nobody.
    cut_off: BTreeSet<usize>,
    /// Locks that are held at once, as each node has it when it is started.
    pub locks_max: Vec<usize>,
    /// How long a disk takes.
    pub sync: Duration,
    /// They get no frames, only datagrams: they are alive, and learn nothing.
    deaf: BTreeSet<usize>,
    up: Vec<Option<Up>>,
    disks: Vec<MemoryDisk>,
    lives: Vec<u64>,
    /// When each node's next timer is planned.
    armed: Vec<Time>,
    events: BTreeMap<(Time, u64), Event>,
    sequence: u64,
    ticket: u64,
    answers: BTreeMap<u64, Result<Answer, CallError>>,
    replies: BTreeMap<u64, LockReply>,
}

fn register<A: Agent>(system: &Arc<System>) {
    system.register(KindSpec::<A>::default()).expect("each kind has a name of its own");
}

fn secret() -> IdSecret {
    IdSecret::new(1, 2)
}

fn id(node: usize) -> NodeId {
    NodeId(node as u64 + 1)
}

/// The same nodes by number, in order.
fn numbers<'a>(nodes: impl Iterator<Item = &'a NodeId>) -> Vec<usize> {
    let mut numbers: Vec<usize> = nodes.map(|node| node.0 as usize - 1).collect();
    numbers.sort_unstable();
    numbers
}

fn address(node: usize) -> Address {
    Address::new(&format!("node-{node}")).expect("it is short")
}

fn members(node: usize, start: u64, seeds: &[usize]) -> MembershipSpec {
    let me = Me { node: id(node), start, address: address(node), metadata: Metadata::default() };
    let seeds = seeds.iter().copied().map(address).collect();
    MembershipSpec { spec: membership::Spec::default(), me, seeds }
}

impl Net {
    /// Nodes that take all others for alive.
    pub fn new(nodes: usize, shards: usize) -> Net {
        Net::start_all(nodes, nodes, shards, false)
    }

    /// Nodes that find out who is alive.
    pub fn with_members(nodes: usize, shards: usize) -> Net {
        Net::start_all(nodes, nodes, shards, true)
    }

    /// Nodes of which the first begin the cluster; the others are not started yet.
    pub fn growing(nodes: usize, founders: usize, shards: usize) -> Net {
        Net::start_all(nodes, founders, shards, true)
    }

    fn start_all(nodes: usize, founders: usize, shards: usize, has_members: bool) -> Net {
        let mut net = Net {
            loses_one_of: 0,
            doubles_one_of: 0,
            said: None,
            rng: Rng::new(nodes as u64),
            now: Time::ZERO,
            shards,
            has_members,
            active_bytes_max: 1 << 30,
            seeds: vec![0, 1],
            founders,
            walls: vec![Duration::ZERO; nodes],
            locks_max: vec![LOCKS_MAX; nodes],
            sync: SYNC,
            cut_off: BTreeSet::new(),
            deaf: BTreeSet::new(),
            up: (0..nodes).map(|_| None).collect(),
            disks: (0..nodes).map(|_| MemoryDisk::new()).collect(),
            lives: vec![0; nodes],
            armed: vec![Time::MAX; nodes],
            events: BTreeMap::new(),
            sequence: 0,
            ticket: 0,
            answers: BTreeMap::new(),
            replies: BTreeMap::new(),
        };
        (0..founders).for_each(|node| net.start(node));
        net
    }

    pub fn start(&mut self, node: usize) {
        self.lives[node] += 1;
        self.armed[node] = Time::MAX;
        let identity = Identity { cluster: ClusterId(1), node: id(node), build: 0 };
        let disk = std::mem::take(&mut self.disks[node]);
        let (storage, stored) = Storage::open(disk, identity).expect("nothing breaks it");
        let outside = Arc::new(Outside {
            clock: AtomicU64::new(self.now.as_nanos()),
            ready: Mutex::default(),
            wheel: Mutex::new(TimerWheel::new(self.now)),
        });
        let secret = secret();
        let system = System::new(outside.clone(), secret.clone(), 1);
        register::<Cart>(&system);
        register::<Sender>(&system);
        register::<Receiver>(&system);
        register::<Clock>(&system);
        register::<Account>(&system);
        register::<Counter>(&system);
        register::<Guest>(&system);
        register::<Vault>(&system);
        register::<Holder>(&system);
        register::<Planner>(&system);
        register::<Ticker>(&system);
        let spec = WorkerSpec {
            shard: 1,
            in_place: InPlace::Never,
            messages_per_run: 16,
            checks_waits: true,
            stack_floor: 0,
        };
        let rng = Rng::new(self.lives[node] << 8 | node as u64);
        let worker = Worker::new(system.clone(), spec, rng.fork("worker"));
        let founders = (0..self.founders).map(id).collect();
        let spec = NodeSpec {
            shards: self.shards,
            locks_max: self.locks_max[node],
            wall: Time::ZERO.after(self.walls[node]),
            incarnation: self.lives[node],
            active_bytes_max: self.active_bytes_max,
            membership: self.has_members.then(|| members(node, self.lives[node], &self.seeds)),
            ..NodeSpec::new(id(node), founders, secret)
        };
        let made = Node::new(spec, stored, system, self.now, rng).expect("the spec is right");
        self.up[node] = Some(Up { node: made, outside, worker, storage });
        self.follow(node);
    }

    pub fn kill(&mut self, node: usize) {
        let Some(up) = self.up[node].take() else { return };
        up.worker.system().close_all(&up.worker);
        self.disks[node] = up.storage.into_disk();
        self.lives[node] += 1;
    }

    /// A node says that it leaves for good.
    pub fn leave(&mut self, node: usize) {
        let now = self.now;
        self.up[node].as_mut().expect("it is up").node.leave(now);
        self.follow(node);
    }

    /// Asks an agent through a node, and waits for the answer.
    pub fn ask<M: Message>(
        &mut self,
        node: usize,
        kind: &str,
        key: &str,
        message: M,
    ) -> Result<M::Reply, CallError> {
        self.ticket += 1;
        let ticket = self.ticket;
        let (to, name) = (AgentName::new(kind, key), M::NAME.to_owned());
        let bytes = encode(&message).into();
        let ask = Ask { ticket, to, message: name, bytes, request: None, within: ASK_WITHIN };
        self.handle(node, Input::Ask(ask));
        while !self.answers.contains_key(&ticket) {
            assert!(self.step(Time::MAX), "an ask has a deadline");
        }
        let answer = self.answers.remove(&ticket).expect("it is there");
        answer.map(|answer| decode(&answer.bytes).expect("it is of the message's type"))
    }

    /// Begins to ask, as a request that takes effect once; the number its answer comes under.
    pub fn begin<M: Message>(
        &mut self,
        node: usize,
        to: AgentName,
        message: &M,
        request: Request,
        within: Duration,
    ) -> u64 {
        self.ticket += 1;
        let ticket = self.ticket;
        let (name, bytes) = (M::NAME.to_owned(), encode(message).into());
        let request = Some(request);
        let ask = Ask { ticket, to, message: name, bytes, request, within };
        self.handle(node, Input::Ask(ask));
        ticket
    }

    /// The answer, if it has come.
    pub fn take(&mut self, ticket: u64) -> Option<Result<Answer, CallError>> {
        self.answers.remove(&ticket)
    }

    pub fn reseed(&mut self, seed: u64) {
        self.rng = Rng::new(seed);
    }

    pub fn is_up(&self, node: usize) -> bool {
        self.up[node].is_some()
    }

    /// Whether it is up and not cut off.
    pub fn answers(&self, node: usize) -> bool {
        self.is_up(node) && !self.cut_off.contains(&node)
    }

    /// Gives an agent of a node a name, or takes it back.
    pub fn name(
        &mut self,
        node: usize,
        kind: &str,
        key: &str,
        held: bool,
    ) -> Result<(), CallError> {
        self.name_within(node, AgentName::new(kind, key), held, ASK_WITHIN)
    }

    /// The same, with a deadline.
    pub fn name_within(
        &mut self,
        node: usize,
        name: AgentName,
        held: bool,
        within: Duration,
    ) -> Result<(), CallError> {
        self.ticket += 1;
        let ticket = self.ticket;
        self.handle(node, Input::Name(Naming { ticket, name, held, within }));
        while !self.answers.contains_key(&ticket) {
            assert!(self.step(Time::MAX), "a naming has a deadline");
        }
        self.answers.remove(&ticket).expect("it is there").map(drop)
    }

    /// Makes a local agent on a node.
    pub fn spawn(&mut self, node: usize, kind: &str, key: &str) {
        let system = self.system(node);
        system.spawn_by_name(kind, key, None).expect("it does not run yet");
        self.follow(node);
    }

    /// Ends a local agent.
    pub fn stop(&mut self, node: usize, kind: &str, key: &str) {
        assert!(self.system(node).stop_by_name(kind, key), "it runs");
        self.follow(node);
    }

    fn system(&self, node: usize) -> Arc<System> {
        self.up[node].as_ref().expect("it is up").worker.system().clone()
    }

    /// Has the wall clock of each node be ahead by so much, from its next start on.
    pub fn set_walls(&mut self, walls: Vec<Duration>) {
        self.walls = walls;
    }

    /// Has nobody hear from a node, nor it from anybody, or has them hear each other again.
    pub fn cut_off(&mut self, node: usize, is_cut_off: bool) {
        if is_cut_off {
            self.cut_off.insert(node);
        } else {
            self.cut_off.remove(&node);
        }
    }

    /// Has a node get no frames, though it is seen to be alive, or get them again.
    pub fn deafen(&mut self, node: usize, is_deaf: bool) {
        if is_deaf {
            self.deaf.insert(node);
        } else {
            self.deaf.remove(&node);
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let until = self.now.after(time);
        while self.step(until) {}
        self.now = until;
    }

    /// How many nodes there are, up or not.
    pub fn len(&self) -> usize {
        self.up.len()
    }

    /// Takes all from the disk of a node that is down.
    pub fn wipe(&mut self, node: usize) {
        self.disks[node] = MemoryDisk::new();
    }

    /// Has the map kept on these nodes, by whoever keeps it now.
    pub fn keep_map(&mut self, on: &[usize]) {
        let (now, steward) = (self.now, self.steward());
        let up = self.up[steward].as_mut().expect("it leads");
        let replicas = on.iter().copied().map(id).collect();
        up.node.keep_map(now, replicas).expect("it leads");
        self.follow(steward);
    }

    pub fn shards(&self) -> usize {
        let up = self.up[0].as_ref().expect("it is up");
        up.node.map().shards().len()
    }

    /// Has slots handed over by whoever keeps the map.
    pub fn plan(&mut self, plan: &Plan) {
        let now = self.now;
        let taken = |up: &mut Up| up.node.plan(now, plan.clone()).is_ok();
        let steward = self.up.iter_mut().position(|up| up.as_mut().is_some_and(taken));
        self.follow(steward.expect("somebody leads the control group"));
    }

    /// On which nodes each shard is to be kept, as the first node's map has it.
    pub fn kept_on(&self) -> Vec<Vec<usize>> {
        let up = self.up[0].as_ref().expect("it is up");
        let kept = up.node.map().shards().map(|(_, shard)| numbers(shard.replicas.iter()));
        kept.collect()
    }

    /// Who votes in the group of each shard, as its leader has it.
    pub fn voters(&self) -> Vec<Vec<usize>> {
        let up = self.up[0].as_ref().expect("it is up");
        let shards: Vec<ShardId> = up.node.map().shards().map(|(id, _)| id).collect();
        let leader_has = |shard: &ShardId| {
            let group = group_of(*shard);
            let leads = |up: &&Up| up.node.led().any(|(led, _)| led == group);
            let leader = self.up.iter().flatten().find(leads);
            let members = leader.and_then(|up| up.node.members(group));
            members.map_or_else(Vec::new, |members| numbers(members.voters.iter()))
        };
        shards.iter().map(leader_has).collect()
    }

    /// Which shards a node has something of.
    pub fn keeps(&self, node: usize) -> Vec<usize> {
        let up = self.up[node].as_ref().expect("it is up");
        let shards = up.node.shards().filter_map(|(group, ..)| shard_of(group));
        shards.map(|shard| shard.0 as usize).collect()
    }

    /// How often files were given up, by all who are up.
    pub fn given_up(&self) -> u64 {
        self.up.iter().flatten().map(|up| up.node.counts().left).sum()
    }

    /// Which shards a node keeps no more, and has promised something in.
    pub fn left(&self, node: usize) -> Vec<ShardId> {
        self.up[node].as_ref().expect("it is up").node.left().collect()
    }

    pub fn has_shard(&self, shard: ShardId) -> bool {
        self.map_of(0).shard(shard).is_some()
    }

    /// The map of shards as a node has it.
    pub fn map_of(&self, node: usize) -> &ShardMap {
        self.up[node].as_ref().expect("it is up").node.map()
    }

    /// Which nodes have something of a shard, each with the slots that it takes writes for.
    pub fn copies(&self, shard: ShardId) -> Vec<(usize, usize)> {
        let copy = |up: &Up| {
            let (_, _, state) = up.node.shards().find(|(group, ..)| *group == group_of(shard))?;
            Some(state.holding().open().len())
        };
        let up = self.up.iter().enumerate().filter_map(|(node, up)| Some((node, up.as_ref()?)));
        up.filter_map(|(node, up)| Some((node, copy(up)?))).collect()
    }

    /// How many shards each node leads, as the first node's map has it.
    pub fn leads(&self) -> Vec<usize> {
        let up = self.up[0].as_ref().expect("it is up");
        let leader_is = |node: usize| {
            let leads = up.node.map().shards().filter_map(|(_, shard)| shard.leader);
            leads.filter(|leader| leader.node == id(node)).count()
        };
        (0..self.up.len()).map(leader_is).collect()
    }

    /// Who leads the shard of an agent, as the first node that is up has it.
    pub fn leader_of(&self, kind: &str, key: &str) -> usize {
        let map = self.up.iter().flatten().next().expect("somebody is up").node.map();
        let owner = map.owner(Slot::of(secret().agent_id(kind, key)));
        let leader = map.shard(owner).and_then(|shard| shard.leader);
        leader.expect("somebody leads it").node.0 as usize - 1
    }

    /// Asks about a lock through a node, and waits for the answer.
    pub fn lock(&mut self, node: usize, what: LockVerb) -> LockReply {
        let ticket = self.begin_lock(node, what, ASK_WITHIN);
        while !self.replies.contains_key(&ticket) {
            assert!(self.step(Time::MAX), "an ask has a deadline");
        }
        self.replies.remove(&ticket).expect("it is there")
    }

    /// Begins to ask about a lock; the number its answer comes under.
    pub fn begin_lock(&mut self, node: usize, what: LockVerb, within: Duration) -> u64 {
        self.ticket += 1;
        let ticket = self.ticket;
        self.handle(node, Input::Lock(LockAsk { ticket, what, within }));
        ticket
    }

    /// The answer about a lock, if it has come.
    pub fn take_reply(&mut self, ticket: u64) -> Option<LockReply> {
        self.replies.remove(&ticket)
    }

    /// The locks as a node has them.
    pub fn locks(&self, node: usize) -> &Locks {
        self.up[node].as_ref().and_then(|up| up.node.locks()).expect("it is up, and keeps them")
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// Who leads the control group and is not cut off.
    pub fn steward(&self) -> usize {
        let leads = |node: &usize| {
            let up = self.up[*node].as_ref();
            !self.cut_off.contains(node) && up.is_some_and(|up| up.node.is_steward())
        };
        (0..self.up.len()).find(leads).expect("somebody leads the control group")
    }

    /// Who votes about the map, as each node has it that keeps it and is up, or is about to.
    pub fn control(&self) -> BTreeMap<usize, Members> {
        let of = |(node, up): (usize, &Option<Up>)| {
            let members = up.as_ref()?.node.members(CONTROL)?;
            Some((node, members.clone()))
        };
        self.up.iter().enumerate().filter_map(of).collect()
    }

    /// Who leads the control group, as each node sees it that does so.
    pub fn stewards(&self) -> Vec<usize> {
        let leads = |node: &usize| self.up[*node].as_ref().is_some_and(|up| up.node.is_steward());
        (0..self.up.len()).filter(leads).collect()
    }

    /// How many changes of the map a node knows of.
    pub fn map_version(&self, node: usize) -> u64 {
        self.up[node].as_ref().expect("it is up").node.map().version()
    }

    /// Hands a node a frame as it is.
    pub fn frame(&mut self, node: usize, frame: Bytes) {
        self.handle(node, Input::Frame(frame));
    }

    /// What a node took no notice of.
    pub fn counts(&self, node: usize) -> Counts {
        self.up[node].as_ref().expect("it is up").node.counts()
    }

    /// Agents that are in memory.
    pub fn active(&self) -> usize {
        self.up.iter().flatten().map(|up| up.node.active()).sum()
    }

    /// Agents that are in memory of one node.
    pub fn active_on(&self, node: usize) -> usize {
        self.up[node].as_ref().expect("it is up").node.active()
    }

    /// What active agents of a node take.
    pub fn active_bytes(&self, node: usize) -> u64 {
        self.up[node].as_ref().expect("it is up").node.active_bytes()
    }

    fn step(&mut self, until: Time) -> bool {
        let Some(first) = self.events.first_entry() else { return false };
        if first.key().0 > until {
            return false;
        }
        let ((at, _), event) = first.remove_entry();
        self.now = at;
        match event {
            Event::Input(node, life, input) if self.lives[node] == life => self.handle(node, input),
            Event::Timer(node, life) if self.lives[node] == life => {
                self.armed[node] = Time::MAX;
                if let Some(up) = &mut self.up[node] {
                    up.node.handle_timeout(at);
                }
                self.follow(node);
            }
            _ => {}
        }
        true
    }

    fn push(&mut self, later: Duration, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now.after(later), self.sequence), event);
    }

    fn carry(&mut self, from: usize, to: usize, latency: Duration, input: Input) {
        let is_lost = matches!(input, Input::Frame(_)) && self.deaf.contains(&to);
        if !is_lost && !self.cut_off.contains(&from) && !self.cut_off.contains(&to) {
            self.push(latency, Event::Input(to, self.lives[to], input));
        }
    }

    fn handle(&mut self, node: usize, input: Input) {
        let now = self.now;
        if let Some(up) = &mut self.up[node] {
            up.node.handle(now, input);
        }
        self.follow(node);
    }

    /// Carries out what a node wants done, and lets its agents run, until both are quiet.
    fn follow(&mut self, node: usize) {
        let now = self.now;
        loop {
            let Some(up) = &mut self.up[node] else { return };
            up.outside.clock.store(now.as_nanos(), Ordering::Relaxed);
            if let Some(effect) = up.node.poll_effect() {
                self.act(node, effect);
                continue;
            }
            let due = up.outside.wheel.lock().expect("one thread").pop_due(now);
            if let Some((_, alarm)) = due {
                alarm.ring();
                continue;
            }
            let ready = up.outside.ready.lock().expect("one thread").pop_front();
            let Some(ready) = ready else { break };
            up.worker.run(now, ready);
            up.node.handle(now, Input::Agents);
        }
        let Some(up) = &mut self.up[node] else { return };
        let own = up.node.next_timeout();
        let life = self.lives[node];
        if let Some(at) = own.filter(|at| *at < self.armed[node]) {
            self.armed[node] = at;
            self.push(at.since(now), Event::Timer(node, life));
        }
    }

    fn act(&mut self, node: usize, effect: Effect) {
        let life = self.lives[node];
        match effect {
            Effect::Send { to, frame } => {
                if let Some(said) = &mut self.said {
                    let (envelope, content) = wire::decode(&frame).expect("it was made here");
                    said.push((node, envelope.group, content));
                }
                let latency = match self.loses_one_of {
                    0 => LATENCY,
                    many if self.rng.below(many) == 0 => return,
                    _ => LATENCY * (1 + self.rng.below(10) as u32),
                };
                let (to, again) = (to.0 as usize - 1, self.doubles_one_of);
                if again > 0 && self.rng.below(again) == 0 {
                    let later = Duration::from_millis(self.rng.below(1_000));
                    self.carry(node, to, later, Input::Frame(frame.clone()));
                }
                self.carry(node, to, latency, Input::Frame(frame));
            }
            Effect::Datagram { to, bytes } => {
                let to = (0..self.up.len()).find(|one| address(*one) == to);
                let input = Input::Datagram { from: address(node), bytes };
                self.carry(node, to.expect("all have an address"), LATENCY, input);
            }
            Effect::Write { batch, writes } => {
                let Some(up) = &mut self.up[node] else { return };
                up.storage.write(&writes).expect("nothing breaks it");
                up.storage.sync().expect("nothing breaks it");
                self.push(self.sync, Event::Input(node, life, Input::Written { batch }));
            }
            Effect::Answer { ticket, answer } => drop(self.answers.insert(ticket, answer)),
            Effect::Locked { ticket, reply } => drop(self.replies.insert(ticket, reply)),
        }
    }
}
