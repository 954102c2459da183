//! The simulated cluster.

use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_cluster::NodeId;

use super::checkers::{Checker, Checkers, Place, Seen, Violation};
use super::client::{Call, Client, Next, Outcome, Reply, Request};
use super::clock::Clock;
use super::event::Event;
use super::family::{Family, FaultCounts};
use super::kv::ClientId;
use super::links::Links;
use super::nemesis::{Attacked as _, Nemesis, draw_ppm};
use super::node::{Death, HELD_MAX, Node};
use super::outside::{Outside, node_id};
use super::pace::Pace;
use super::plan::Plan;
use super::queue::Queue;
use super::spec::{CLIENTS_PER_SHARD, ClusterSpec, Kind, QUIET_FOR, SETTLE_WITHIN, THINK_MEAN};
use super::trace::{ClusterTrace, Listener};
pub use super::wish::Changes;
use crate::TraceHash;
use crate::mix::content_hash;

/// How long a node whose disk took no more stays down.
const DOWN_WHEN_FULL: Duration = Duration::from_secs(1);

/// The name under which a run is ended in which too much happens.
const PACE: &str = "events-bounded";

/// A cluster in virtual time, in which all that goes wrong follows from a seed.
///
/// ```
/// use std::time::Duration;
/// use nexus_sim::cluster::{ClusterSpec, ClusterWorld};
///
/// let spec = ClusterSpec { shards: 1, ..ClusterSpec::new(7) };
/// let mut world = ClusterWorld::new(spec);
/// world.run_for(Duration::from_secs(5));
/// world.heal();
/// world.settle();
/// assert_eq!(world.violations(), []);
/// ```
pub struct ClusterWorld {
    pub(crate) spec: ClusterSpec,
    pub(crate) out: Outside,
    pub(crate) nodes: Vec<Node>,
    pub(crate) nemesis: Nemesis,
    /// One generator for each shard's wishes.
    pub(crate) wishes: Vec<Rng>,
    pub(crate) healed: bool,
    pub(crate) changes: Changes,
    clients: Vec<Client>,
    pace: Pace,
    /// Whether clients begin nothing any more.
    pub(crate) quiet: bool,
    /// What was answered to somebody who is none of the clients, and when.
    pub(crate) answers: Vec<(Time, Reply)>,
    acked: u64,
    calls: Vec<Call>,
    /// Where in `calls` each client's last is.
    last_call: Vec<usize>,
}

impl ClusterWorld {
    /// A cluster whose nodes have just started.
    ///
    /// # Panics
    /// If `spec` asks for fewer than three nodes, for no shard, or for more of them than
    /// [`super::NODES_MAX`] and [`super::SHARDS_MAX`].
    pub fn new(spec: ClusterSpec) -> ClusterWorld {
        assert!((3..=super::NODES_MAX).contains(&spec.nodes), "a cluster has 3 to 64 nodes");
        assert!((1..=super::SHARDS_MAX).contains(&spec.shards), "it has 1 to 1,024 shards");
        let rng = Rng::new(spec.seed).fork("cluster");
        let out = outside(&spec, &rng);
        let count = spec.shards * CLIENTS_PER_SHARD;
        let mut world = ClusterWorld {
            nodes: nodes(&spec, &out.plan, &rng),
            nemesis: Nemesis::new(&rng),
            wishes: (0..spec.shards).map(|one| rng.fork_index("wish", one.into())).collect(),
            healed: false,
            changes: Changes::default(),
            clients: (0..count).map(|one| client(one, &spec, &rng)).collect(),
            pace: Pace::new(spec.shards),
            quiet: false,
            answers: Vec::new(),
            acked: 0,
            calls: Vec::new(),
            last_call: vec![usize::MAX; count as usize],
            spec,
            out,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for node in &mut self.nodes {
            assert!(node.start(&mut self.out), "an empty disk has room");
        }
        for shard in 0..self.spec.shards {
            self.plan_wish(shard);
        }
        self.plan_blows();
        for client in 0..self.clients.len() as u32 {
            self.wake(client, THINK_MEAN);
        }
    }

    /// Watches with one more checker, from now on.
    pub fn add_checker(&mut self, checker: Box<dyn Checker>) {
        self.out.checkers.add(checker);
    }

    /// Tells `listener` of each event in words. Changes nothing, and takes time.
    pub fn listen(&mut self, listener: Listener) {
        self.out.trace.listen(listener);
    }

    /// Lets virtual time pass, or stops at the first violation. It is one, too, if so much
    /// happens that time hardly passes.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.out.now.after(time);
        while let Some((at, event)) = self.out.queue.pop(until) {
            self.out.now = at;
            match self.pace.count(at, self.spec.seed) {
                Ok(()) => self.dispatch(event),
                Err(seen) => self.out.checkers.report(PACE, at, nowhere(0), seen),
            }
            if !self.out.checkers.violations().is_empty() {
                return;
            }
        }
        self.out.now = until;
    }

    /// From now on nothing goes wrong; what is broken is whole again.
    pub fn heal(&mut self) {
        self.out.trace.say(self.out.now, format_args!("all is healed"));
        self.healed = true;
        let by = self.out.now.after(SETTLE_WITHIN);
        self.out.see(nowhere(0), &Seen::Healed { by });
        self.end_blows();
    }

    /// Lets a healed cluster settle, and takes a last look at all its members.
    pub fn settle(&mut self) {
        self.run_for(SETTLE_WITHIN);
        self.quiet = true;
        self.run_for(QUIET_FOR);
        if !self.out.checkers.violations().is_empty() {
            return;
        }
        for shard in 0..self.spec.shards {
            self.look_at(shard);
        }
        let shards = self.spec.shards;
        self.out.see(nowhere(0), &Seen::Over { shards });
    }

    fn look_at(&mut self, shard: u32) {
        let replicas =
            || self.nodes.iter().filter_map(|node| node.replicas[shard as usize].as_ref());
        let Some(newest) = replicas().max_by_key(|replica| replica.applied()) else { return };
        let members = newest.members().clone();
        let belongs = |id: &NodeId| members.voters.contains(id) || members.learners.contains(id);
        let finals: Vec<_> = replicas()
            .map(|one| (one.place, one.kv().clone(), belongs(&one.place.node), one.applied().0))
            .collect();
        for (place, kv, belongs, applied) in &finals {
            let (belongs, applied) = (*belongs, *applied);
            self.out.see(*place, &Seen::Final { kv, belongs, applied });
        }
    }

    /// What it is like.
    pub fn spec(&self) -> &ClusterSpec {
        &self.spec
    }

    /// The virtual time.
    pub fn now(&self) -> Time {
        self.out.now
    }

    /// What was seen that must not be, the first first.
    pub fn violations(&self) -> &[Violation] {
        self.out.checkers.violations()
    }

    /// How often each family struck.
    pub fn faults(&self) -> FaultCounts {
        self.out.counts
    }

    /// What was changed on purpose.
    pub fn changes(&self) -> Changes {
        self.changes
    }

    /// Inputs that nodes have handled.
    pub fn events(&self) -> u64 {
        self.out.trace.events()
    }

    pub(crate) fn client_count(&self) -> u32 {
        self.clients.len() as u32
    }

    /// Operations that were answered.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// All operations, as their clients saw them.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// What it all comes to: equal for equal runs, and hardly ever else.
    pub fn trace_hash(&self) -> TraceHash {
        self.out.trace.hash()
    }

    /// A number that a checker has counted.
    pub fn figure(&self, name: &str) -> Option<u64> {
        self.out.checkers.figure(name)
    }

    pub(crate) fn dispatch(&mut self, event: Event) {
        match event {
            Event::Frame { to, bytes } => {
                let Some(event) = self.hold(to, Event::Frame { to, bytes }) else { return };
                let Event::Frame { bytes, .. } = event else { return };
                self.out.trace.input(self.out.now, 1, to.into(), content_hash(&bytes));
                self.nodes[to as usize].handle_frame(&mut self.out, &bytes);
            }
            Event::Timer { node, shard, incarnation } => {
                if self.nodes[node as usize].incarnation != incarnation {
                    return;
                }
                self.timer(node, shard, event);
            }
            Event::Synced { node, incarnation } => {
                if self.nodes[node as usize].incarnation == incarnation {
                    self.synced(node, event);
                }
            }
            Event::Request { to, request } => {
                if self.hold(to, event).is_some() {
                    let what = request.number << 16 | u64::from(request.client.0);
                    self.out.trace.input(self.out.now, 4, to.into(), what);
                    let id = node_id(to);
                    self.out.trace.say(self.out.now, format_args!("{id} from {request}"));
                    self.nodes[to as usize].handle_request(&mut self.out, request);
                }
            }
            Event::Reply(reply) => self.replied(reply),
            Event::Client { client, wake } => {
                if self.clients[client as usize].wake == wake {
                    self.out.trace.note(self.out.now, 5, client.into(), wake);
                    self.client_goes_on(client);
                }
            }
            Event::Nemesis(blow) => {
                self.out.trace.note(self.out.now, 6, 0, 0);
                self.handle_blow(blow);
            }
            Event::Wish { shard } => {
                self.out.trace.note(self.out.now, 7, shard.into(), 0);
                self.handle_wish(shard);
            }
        }
    }

    /// The event, unless its node is down, or stands still and takes it later.
    fn hold(&mut self, node: u32, event: Event) -> Option<Event> {
        let node = &mut self.nodes[node as usize];
        if !node.up {
            return None;
        }
        if node.stalled.is_none() {
            return Some(event);
        }
        let must_come = matches!(event, Event::Synced { .. } | Event::Timer { .. });
        if must_come || node.held.len() < HELD_MAX {
            node.held.push(event);
        }
        None
    }

    fn timer(&mut self, node: u32, shard: u32, event: Event) {
        if self.hold(node, event).is_none() {
            return;
        }
        if self.nodes[node as usize].handle_timer(&mut self.out, shard) {
            self.out.trace.input(self.out.now, 2, u64::from(node) << 16 | u64::from(shard), 0);
            let id = node_id(node);
            self.out.trace.say(self.out.now, format_args!("{id} in shard {shard}: its timer"));
        }
    }

    fn synced(&mut self, node: u32, event: Event) {
        if self.hold(node, event).is_none() {
            return;
        }
        self.out.trace.input(self.out.now, 3, node.into(), 0);
        let id = node_id(node);
        self.out.trace.say(self.out.now, format_args!("{id}: its disk is done"));
        if !self.nodes[node as usize].handle_synced(&mut self.out) {
            self.out.trace.say(self.out.now, format_args!("{id}: its disk is full"));
            self.kill(node, Death::Process, DOWN_WHEN_FULL);
        }
    }

    fn wake(&mut self, client: u32, later: Duration) {
        let one = &mut self.clients[client as usize];
        one.wake += 1;
        let wake = one.wake;
        self.out.after(later, Event::Client { client, wake });
    }

    fn client_goes_on(&mut self, client: u32) {
        if self.clients[client as usize].pending.is_none() {
            if self.quiet {
                return;
            }
            self.begin_call(client);
        }
        let one = &mut self.clients[client as usize];
        match one.go_on(self.spec.nodes, THINK_MEAN) {
            Next::Send(look) => {
                let Some(pending) = one.pending else { return };
                let (shard, number, op) = (one.shard, one.number, pending.op);
                let target = one.target;
                self.out.ask(target, Request { client: one.id, shard, number, op });
                self.wake(client, look);
            }
            Next::Wait(look) | Next::GiveUp(look) => self.wake(client, look),
        }
    }

    fn begin_call(&mut self, client: u32) {
        let one = &mut self.clients[client as usize];
        let op = one.begin();
        let (id, number, invoked) = (one.id, one.number, self.out.now);
        self.last_call[client as usize] = self.calls.len();
        self.calls.push(Call { client: id, number, op, invoked, returned: None });
        let place = nowhere(one.shard);
        self.out.see(place, &Seen::Invoked { client: id, number, op });
    }

    fn replied(&mut self, reply: Reply) {
        let client = reply.client.0;
        let Some(one) = self.clients.get_mut(client as usize) else {
            self.out.trace.note(self.out.now, 9, client.into(), reply.number);
            return self.answers.push((self.out.now, reply));
        };
        let Some(pending) = one.pending.filter(|_| reply.number == one.number) else { return };
        self.out.trace.note(self.out.now, 8, client.into(), reply.number);
        let (shard, from) = (one.shard, node_id(reply.from));
        self.out.trace.say(
            self.out.now,
            format_args!("client {client} from {from} in shard {shard}: {}", reply.outcome),
        );
        let later = match reply.outcome {
            Outcome::Elsewhere(hint) => one.elsewhere(reply.from, hint, self.spec.nodes),
            Outcome::Done(answer) => {
                let (number, op, client) = (one.number, pending.op, one.id);
                let place = Place { shard: one.shard, node: node_id(reply.from) };
                let later = one.done(answer, THINK_MEAN);
                self.acked += 1;
                let call = self.last_call[client.0 as usize];
                self.calls[call].returned = Some((self.out.now, answer));
                self.out.see(place, &Seen::Returned { client, number, op, answer });
                later
            }
        };
        self.wake(client, later);
    }
}

/// Where clients are.
fn nowhere(shard: u32) -> Place {
    Place { shard, node: NodeId(0) }
}

fn outside(spec: &ClusterSpec, rng: &Rng) -> Outside {
    Outside {
        now: Time::ZERO,
        queue: Queue::default(),
        links: Links::new(spec.nodes, rng),
        plan: Plan::draw(spec.families.of(Kind::Groups), rng),
        counts: FaultCounts::default(),
        checkers: Checkers::new(spec.watch),
        trace: ClusterTrace::new(),
        rng: rng.fork("client links"),
    }
}

fn nodes(spec: &ClusterSpec, plan: &Plan, rng: &Rng) -> Vec<Node> {
    let node = |index: u32| {
        let mut rng_clock = rng.fork_index("clock", index.into());
        let drifts = plan.families.has(Family::ClockRate);
        let ppm = if drifts { draw_ppm(&mut rng_clock) } else { 0 };
        let clock = Clock::new(Time::ZERO, Time::ZERO, ppm);
        #[allow(unused_mut, reason = "changed where bugs are planted")]
        let mut node = Node::new(index, spec.nodes, spec.shards, clock, rng);
        #[cfg(feature = "mutants")]
        {
            node.planted = spec.planted;
        }
        node
    };
    (0..spec.nodes).map(node).collect()
}

fn client(number: u32, spec: &ClusterSpec, rng: &Rng) -> Client {
    Client::new(ClientId(number), number / CLIENTS_PER_SHARD, spec.nodes, rng)
}
