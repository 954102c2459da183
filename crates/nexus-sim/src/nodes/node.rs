//! One node of the world: what it is made of in production, and a clock, a disk and links
//! that fail.

use std::time::Duration;

use bytes::Bytes;
use nexus_base::{IdSecret, Rng, Time};
use nexus_cluster::membership::{Address, Me, Metadata};
use nexus_cluster::raft::{self, Write};
use nexus_cluster::storage::WriteError;
use nexus_cluster::{ClusterId, GroupId, membership};
use nexus_node::{Effect, Input, MembershipSpec, Node, NodeSpec};

use super::agents::Agents;
use super::checkers::Seen;
use super::event::Event;
use super::guests;
use super::kinds::Kinds;
use super::kinds::guest::Home;
use super::outside::Outside;
use super::spec::{WALL_OFF_MAX, founders};
use crate::cluster::{
    Clock, ClusterSpec, Death, Families, Family, Leaves, NodeStorage, SharedDisk, node_id,
    node_index, open, write,
};

/// Which cluster all nodes are of.
pub(crate) const CLUSTER: ClusterId = ClusterId(1);

/// Events that wait while a node stands still, at most; beyond it frames are lost.
pub(crate) const HELD_MAX: usize = 1 << 14;

/// What the wall clock shows when the world begins. Later than the clock of any node.
const WALL_BASE: u64 = 1 << 50;

/// Entries of a group between two snapshots. Few, so that there are many.
const SNAPSHOT_EVERY: u64 = 150;

/// Agents active on one node at once, where anything goes wrong. Few, so that some have to leave.
const ACTIVATIONS_MAX: usize = 8;

/// Rounds of agents and node at one moment; beyond it they do not come to rest. A guess.
const ROUNDS_MAX: u32 = 100_000;

/// One node, up or down.
pub(crate) struct SimNode {
    pub(crate) index: u32,
    pub(crate) clock: Clock,
    pub(crate) disk: SharedDisk,
    pub(crate) life: Option<Life>,
    /// How often it has started.
    pub(crate) incarnation: u32,
    /// Until when it stands still.
    pub(crate) stalled: Option<Time>,
    /// What has come meanwhile.
    pub(crate) held: Vec<Event>,
    /// How long a sync takes at least, while its disk is slow.
    pub(crate) slow: Duration,
    world: ClusterSpec,
    kinds: Kinds,
    secret: IdSecret,
    pub(crate) rng: Rng,
}

/// What there is of a node while it is up.
pub(crate) struct Life {
    // Before the agents: what it holds of them is let go first.
    pub(crate) node: Node,
    agents: Agents,
    storage: NodeStorage,
    /// On its way to the disk, and its number.
    syncing: Option<(u64, Vec<(GroupId, Write)>)>,
    /// When its timer is set for, in real time.
    armed: Time,
}

impl SimNode {
    pub(crate) fn new(
        index: u32,
        world: &ClusterSpec,
        kinds: Kinds,
        clock: Clock,
        rng: &Rng,
    ) -> SimNode {
        let mut secret = rng.fork("secret");
        SimNode {
            index,
            clock,
            disk: SharedDisk::default(),
            life: None,
            incarnation: 0,
            stalled: None,
            held: Vec::new(),
            slow: Duration::ZERO,
            world: world.clone(),
            kinds,
            secret: IdSecret::new(secret.next_u64(), secret.next_u64()),
            rng: rng.fork_index("node", u64::from(index)),
        }
    }

    /// Starts, with what the disk holds; false if the disk does not let it.
    pub(crate) fn start(&mut self, out: &mut Outside) -> bool {
        let Ok((storage, stored)) = open(&self.disk, node_id(self.index)) else { return false };
        self.incarnation += 1;
        let rng = self.rng.fork_index("life", u64::from(self.incarnation));
        let now = self.clock.local(out.now);
        let agents = Agents::start(&self.kinds, self.secret.clone(), now, &rng.fork("agents"));
        if self.kinds.has_guests() {
            let start = u64::from(self.incarnation);
            guests::make(&agents, Home { node: node_id(self.index), start });
            self.plan_names(out);
        }
        let spec = self.spec(out, now, &mut rng.fork("wall"));
        let system = agents.system.clone();
        let mut node = match Node::new(spec, stored, system, now, rng.fork("protocols")) {
            Ok(node) => node,
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                panic!("{} does not start: {error}: {cause:?}", node_id(self.index))
            }
        };
        out.checkers.see(node_id(self.index), &Seen::Started);
        if out.checkers.is_watched() {
            node.observe(out.checkers.eyes(node_id(self.index)));
        }
        self.life = Some(Life { node, agents, storage, syncing: None, armed: Time::MAX });
        self.after(out);
        true
    }

    fn spec(&self, out: &Outside, now: Time, rng: &mut Rng) -> NodeSpec {
        let id = node_id(self.index);
        let founders = (0..founders(&self.world, &out.plan)).map(node_id).collect();
        let off = if out.plan.families.has(Family::ClockOffset) {
            rng.below(2 * WALL_OFF_MAX.as_nanos() as u64 + 1)
        } else {
            WALL_OFF_MAX.as_nanos() as u64
        };
        let wall = WALL_BASE + out.now.as_nanos() + off - WALL_OFF_MAX.as_nanos() as u64;
        NodeSpec {
            shards: self.world.shards as usize,
            raft: raft::Spec {
                // Small, so that these bounds are met.
                batch_entries: 16,
                flight_messages: 8,
                chunk_bytes: 1 << 10,
                ..raft::Spec::new(id, [])
            },
            wall: Time::from_nanos(wall - now.as_nanos()),
            membership: Some(self.membership()),
            snapshot_every: SNAPSHOT_EVERY,
            activations_max: self.activations_max(),
            #[cfg(feature = "mutants")]
            planted: self.world.planted.and_then(|planted| planted.of_node()),
            ..NodeSpec::new(id, founders, self.secret.clone())
        }
    }

    fn activations_max(&self) -> usize {
        if self.world.families == Families::NONE {
            nexus_node::ACTIVATIONS_MAX
        } else {
            ACTIVATIONS_MAX
        }
    }

    fn membership(&self) -> MembershipSpec {
        let me = Me {
            node: node_id(self.index),
            start: u64::from(self.incarnation),
            address: address(self.index),
            metadata: Metadata::default(),
        };
        let seeds = (0..self.world.nodes).filter(|node| *node != self.index).map(address);
        let spec = membership::Spec { cluster: CLUSTER, ..membership::Spec::default() };
        MembershipSpec { spec, me, seeds: seeds.collect() }
    }

    /// Takes something in, if it is up.
    pub(crate) fn handle(&mut self, out: &mut Outside, input: Input) {
        let now = self.clock.local(out.now);
        let Some(life) = &mut self.life else { return };
        life.agents.move_to(now);
        life.node.handle(now, input);
        self.after(out);
    }

    /// A timer goes off; whether somebody had to do with it.
    pub(crate) fn handle_timer(&mut self, out: &mut Outside) -> bool {
        let now = self.clock.local(out.now);
        let Some(life) = &mut self.life else { return false };
        // Later than it was set for if the node stood still meanwhile.
        if life.armed > out.now {
            return false;
        }
        life.armed = Time::MAX;
        life.agents.move_to(now);
        if life.agents.run() {
            life.node.handle(now, Input::Agents);
        }
        if life.node.next_timeout().is_some_and(|at| at <= now) {
            life.node.handle_timeout(now);
        }
        self.after(out);
        true
    }

    /// What is to follow every input: effects, runs of agents, a timer.
    fn after(&mut self, out: &mut Outside) {
        let now = self.clock.local(out.now);
        let mut rounds = 0;
        loop {
            self.carry_out(out);
            let Some(life) = &mut self.life else { return };
            if !life.agents.run() {
                break;
            }
            life.node.handle(now, Input::Agents);
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "{} does not come to rest", node_id(self.index));
        }
        let Some(life) = &self.life else { return };
        let hash = life.agents.trace_hash().as_u64();
        out.trace.note(out.now, 16, self.index.into(), hash);
        for (name, len, len_max) in life.node.queues() {
            out.checkers.see(node_id(self.index), &Seen::Queue { name, len, len_max });
        }
        self.arm(out);
    }

    fn arm(&mut self, out: &mut Outside) {
        let Some(life) = &mut self.life else { return };
        let both = [life.node.next_timeout(), life.agents.next_alarm()];
        let Some(next) = both.into_iter().flatten().min() else { return };
        let at = self.clock.real(next).max(out.now);
        if at < life.armed {
            life.armed = at;
            let (node, incarnation) = (self.index, self.incarnation);
            out.queue.push(at, Event::Timer { node, incarnation });
        }
    }

    fn carry_out(&mut self, out: &mut Outside) {
        while let Some(effect) = self.life.as_mut().and_then(|life| life.node.poll_effect()) {
            match effect {
                Effect::Send { to, frame } => {
                    let to = node_index(to);
                    if to < self.world.nodes {
                        out.send(self.index, to, &frame);
                    }
                }
                Effect::Datagram { to, bytes } => {
                    if let Some(to) = index_of(&to).filter(|to| *to < self.world.nodes) {
                        out.send_datagram(self.index, to, &Bytes::from(bytes));
                    }
                }
                Effect::Write { batch, writes } => self.sync(out, batch, writes),
                Effect::Answer { ticket, .. } if guests::is_naming(ticket) => {}
                Effect::Answer { ticket, answer } => out.answer(self.index, ticket, &answer),
                Effect::Locked { ticket, reply } => {
                    out.tell_locker(self.index, ticket, reply, self.clock.local(out.now));
                }
            }
        }
    }

    fn sync(&mut self, out: &mut Outside, batch: u64, writes: Vec<(GroupId, Write)>) {
        let Some(life) = &mut self.life else { return };
        assert!(life.syncing.is_none(), "a batch was written before the last one was synced");
        life.syncing = Some((batch, writes));
        let usual = out.plan.sync.as_nanos() as u64;
        let takes = Duration::from_nanos(usual / 2 + self.rng.below(usual + 1));
        let (node, incarnation) = (self.index, self.incarnation);
        out.after(takes + self.slow, Event::Synced { node, incarnation });
    }

    /// The disk has done what it was given; false if it could not, and the node must stop.
    pub(crate) fn handle_synced(&mut self, out: &mut Outside) -> bool {
        let Some(life) = &mut self.life else { return true };
        let Some((batch, writes)) = life.syncing.take() else { return true };
        if write(&mut life.storage, &writes).is_err() {
            return false;
        }
        self.handle(out, Input::Written { batch });
        true
    }

    /// Dies. What was on its way to the disk may be there, in part or not at all.
    pub(crate) fn die(&mut self, out: &mut Outside, death: Death) {
        let Some(mut life) = self.life.take() else { return };
        let leaves = match death {
            Death::Process => Leaves::All,
            Death::Power => Leaves::Nothing,
            Death::Torn => Leaves::Some,
        };
        if let Some((_, writes)) = life.syncing.take()
            && (death == Death::Torn || self.rng.below(2) == 0)
        {
            if death == Death::Torn {
                let bytes = self.rng.below(512) as usize;
                self.disk.with(|disk| disk.light_fuse(bytes));
            }
            // Nobody is left to hear of an error.
            let _: Result<(), WriteError> = write(&mut life.storage, &writes);
        }
        drop(life);
        let rng = &mut self.rng;
        self.disk.with(|disk| disk.crash(leaves, rng));
        self.stalled = None;
        self.held.clear();
        out.checkers.see(node_id(self.index), &Seen::Ended);
    }

    /// Has the clock run at another rate from now on.
    pub(crate) fn bend(&mut self, out: &mut Outside, ppm: i64) {
        self.clock.bend(out.now, ppm);
        if let Some(life) = &mut self.life {
            // What it is set for is another moment now.
            life.armed = Time::MAX;
        }
        self.arm(out);
    }
}

/// Where a node is reached.
fn address(index: u32) -> Address {
    Address::new(&format!("node:{index}")).expect("it is short, and has no blanks")
}

/// Which node is reached there.
fn index_of(address: &Address) -> Option<u32> {
    address.as_str().strip_prefix("node:")?.parse().ok()
}

/// The input that a datagram is.
pub(crate) fn datagram(from: u32, bytes: &Bytes) -> Input {
    Input::Datagram { from: address(from), bytes: bytes.to_vec() }
}
