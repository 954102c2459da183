//! One node: its clock, its disk, and its members of groups.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use nexus_base::{Rng, Time};
use nexus_cluster::raft::{Members, Spec, Stored, Write};
use nexus_cluster::storage::WriteError;
use nexus_cluster::wire::{Content, decode};
use nexus_cluster::{GroupId, NodeId};

use super::checkers::Seen;
use super::client::{Outcome, Reply, Request};
use super::clock::Clock;
use super::disk::Leaves;
use super::event::Event;
use super::outside::{Outside, node_id};
use super::replica::Replica;
use super::spec::REPLICAS;
use super::store::{self, NodeStorage, SharedDisk};

/// Events that wait while a node stands still, at most; frames beyond it are lost, as those
/// are that no buffer of the system has room for.
pub(crate) const HELD_MAX: usize = 1 << 14;

/// What one member may hold at most, in bytes: what is not committed, the log behind a
/// snapshot, a snapshot that is there, one that comes and one that goes.
pub(crate) const HELD_BYTES_MAX: usize =
    UNCOMMITTED_BYTES + TRAIL_BYTES + 3 * SNAPSHOT_BYTES + LOG_BYTES;
const UNCOMMITTED_BYTES: usize = 64 << 10;
const TRAIL_BYTES: usize = 2 << 10;
const SNAPSHOT_BYTES: usize = 64 << 10;
/// The log between two snapshots.
const LOG_BYTES: usize = 64 << 10;

/// What happens to a node that dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Death {
    /// The process ends.
    Process,
    /// The machine loses power.
    Power,
    /// The machine loses power in the middle of a write.
    Torn,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Death::Process => "its process ends",
            Death::Power => "its machine loses power",
            Death::Torn => "its machine loses power in the middle of a write",
        })
    }
}

/// One node.
pub(crate) struct Node {
    pub(crate) index: u32,
    pub(crate) clock: Clock,
    pub(crate) disk: SharedDisk,
    /// There while the node is up.
    storage: Option<NodeStorage>,
    pub(crate) replicas: Vec<Option<Replica>>,
    pub(crate) up: bool,
    /// How often it has started.
    pub(crate) incarnation: u32,
    /// Until when it stands still.
    pub(crate) stalled: Option<Time>,
    /// What has come meanwhile.
    pub(crate) held: Vec<Event>,
    /// How long a sync takes at least, while its disk is slow.
    pub(crate) slow: Duration,
    nodes: u32,
    /// Written by members, not yet by the disk.
    writes: Vec<(GroupId, Write)>,
    /// On its way to the disk.
    syncing: Option<Vec<(GroupId, Write)>>,
    rng: Rng,
    #[cfg(feature = "mutants")]
    pub(crate) planted: Option<super::planted::Planted>,
}

impl Node {
    pub(crate) fn new(index: u32, nodes: u32, shards: u32, clock: Clock, rng: &Rng) -> Node {
        Node {
            index,
            clock,
            disk: SharedDisk::default(),
            storage: None,
            replicas: (0..shards).map(|_| None).collect(),
            up: false,
            incarnation: 0,
            stalled: None,
            held: Vec::new(),
            slow: Duration::ZERO,
            nodes,
            writes: Vec::new(),
            syncing: None,
            rng: rng.fork_index("node", u64::from(index)),
            #[cfg(feature = "mutants")]
            planted: None,
        }
    }

    /// Starts, with what the disk holds; false if the disk does not let it.
    pub(crate) fn start(&mut self, out: &mut Outside) -> bool {
        let Ok((storage, mut stored)) = store::open(&self.disk, node_id(self.index)) else {
            return false;
        };
        self.storage = Some(storage);
        self.up = true;
        self.incarnation += 1;
        for shard in 0..self.replicas.len() as u32 {
            let stored = stored.remove(&GroupId(shard.into()));
            if stored.is_some() || self.founds(shard) {
                self.start_member(out, shard, stored.unwrap_or_default());
                self.after(out, shard);
            }
        }
        true
    }

    fn founds(&self, shard: u32) -> bool {
        founders(shard, self.nodes).any(|founder| founder == self.index)
    }

    fn start_member(&mut self, out: &mut Outside, shard: u32, stored: Stored) {
        let founds = self.founds(shard);
        let members = if founds { first_members(shard, self.nodes) } else { Members::default() };
        let now = self.clock.local(out.now);
        let label = u64::from(shard) << 32 | u64::from(self.incarnation);
        let rng = self.rng.fork_index("member", label);
        let place = (shard, self.index);
        let replica = Replica::start(out, place, self.spec(members), stored, now, rng);
        #[cfg(feature = "mutants")]
        let replica = {
            let mut replica = replica;
            replica.plant(self.planted);
            replica
        };
        self.replicas[shard as usize] = Some(replica);
    }

    fn spec(&self, members: Members) -> Spec {
        let id = node_id(self.index);
        let spec = Spec {
            members,
            // Small, so that each bound is met.
            batch_entries: 16,
            batch_bytes: 2 << 10,
            flight_messages: 8,
            flight_bytes: 16 << 10,
            uncommitted_bytes: UNCOMMITTED_BYTES,
            reads_waiting: 64,
            chunk_bytes: 128,
            snapshot_bytes: SNAPSHOT_BYTES,
            trail_bytes: TRAIL_BYTES,
            ..Spec::new(id, [])
        };
        #[cfg(feature = "mutants")]
        let spec = Spec { mutant: self.planted.and_then(|planted| planted.of_raft()), ..spec };
        spec
    }

    /// A frame arrives.
    pub(crate) fn handle_frame(&mut self, out: &mut Outside, bytes: &Bytes) {
        let (envelope, message) = match decode(bytes) {
            Ok((envelope, Content::Raft(message))) => (envelope, message),
            Ok(_) => return,
            Err(error) => {
                let id = node_id(self.index);
                return out.trace.say(out.now, format_args!("{id}: no frame: {error}"));
            }
        };
        let shard = envelope.group.0;
        if envelope.to != node_id(self.index) || shard >= self.replicas.len() as u64 {
            return;
        }
        let shard = shard as u32;
        let pair = (envelope.from, envelope.to);
        let group = format_args!("shard {shard}");
        out.trace.say_heard(out.now, pair, Some(&group), format_args!("{message:?}"));
        if self.replicas[shard as usize].is_none() {
            self.start_member(out, shard, Stored::default());
        }
        let now = self.clock.local(out.now);
        if let Some(replica) = &mut self.replicas[shard as usize] {
            replica.handle_message(now, envelope.from, message);
        }
        self.after(out, shard);
    }

    /// A timer goes off; whether a member had to do with it.
    pub(crate) fn handle_timer(&mut self, out: &mut Outside, shard: u32) -> bool {
        let now = self.clock.local(out.now);
        let Some(replica) = &mut self.replicas[shard as usize] else { return false };
        // Later than it was set for if the node stood still meanwhile.
        if replica.armed > out.now {
            return false;
        }
        replica.armed = Time::MAX;
        let due = replica.handle_timeout(now);
        self.after(out, shard);
        due
    }

    /// A client asks.
    pub(crate) fn handle_request(&mut self, out: &mut Outside, request: Request) {
        let now = self.clock.local(out.now);
        let Some(replica) = &mut self.replicas[request.shard as usize] else {
            let Request { client, number, .. } = request;
            let outcome = Outcome::Elsewhere(None);
            return out.answer(Reply { client, number, from: self.index, outcome });
        };
        replica.handle_request(out, now, request);
        self.after(out, request.shard);
    }

    /// What is to follow every input to a member: its effects, its timer, its lease.
    pub(crate) fn after(&mut self, out: &mut Outside, shard: u32) {
        let now = self.clock.local(out.now);
        let Some(replica) = &mut self.replicas[shard as usize] else { return };
        let writes = &mut self.writes;
        replica.carry_out(out, now, |write| writes.push((GroupId(shard.into()), write)));
        if let Some(next) = replica.next_timeout() {
            let at = self.clock.real(next).max(out.now);
            if at < replica.armed {
                replica.armed = at;
                let (node, incarnation) = (self.index, self.incarnation);
                out.queue.push(at, Event::Timer { node, shard, incarnation });
            }
        }
        if out.checkers.is_watched() {
            if let Some(until) = replica.lease_changed() {
                show_lease(out, replica, &self.clock, until);
            }
            replica.show_queues(out);
        }
        self.sync(out);
    }

    /// Has what waits to be written go to the disk, unless something is on its way.
    fn sync(&mut self, out: &mut Outside) {
        if self.syncing.is_some() || self.writes.is_empty() {
            return;
        }
        self.syncing = Some(std::mem::take(&mut self.writes));
        let usual = out.plan.sync.as_nanos() as u64;
        let takes = Duration::from_nanos(usual / 2 + self.rng.below(usual + 1));
        let (node, incarnation) = (self.index, self.incarnation);
        out.after(takes + self.slow, Event::Synced { node, incarnation });
    }

    /// The disk has done what it was given; false if it could not, and the node must stop.
    pub(crate) fn handle_synced(&mut self, out: &mut Outside) -> bool {
        let Some(writes) = self.syncing.take() else { return true };
        if self.write(&writes).is_err() {
            // They follow what is not there.
            self.writes.clear();
            return false;
        }
        let now = self.clock.local(out.now);
        for (group, write) in &writes {
            if let Some(replica) = &mut self.replicas[group.0 as usize] {
                replica.handle_written(out, now, write.sequence);
            }
        }
        let mut groups: Vec<GroupId> = writes.iter().map(|write| write.0).collect();
        groups.dedup();
        for group in groups {
            self.after(out, group.0 as u32);
        }
        self.sync(out);
        true
    }

    fn write(&mut self, writes: &[(GroupId, Write)]) -> Result<(), WriteError> {
        let Some(storage) = &mut self.storage else { return Ok(()) };
        store::write(storage, writes)
    }

    /// Dies. What was on its way to the disk may be there, in part or not at all.
    pub(crate) fn die(&mut self, out: &mut Outside, death: Death) {
        let mut writes = self.syncing.take().unwrap_or_default();
        writes.append(&mut self.writes);
        let leaves = match death {
            Death::Process => Leaves::All,
            Death::Power => Leaves::Nothing,
            Death::Torn => Leaves::Some,
        };
        let begun = death == Death::Torn || self.rng.below(2) == 0;
        if begun && !writes.is_empty() {
            if death == Death::Torn {
                let bytes = self.rng.below(512) as usize;
                self.disk.with(|disk| disk.light_fuse(bytes));
            }
            // Nobody is left to hear of an error.
            let _ = self.write(&writes);
        }
        self.storage = None;
        let rng = &mut self.rng;
        self.disk.with(|disk| disk.crash(leaves, rng));
        self.up = false;
        self.stalled = None;
        self.held.clear();
        for replica in &mut self.replicas {
            if let Some(replica) = replica.take() {
                out.see(replica.place, &Seen::Ended);
            }
        }
    }

    /// Has the clock run at another rate from now on.
    pub(crate) fn bend(&mut self, out: &mut Outside, ppm: i64) {
        self.clock.bend(out.now, ppm);
        for shard in 0..self.replicas.len() {
            let Some(replica) = &mut self.replicas[shard] else { continue };
            if let Some(until) = replica.lease() {
                show_lease(out, replica, &self.clock, until);
            }
            // What it is set for is another moment now.
            replica.armed = Time::MAX;
            self.after(out, shard as u32);
        }
    }
}

fn show_lease(out: &mut Outside, replica: &Replica, clock: &Clock, until: Time) {
    let until = if until == Time::ZERO { until } else { clock.real(until) };
    out.see(replica.place, &Seen::Lease { until });
}

/// The nodes whose members found the group of a shard.
pub(crate) fn founders(shard: u32, nodes: u32) -> impl Iterator<Item = u32> {
    (0..REPLICAS.min(nodes)).map(move |step| (shard + step) % nodes)
}

/// The group of a shard when it begins.
pub(crate) fn first_members(shard: u32, nodes: u32) -> Members {
    let voters = founders(shard, nodes).map(node_id).collect();
    Members { voters, ..Members::default() }
}

/// Some of the nodes, in an order drawn by `rng`.
pub(crate) fn some_nodes(nodes: u32, rng: &mut Rng) -> Vec<NodeId> {
    let mut all: Vec<NodeId> = (0..nodes).map(node_id).collect();
    rng.shuffle(&mut all);
    all
}
