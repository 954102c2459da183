//! The simulated world of whole nodes.

use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_cluster::NodeId;
use nexus_node::{Answer, Ask, CallError, Input};

use super::by_hand::{self, ByHand};
use super::checkers::{Checker, Checkers, Seen};
use super::client::{Client, ClientId, Next, client_of};
use super::event::Event;
use super::kinds::Kinds;
use super::locker::{self, Locker};
use super::locking::{OpenShows, lockers};
use super::lure::Lure;
use super::node::{HELD_MAX, SimNode, datagram};
use super::op::{Op, Reply};
use super::outside::Outside;
use super::spec::{
    ACCOUNTS, AUDIT_WITHIN, CLERKS, GUESTS, QUIET_FOR, SETTLE_WITHIN, THINK_MEAN, clients,
    registers,
};
use super::words;
use crate::TraceHash;
use crate::cluster::{
    Attacked as _, Clock, ClusterSpec, ClusterTrace, Death, Families, Family, FaultCounts, Links,
    Listener, Nemesis, Plan, Ploy, Queue, Violation, draw_ppm, node_id,
};
use crate::mix::{Mix, content_hash};

/// How long a node whose disk took no more stays down.
const DOWN_WHEN_FULL: Duration = Duration::from_secs(1);

/// Events at one moment; beyond it time stands still for ever. A guess: far more than all
/// frames of a busy moment.
const EVENTS_PER_INSTANT_MAX: u32 = 1_000_000;

/// Nodes in virtual time, in which all that goes wrong follows from a seed.
///
/// ```
/// use std::time::Duration;
/// use nexus_sim::cluster::{ClusterSpec, Families};
/// use nexus_sim::nodes::NodesWorld;
///
/// let calm = Families::NONE;
/// let spec = ClusterSpec { nodes: 3, shards: 1, families: calm, ..ClusterSpec::new(7) };
/// let mut world = NodesWorld::new(spec);
/// world.run_for(Duration::from_secs(10));
/// assert_eq!(world.violations(), []);
/// assert!(world.acked() > 10);
/// ```
pub struct NodesWorld {
    pub(crate) spec: ClusterSpec,
    pub(crate) out: Outside,
    pub(crate) nodes: Vec<SimNode>,
    pub(crate) nemesis: Nemesis,
    clients: Vec<Client>,
    pub(crate) lockers: Vec<Locker>,
    pub(crate) open_shows: OpenShows,
    pub(crate) by_hand: ByHand,
    pub(crate) lure: Option<Lure>,
    /// Whether clients begin nothing of their own any more.
    pub(crate) quiet: bool,
    acked: u64,
    given_up: u64,
    /// Events since time moved last.
    at_once: u32,
}

impl NodesWorld {
    /// A cluster whose nodes have just started.
    ///
    /// # Panics
    /// If `spec` asks for fewer than three nodes, for no shard, or for more of them than
    /// [`NODES_MAX`](crate::cluster::NODES_MAX) and
    /// [`SHARDS_MAX`](crate::cluster::SHARDS_MAX).
    pub fn new(spec: ClusterSpec) -> NodesWorld {
        // One more, who asks all agents what they have at the end.
        let clients = clients(spec.shards) + 1;
        NodesWorld::start_with(spec, &Kinds::own(), clients)
    }

    /// The same with kinds of your own, and nobody who asks their agents but you, by
    /// [`Self::ask`]. Checkers watch all the same.
    ///
    /// # Panics
    /// As [`Self::new`] does, and if two kinds have one name.
    pub fn with_kinds(spec: ClusterSpec, kinds: &Kinds) -> NodesWorld {
        NodesWorld::start_with(spec, kinds, 0)
    }

    fn start_with(spec: ClusterSpec, kinds: &Kinds, clients: u32) -> NodesWorld {
        let (nodes_max, shards_max) = (crate::cluster::NODES_MAX, crate::cluster::SHARDS_MAX);
        assert!((3..=nodes_max).contains(&spec.nodes), "a cluster has 3 to 64 nodes");
        assert!((1..=shards_max).contains(&spec.shards), "it has 1 to 1,024 shards");
        let rng = Rng::new(spec.seed).fork("nodes");
        let out = outside(&spec, &rng);
        let registers = registers(spec.shards);
        let client = |one| Client::new(ClientId(one), registers, &rng);
        let mut world = NodesWorld {
            nodes: nodes(&spec, kinds, &out.plan, &rng),
            nemesis: Nemesis::new(&rng),
            clients: (0..clients).map(client).collect(),
            lockers: lockers(clients > 0, &rng),
            open_shows: OpenShows::new(),
            by_hand: ByHand::default(),
            lure: None,
            quiet: false,
            acked: 0,
            given_up: 0,
            at_once: 0,
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
        if self.out.plan.families != Families::NONE {
            self.out.checkers.see(NOBODY, &Seen::Troubled);
        }
        self.plan_blows();
        for client in 0..self.auditor().unwrap_or(0) {
            self.wake(client, THINK_MEAN);
        }
        self.begin_locking();
    }

    /// Watches with one more checker, from now on.
    pub fn add_checker(&mut self, checker: Box<dyn Checker>) {
        self.out.checkers.add(checker);
    }

    /// Tells `listener` of each event in words. Changes nothing, and takes time.
    pub fn listen(&mut self, listener: Listener) {
        self.out.trace.listen(listener);
    }

    /// Lets virtual time pass, or stops at the first violation.
    ///
    /// # Panics
    /// If time stands still, or the code that is run breaks a promise to itself.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.out.now.after(time);
        while self.step(until) {
            if self.out.checkers.is_violated() {
                return;
            }
        }
        self.move_to(until);
    }

    /// The next event, if it is not later than `until`.
    pub(crate) fn step(&mut self, until: Time) -> bool {
        let Some((at, event)) = self.out.queue.pop(until) else { return false };
        self.at_once = if at == self.out.now { self.at_once + 1 } else { 0 };
        assert!(self.at_once < EVENTS_PER_INSTANT_MAX, "time stands still at {at}");
        self.move_to(at);
        self.dispatch(event);
        true
    }

    fn move_to(&mut self, now: Time) {
        self.out.now = now;
        self.out.checkers.move_to(now);
    }

    /// From now on nothing goes wrong; what is broken is whole again.
    pub fn heal(&mut self) {
        self.out.trace.say(self.out.now, format_args!("all is healed"));
        let by = self.out.now.after(SETTLE_WITHIN);
        self.out.checkers.see(NOBODY, &Seen::Healed { by });
        self.end_blows();
    }

    /// Lets a healed cluster settle, asks all agents what they have, and takes a last look at
    /// all nodes.
    pub fn settle(&mut self) {
        self.run_for(SETTLE_WITHIN);
        self.quiet = true;
        self.run_for(QUIET_FOR);
        self.audit();
        if self.out.checkers.is_violated() {
            return;
        }
        for node in &self.nodes {
            if let Some(life) = &node.life {
                self.out.checkers.see(node_id(node.index), &Seen::Final(&life.node));
            }
        }
        self.out.checkers.see(NOBODY, &Seen::Over);
    }

    /// The client who asks all agents what they have, at the end.
    fn auditor(&self) -> Option<u32> {
        (self.clients.len() as u32).checked_sub(1)
    }

    fn audit(&mut self) {
        let Some(auditor) = self.auditor() else { return };
        let registers = (0..registers(self.spec.shards)).map(|register| Op::Get { register });
        let accounts = (0..ACCOUNTS).map(|account| Op::Report { account });
        let clerks = (0..CLERKS).map(|clerk| Op::Rung { clerk });
        // So often that mostly each node is asked for each.
        let guests = (0..GUESTS * 4 * self.spec.nodes).map(|one| Op::Where { guest: one % GUESTS });
        self.clients[auditor as usize].script =
            registers.chain(accounts).chain(clerks).chain(guests).collect();
        self.wake(auditor, Duration::ZERO);
        self.run_for(AUDIT_WITHIN);
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
    pub fn violations(&self) -> Vec<Violation> {
        self.out.checkers.violations()
    }

    /// How often each family struck.
    pub fn faults(&self) -> FaultCounts {
        self.out.counts
    }

    /// Inputs that nodes have handled.
    pub fn events(&self) -> u64 {
        self.out.trace.events()
    }

    /// Operations that were answered.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Operations that were given up.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// What it all comes to: equal for equal runs, and hardly ever else.
    pub fn trace_hash(&self) -> TraceHash {
        self.out.trace.hash()
    }

    /// Numbers that checkers have counted, by name.
    pub fn figures(&self) -> Vec<(&'static str, u64)> {
        self.out.checkers.figures()
    }

    pub(crate) fn dispatch(&mut self, event: Event) {
        match event {
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
            Event::Reply { from, ticket, answer } => self.replied(from, ticket, answer),
            Event::Locker { locker, wake } => self.locker_goes_on(locker, wake),
            Event::LockTold { from, ticket, told } => self.locker_is_told(from, ticket, &told),
            event => self.reach(event),
        }
    }

    /// Something reaches a node, unless it is down; one that stands still takes it later.
    fn reach(&mut self, event: Event) {
        let (node, life) = match event {
            Event::Frame { to, .. }
            | Event::Datagram { to, .. }
            | Event::Ask { to, .. }
            | Event::LockAsk { to, .. } => (to, None),
            Event::Timer { node, incarnation }
            | Event::Synced { node, incarnation }
            | Event::Name { node, incarnation, .. } => (node, Some(incarnation)),
            _ => return,
        };
        let reached = &mut self.nodes[node as usize];
        if reached.life.is_none() || life.is_some_and(|life| life != reached.incarnation) {
            return;
        }
        if reached.stalled.is_some() {
            if life.is_some() || reached.held.len() < HELD_MAX {
                reached.held.push(event);
            }
            return;
        }
        self.hand_over(node, event);
    }

    fn hand_over(&mut self, node: u32, event: Event) {
        if let Event::LockAsk { ask, .. } = event {
            return self.lock_ask_arrives(node, ask);
        }
        let (now, place, id) = (self.out.now, u64::from(node), node_id(node));
        let reached = &mut self.nodes[node as usize];
        let (out, trace) = (&mut self.out, |out: &mut Outside, kind, content, words: &str| {
            out.trace.input(now, kind, place, content);
            out.trace.say(now, format_args!("{id}{words}"));
        });
        match event {
            Event::Frame { bytes, .. } => {
                out.trace.input(now, 1, place, content_hash(&bytes));
                words::say_frame(out, id, &bytes);
                reached.handle(out, Input::Frame(bytes));
            }
            Event::Datagram { from, bytes, .. } => {
                out.trace.input(now, 9, place, content_hash(&bytes));
                words::say_datagram(out, (node_id(from), id), &bytes);
                reached.handle(out, datagram(from, &bytes));
            }
            Event::Ask { ask, .. } => {
                out.trace.input(now, 4, place, ask.ticket);
                let (client, Ask { to, message, .. }) = (client_of(ask.ticket), &ask);
                out.trace.say(now, format_args!("{id} from client {client}: {to}: {message}"));
                reached.handle(out, Input::Ask(ask));
            }
            Event::Timer { .. } => {
                let had_to = reached.handle_timer(out);
                if had_to {
                    trace(out, 2, 0, ": its timer");
                }
            }
            Event::Name { guest, .. } => {
                trace(out, 17, guest.into(), ": asks for a guest's name, or gives it back");
                reached.ask_for_name(out, guest, self.quiet);
            }
            Event::Synced { .. } => {
                trace(out, 3, 0, ": its disk is done");
                if !reached.handle_synced(out) {
                    trace(out, 10, 0, ": its disk is full");
                    self.kill(node, Death::Process, DOWN_WHEN_FULL);
                }
            }
            _ => {}
        }
    }

    fn wake(&mut self, client: u32, later: Duration) {
        let one = &mut self.clients[client as usize];
        one.wake += 1;
        let wake = one.wake;
        self.out.after(later, Event::Client { client, wake });
    }

    fn client_goes_on(&mut self, client: u32) {
        let bait = self.bait();
        let one = &mut self.clients[client as usize];
        if one.pending.is_none() {
            if self.quiet && one.script.is_empty() {
                return;
            }
            let op = one.begin(bait.map(|(_, register)| register));
            let (client, number) = (one.id, one.number);
            self.out.checkers.see(NOBODY, &Seen::Invoked { client, number, op: &op });
        }
        let one = &mut self.clients[client as usize];
        let (id, number, op) = (one.id, one.number, one.pending.map(|pending| pending.op));
        let bites = |(_, register): &(u32, u32)| op == Some(Op::Get { register: *register });
        let lured = bait.filter(bites).map(|(node, _)| node);
        match (one.go_on(self.spec.nodes, lured), op) {
            (Some(Next::Send(node, ask, look)), _) => {
                let copies = self.out.ask(node, &ask);
                self.clients[client as usize].sent(copies);
                self.wake(client, look);
            }
            (Some(Next::GiveUp { unsure }), Some(op)) => {
                self.given_up += 1;
                let (client, op) = (id, &op);
                self.out.checkers.see(NOBODY, &Seen::GaveUp { client, number, op, unsure });
                let later = self.clients[client.0 as usize].think(THINK_MEAN);
                self.wake(client.0, later);
            }
            _ => {}
        }
    }

    fn replied(&mut self, from: u32, ticket: u64, answer: Result<Answer, CallError>) {
        if by_hand::is_by_hand(ticket) {
            self.out.trace.note(self.out.now, 8, u64::MAX, answer_hash(ticket, &answer));
            return self.by_hand.take_in(self.out.now, ticket, answer);
        }
        if locker::is_shown(ticket) {
            return self.fence_was_shown(from, ticket, &answer);
        }
        let client = client_of(ticket);
        let Some(one) = self.clients.get_mut(client as usize).filter(|one| one.is_meant(ticket))
        else {
            return;
        };
        let Some(op) = one.pending.map(|pending| pending.op) else { return };
        self.out.trace.note(self.out.now, 8, client.into(), answer_hash(ticket, &answer));
        words::say_answer(&mut self.out, (node_id(from), client), &op, &answer);
        let later = match answer {
            Ok(answer) => self.answered(from, client, op, &answer),
            Err(CallError::Refused { .. }) if matches!(op, Op::Where { .. }) => {
                self.returned(from, client, op, Reply::Nobody)
            }
            Err(error) if !error.may_have_changed() => one.was_refused(),
            // It looks elsewhere in its own time.
            Err(_) => return,
        };
        self.wake(client, later);
    }

    fn answered(&mut self, from: u32, client: u32, op: Op, answer: &Answer) -> Duration {
        let Some(reply) = op.reply(&answer.bytes) else {
            panic!("node {from} answers {op:?} with what is no such answer: {answer:?}");
        };
        self.returned(from, client, op, reply)
    }

    fn returned(&mut self, from: u32, client: u32, op: Op, reply: Reply) -> Duration {
        self.acked += 1;
        let one = &mut self.clients[client as usize];
        one.was_answered(match reply {
            Reply::Found(value) => value,
            Reply::Sum(sum) => Some(sum),
            _ => None,
        });
        let audits = !one.script.is_empty();
        let later = if audits { Duration::ZERO } else { one.think(THINK_MEAN) };
        let (client, number) = (one.id, one.number);
        let (op, reply) = (&op, &reply);
        self.note_write(from, op, reply);
        self.out.checkers.see(node_id(from), &Seen::Returned { client, number, op, reply });
        later
    }
}

/// Where clients are.
const NOBODY: NodeId = NodeId(0);

fn answer_hash(ticket: u64, answer: &Result<Answer, CallError>) -> u64 {
    let hash = Mix::new().word(ticket);
    match answer {
        Ok(answer) => hash.word(answer.term.0).bytes(&answer.bytes).finish(),
        Err(error) => hash.bytes(error.to_string().as_bytes()).finish(),
    }
}

fn outside(spec: &ClusterSpec, rng: &Rng) -> Outside {
    Outside {
        now: Time::ZERO,
        queue: Queue::default(),
        links: Links::new(spec.nodes, rng),
        plan: Plan::draw(spec.families, rng).with_ploy(Ploy::Echo),
        counts: FaultCounts::default(),
        checkers: Checkers::new(spec.watch),
        trace: ClusterTrace::new(),
        rng: rng.fork("client links"),
        lock_rng: rng.fork("locker links"),
    }
}

fn nodes(spec: &ClusterSpec, kinds: &Kinds, plan: &Plan, rng: &Rng) -> Vec<SimNode> {
    let node = |index: u32| {
        let mut rng_clock = rng.fork_index("clock", index.into());
        let drifts = plan.families.has(Family::ClockRate);
        let ppm = if drifts { draw_ppm(&mut rng_clock) } else { 0 };
        let clock = Clock::new(Time::ZERO, Time::ZERO, ppm);
        SimNode::new(index, spec, kinds.clone(), clock, rng)
    };
    (0..spec.nodes).map(node).collect()
}
