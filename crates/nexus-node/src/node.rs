//! One node: its groups, the agents it hosts, and the asks it has under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use nexus_agent::System;
use nexus_base::{AgentId, Rng, Time};
use nexus_cluster::lock::Limits;
use nexus_cluster::membership::{self, Membership};
use nexus_cluster::raft::{self, Index, Members, Snapshot, StartError, Stored, Term, Vote, Write};
use nexus_cluster::registry::Routes;
use nexus_cluster::shard::placement::founding;
use nexus_cluster::shard::{HandoffId, MapError, ShardId, ShardMap};
use nexus_cluster::wire::{Content, Envelope, encode};
use nexus_cluster::{GroupId, NodeId};

use crate::alarms::Alarms;
use crate::call::{Call, Calls};
use crate::control::ControlState;
use crate::delivery::Deliveries;
use crate::disk::Writes;
use crate::ended::{ENDED_MAX, Ended};
use crate::group::{CONTROL, Group, Machine, group_of};
use crate::handler::leave::Left;
use crate::host::Inbox;
use crate::hosting::Hosting;
use crate::locks::{LockCall, LockDesk};
use crate::names::{self, Arrivals, Names, Over, Places};
use crate::observer::Observer;
use crate::{Effect, Input, NodeSpec, Planted};

/// One node of a cluster.
///
/// After each [`Node::handle`], and after each run of its agents, poll effects until there
/// are none and carry them out in order; call [`Node::handle_timeout`] at
/// [`Node::next_timeout`].
pub struct Node {
    pub(crate) spec: NodeSpec,
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    pub(crate) system: Arc<System>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    /// Of the groups that are led here.
    pub(crate) hostings: BTreeMap<GroupId, Hosting>,
    /// In which group each active agent is.
    pub(crate) homes: BTreeMap<AgentId, GroupId>,
    /// What all of them take; see [`NodeSpec::active_bytes_max`].
    pub(crate) active_bytes: u64,
    pub(crate) deliveries: Deliveries,
    pub(crate) calls: Calls<Call>,
    pub(crate) lock_calls: Calls<LockCall>,
    /// What other nodes have asked about locks.
    pub(crate) lock_arrivals: Arrivals,
    /// While this node leads the control group, and knows all of it.
    pub(crate) lock_desk: Option<LockDesk>,
    /// In which life it gives its agents names; see [`crate::names::life`].
    pub(crate) life: u64,
    pub(crate) names: Names,
    pub(crate) places: Places,
    pub(crate) arrivals: Arrivals,
    pub(crate) over: Over,
    pub(crate) routes: Routes,
    /// The newest map heard of; where the control group is, that has it.
    pub(crate) map: ShardMap,
    pub(crate) membership: Option<Membership>,
    /// Since when each handoff is known to be under way, at the leader of the control group.
    pub(crate) handoffs_since: BTreeMap<HandoffId, Time>,
    /// Since when those who keep the map do not answer, at the leader of the control group.
    pub(crate) silent_since: BTreeMap<NodeId, Time>,
    /// When shards may be split again.
    pub(crate) grows_at: Time,
    /// Who answers, as far as is known.
    pub(crate) alive: BTreeSet<NodeId>,
    pub(crate) writes: Writes,
    pub(crate) alarms: Alarms<Alarm>,
    pub(crate) effects: VecDeque<Effect>,
    /// Groups that it asked about last whether it counts in them, each with the question's
    /// number; until a frame of the group comes.
    pub(crate) leaving: BTreeMap<GroupId, u64>,
    /// What is left of groups that it keeps no more.
    pub(crate) left: BTreeMap<GroupId, Left>,
    /// When it asks again.
    pub(crate) leaves_at: Time,
    /// Shards that have ended, and were here. They must not begin again.
    pub(crate) ended: Ended,
    /// Groups that may have effects.
    pub(crate) touched: BTreeSet<GroupId>,
    /// Numbers of reads and activations.
    pub(crate) number: u64,
    pub(crate) counts: Counts,
    pub(crate) observer: Option<Box<dyn Observer>>,
}

/// Where the logs of all groups begin: with the members that found it.
const FOUNDED: (Term, Index) = (Term(1), Index(1));

/// What a node is called for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Alarm {
    /// A timer of a group.
    Group(GroupId),
    /// A try of an ask is over.
    Call(u64),
    /// A try of an ask about a lock is over.
    Lock(u64),
    /// Leases of locks have ended.
    Locks,
    /// What leaders do again and again.
    Duty,
    /// Letters and reminders.
    Ring,
    /// To ask for a newer map.
    Map,
    /// A timer of membership.
    Membership,
}

/// What a node took no notice of, or gave up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Frames that could not be read.
    pub damaged: u64,
    /// Frames that were for somebody else, or of a kind that is not known here.
    pub stray: u64,
    /// Datagrams that membership refused.
    pub datagrams_refused: u64,
    /// Steps that came from an activation which was discarded.
    pub steps_discarded: u64,
    /// Steps that were refused when their entry was applied.
    pub steps_refused: u64,
    /// Activations that were discarded.
    pub discarded: u64,
    /// Agents activated.
    pub activated: u64,
    /// Agents that left memory because nobody asked for them.
    pub passivated: u64,
    /// Groups that it is in no more and gave up its files of.
    pub left: u64,
    /// Letters that their receiver would never take.
    pub dead_letters: u64,
    /// Messages of local agents that reached nobody.
    pub lost_tells: u64,
    /// Names of local agents that others have now; see [`crate::Saw::NameLost`].
    pub names_lost: u64,
    /// Other processes that said they are this node, or one that others are.
    pub conflicts: u64,
}

/// Why a node does not start. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// What the disk holds of a group does not fit together.
    #[error("group {group} does not start")]
    Group {
        /// Which.
        group: GroupId,
        /// Why.
        #[source]
        cause: StartError,
    },
    /// Nobody begins the cluster, or too many keep the first shard.
    #[error("the founders cannot keep a shard")]
    Founders(#[source] MapError),
    /// See there.
    #[error("membership does not start")]
    Membership(#[from] membership::SpecError),
}

impl Node {
    /// A node that starts with what its disk holds. Its agents are those of `system`, which
    /// has no other host.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn new(
        spec: NodeSpec,
        stored: BTreeMap<GroupId, Stored>,
        system: Arc<System>,
        now: Time,
        rng: Rng,
    ) -> Result<Node, NodeError> {
        let map = spec.first_map().map_err(NodeError::Founders)?;
        let membership = match &spec.membership {
            Some(with) => {
                Some(Membership::new(with.spec.clone(), &with.me, &rng.fork("membership"))?)
            }
            None => None,
        };
        let inbox = Arc::new(Inbox::default());
        system.set_host(inbox.clone());
        let alive = if membership.is_some() {
            BTreeSet::from([spec.id])
        } else {
            spec.founders.iter().copied().collect()
        };
        let life = names::life(spec.start(), 0);
        let mut over = Over::default();
        over.note(spec.id, life - 1);
        let mut node = Node {
            // Halved, so that it never comes to the last number there is.
            calls: Calls::new(rng.fork("calls").next_u64() >> 1, crate::call::CALLS_MAX),
            lock_calls: Calls::new(rng.fork("locks").next_u64() >> 1, crate::locks::LOCK_ASKS_MAX),
            lock_arrivals: Arrivals::default(),
            lock_desk: None,
            life,
            names: Names::default(),
            places: Places::default(),
            arrivals: Arrivals::default(),
            over,
            now,
            rng,
            system,
            inbox,
            groups: BTreeMap::new(),
            hostings: BTreeMap::new(),
            homes: BTreeMap::new(),
            active_bytes: 0,
            deliveries: Deliveries::default(),
            routes: Routes::new(),
            map,
            membership,
            handoffs_since: BTreeMap::new(),
            silent_since: BTreeMap::new(),
            grows_at: now,
            leaving: BTreeMap::new(),
            left: BTreeMap::new(),
            leaves_at: now,
            alive,
            writes: Writes::default(),
            alarms: Alarms::new(),
            effects: VecDeque::new(),
            ended: Ended::default(),
            touched: BTreeSet::new(),
            number: 0,
            counts: Counts::default(),
            observer: None,
            spec,
        };
        node.start_groups(stored)?;
        node.start_timers();
        Ok(node)
    }

    fn start_groups(&mut self, stored: BTreeMap<GroupId, Stored>) -> Result<(), NodeError> {
        // The first shard's before the control group's, which says that this was done: the
        // shard may have ended since, and must not begin again.
        let control: Vec<NodeId> = self.spec.control().collect();
        let founded = [(group_of(ShardId(0)), self.spec.first_replicas()), (CONTROL, control)];
        let is_founded = stored.contains_key(&CONTROL);
        for (group, nodes) in founded {
            let founds = !is_founded && nodes.contains(&self.spec.id);
            if founds && !stored.contains_key(&group) {
                self.found_group(group, &nodes, Term(0))?;
            }
        }
        for (group, stored) in stored {
            if let Some(writes) = self.ended.take_in(group, &stored) {
                self.writes.extend(writes);
            } else if stored.snapshot.is_none()
                && stored.entries.is_empty()
                && stored.left.is_some()
            {
                self.left.insert(group, Left { promise: stored, is_kept: true });
            } else {
                self.start_group(group, stored)?;
            }
        }
        Ok(())
    }

    /// Begins a group: all founders do so with the same word, as if they had agreed on it.
    /// It is written before anything else of the group is, so who restarts knows the members.
    ///
    /// A member that has been in `term` without knowing the others may have voted there: it
    /// does not again.
    pub(crate) fn found_group(
        &mut self,
        group: GroupId,
        nodes: &[NodeId],
        term: Term,
    ) -> Result<(), NodeError> {
        let members = founding(nodes);
        let state = self.fresh(group).snapshot();
        let snapshot = Snapshot { last: FOUNDED, members, state };
        let voted_for = (term > Term(0)).then_some(self.spec.id);
        let vote = Vote { term: FOUNDED.0.max(term), voted_for };
        let stored = Stored { vote, snapshot: Some(snapshot.clone()), ..Stored::default() };
        // One that was begun by a frame and knows nothing may have written its vote; this one
        // says more.
        self.writes.forget(group);
        self.start_group(group, stored)?;
        let (vote, snapshot) = (Some(vote), Some(snapshot));
        let write =
            Write { sequence: 0, vote, cut_from: None, entries: Vec::new(), snapshot, left: None };
        self.writes.push(group, write);
        Ok(())
    }

    fn fresh(&self, group: GroupId) -> Machine {
        // Nothing that founders may differ in: how many locks there may be is said by an entry.
        let limits = Limits { locks_max: 0, ..Limits::default() };
        let map = || self.spec.first_map().expect("it was made before");
        Group::fresh(group, || ControlState::new(map(), limits))
    }

    /// Starts a member with what is stored of it; with nothing, it learns from the leader.
    pub(crate) fn start_group(&mut self, group: GroupId, stored: Stored) -> Result<(), NodeError> {
        let members = Members::default();
        let spec = raft::Spec { id: self.spec.id, members, ..self.spec.raft.clone() };
        let rng = self.rng.fork_index("group", group.0);
        let member = Group::start(group, spec, self.fresh(group), stored, self.now, rng)
            .map_err(|cause| NodeError::Group { group, cause })?;
        #[cfg(feature = "mutants")]
        let member = member.planted(self.spec.planted);
        self.groups.insert(group, member);
        self.touched.insert(group);
        Ok(())
    }

    /// Shows `observer` what happens from now on.
    pub fn observe(&mut self, observer: Box<dyn Observer>) {
        self.observer = Some(observer);
    }

    /// Takes something in.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Frame(bytes) => self.handle_frame(&bytes),
            Input::Datagram { from, bytes } => self.handle_datagram(&from, &bytes),
            Input::Written { batch } => self.handle_written(batch),
            Input::Ask(ask) => self.handle_ask(ask),
            Input::Name(naming) => self.handle_naming(naming),
            Input::Lock(ask) => self.handle_lock(ask),
            Input::Agents => {}
        }
        self.settle();
    }

    /// Fires every timer due at `now`. A late call is safe; a missing one is not.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        // Each sets its next one later than now, so this ends.
        while let Some(alarm) = self.alarms.pop_due(self.now) {
            match alarm {
                Alarm::Group(group) => self.handle_group_timeout(group),
                Alarm::Call(call) => self.handle_call_timeout(call),
                Alarm::Lock(number) => self.handle_lock_timeout(number),
                Alarm::Locks => self.tick_locks(),
                Alarm::Duty => self.do_duties(),
                Alarm::Ring => self.ring_all(),
                Alarm::Map => self.ask_for_map(),
                Alarm::Membership => self.handle_membership_timeout(),
            }
        }
        self.settle();
    }

    /// When to call [`Self::handle_timeout`] next.
    pub fn next_timeout(&self) -> Option<Time> {
        self.alarms.next()
    }

    /// The oldest thing the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Lets everything follow from what was taken in: what agents have said, and what groups
    /// want done.
    fn settle(&mut self) {
        loop {
            if let Some(said) = self.inbox.pop() {
                self.handle_said(said);
            } else if let Some(group) = self.touched.pop_first() {
                self.poll_group(group);
            } else {
                break;
            }
        }
        if let Some(effect) = self.writes.next_batch() {
            self.effects.push_back(effect);
        }
    }

    pub(crate) fn send(&mut self, to: NodeId, group: GroupId, content: &Content) {
        let envelope = Envelope { group, from: self.spec.id, to };
        // Larger than a frame is only what a peer has asked for in a form that we do not send.
        if let Ok(frame) = encode(envelope, content) {
            self.effects.push_back(Effect::Send { to, frame: frame.into() });
        }
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    #[cfg(feature = "mutants")]
    pub(crate) fn is(&self, planted: Planted) -> bool {
        self.spec.planted == Some(planted)
    }

    #[cfg(not(feature = "mutants"))]
    pub(crate) const fn is(&self, _: Planted) -> bool {
        false
    }

    /// Who it is, and how it behaves.
    pub fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    /// The map of shards, as new as it is known here.
    pub fn map(&self) -> &ShardMap {
        match self.groups.get(&CONTROL).map(|group| &group.machine) {
            Some(Machine::Control(state)) if state.map.version() >= self.map.version() => {
                &state.map
            }
            _ => &self.map,
        }
    }

    /// What was taken no notice of, or given up.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Agents that are active here.
    pub fn active(&self) -> usize {
        self.homes.len()
    }

    /// What they take of memory, counted as [`NodeSpec::active_bytes_max`] says.
    pub fn active_bytes(&self) -> u64 {
        self.active_bytes
    }

    /// How long each queue is, with its bound.
    pub fn queues(&self) -> [(&'static str, usize, usize); 4] {
        [
            ("tombstones", self.ended.len(), ENDED_MAX),
            ("lock asks", self.lock_calls.len(), crate::locks::LOCK_ASKS_MAX),
            ("calls", self.calls.len(), crate::call::CALLS_MAX),
            ("deliveries", self.deliveries.len(), crate::delivery::DELIVERIES_MAX),
        ]
    }
}
