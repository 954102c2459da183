//! Shards that hand slots over while agents make steps, with commands that come late, twice
//! or never. Each group is one durable state machine here: that it is one is Raft's to prove.

use std::collections::{BTreeMap, BTreeSet};

use nexus_cluster::shard::{
    Command as Order, Handoff, Kind, Plan, ShardId, ShardMap, Stage, Step as Move, Task,
};

use super::*;

/// Commands under way; more are lost.
const UNDER_WAY_MAX: usize = 40;

/// Agents that make steps, two in each slot.
const AGENTS: u16 = 10;

/// Rounds that everything takes to finish, at most.
const ROUNDS_MAX: usize = 2_000;

pub(super) struct World {
    map: ShardMap,
    groups: BTreeMap<ShardId, ShardState>,
    /// New shards whose split was given up: they end with all they have.
    given_up: BTreeSet<ShardId>,
    under_way: Vec<(ShardId, Command)>,
    planted: Option<Planted>,
    /// What steps that were taken have added to each agent.
    taken: BTreeMap<AgentId, Vec<u64>>,
    tokens: u64,
    handled: BTreeSet<(AgentId, Request)>,
    /// What each origin asks of an agent now.
    asks: BTreeMap<(u128, AgentId), u64>,
    set: BTreeMap<(AgentId, String), u64>,
    sent: BTreeMap<AgentId, Vec<AgentId>>,
    received: BTreeMap<(AgentId, AgentId), Vec<u64>>,
    names: BTreeMap<AgentId, Registration>,
    over: BTreeMap<NodeId, u64>,
    parts: BTreeMap<HandoffId, Vec<Part>>,
    /// What has come about, for whoever asks whether it did.
    pub(super) seen: BTreeMap<&'static str, u64>,
}

fn agents() -> impl Iterator<Item = AgentId> {
    (0..AGENTS).map(|number| agent(number / 2, number.into()))
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// What is kept of an agent, as the steps that were taken.
fn history(record: Option<&Record>) -> Vec<u64> {
    let Some(kept) = record.and_then(Record::kept) else { return Vec::new() };
    let bytes = kept.whole.iter().chain(&kept.events).flat_map(|bytes| bytes.chunks(8));
    bytes.map(|token| u64::from_le_bytes(token.try_into().expect("eight bytes"))).collect()
}

impl World {
    pub(super) fn new(planted: Option<Planted>) -> World {
        let mut world = World {
            map: ShardMap::new(vec![NodeId(1)]).expect("a node"),
            groups: BTreeMap::new(),
            given_up: BTreeSet::new(),
            under_way: Vec::new(),
            planted,
            taken: BTreeMap::new(),
            tokens: 0,
            handled: BTreeSet::new(),
            asks: BTreeMap::new(),
            set: BTreeMap::new(),
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            names: BTreeMap::new(),
            over: BTreeMap::new(),
            parts: BTreeMap::new(),
            seen: BTreeMap::new(),
        };
        world.add_group(ShardId(0), SlotSet::all());
        world
    }

    fn add_group(&mut self, id: ShardId, slots: SlotSet) {
        let mut state = ShardState::new(Holding::new(slots));
        state.plant(self.planted);
        self.groups.insert(id, state);
    }

    fn count(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    pub(super) fn step(&mut self, what: u8, which: u16) -> Result<(), String> {
        let mut rng = Rng::new(which.into());
        let under_way = self.under_way.len() as u64;
        match what % 16 {
            0 => self.begin(&mut rng),
            1 | 2 => self.drive()?,
            3..=7 if under_way > 0 => {
                let place = rng.below(under_way) as usize;
                let (shard, command) = self.under_way[place].clone();
                if rng.below(3) > 0 {
                    self.under_way.swap_remove(place);
                }
                self.deliver(shard, &command)?;
            }
            8 if under_way > 0 => drop(self.under_way.swap_remove(rng.below(under_way) as usize)),
            9 => self.decide(rng.below(3) > 0, &mut rng),
            10 => self.restore(&mut rng)?,
            11 => self.ring(&mut rng),
            12 => self.carry(&mut rng),
            13 => self.name(&mut rng),
            _ => self.ask(&mut rng),
        }
        Ok(())
    }

    fn propose(&mut self, shard: ShardId, command: Command) {
        if self.under_way.len() < UNDER_WAY_MAX {
            self.under_way.push((shard, command));
        }
    }

    fn begin(&mut self, rng: &mut Rng) {
        let shards: Vec<ShardId> = self.map.shards().map(|(id, _)| id).collect();
        let mut pick = |count: usize| rng.below(count as u64) as usize;
        let (from, to) = (shards[pick(shards.len())], shards[pick(shards.len())]);
        let slots: SlotSet = (0..6).filter(|_| pick(2) == 0).filter_map(Slot::new).collect();
        let slots = slots.intersection(&self.map.shard(from).expect("it is").slots);
        let plan = match pick(4) {
            0 if shards.len() < 3 => Plan::Split { shard: from, slots, replicas: vec![NodeId(1)] },
            1 => Plan::Merge { from, to },
            _ => Plan::Move { from, to, slots },
        };
        if self.map.apply(&Order::Begin(plan)).is_ok() {
            let to = self.map.handoffs().last().expect("it has begun").1.to;
            if !self.groups.contains_key(&to) {
                self.add_group(to, SlotSet::new());
            }
        }
    }

    /// Proposes whatever handoffs wait for.
    fn drive(&mut self) -> Result<(), String> {
        let tasks: Vec<Task> = self.map.tasks().collect();
        for Task { handoff, shard, step, slots, from } in tasks {
            let mut count = 0;
            if step == Move::Install {
                let parts = self.groups.get(&from).and_then(|source| source.parts(handoff, &slots));
                let Some(parts) = parts else { continue };
                let first = self.parts.entry(handoff).or_insert_with(|| parts.clone());
                ensure(self.planted.is_some() || *first == parts, || {
                    format!("what is sealed for {handoff} has changed")
                })?;
                count = parts.len() as u32;
                for part in parts {
                    self.propose(shard, Command::Part { handoff, slots: slots.clone(), part });
                }
            }
            self.propose(shard, Command::Handoff { handoff, step, slots, parts: count });
        }
        Ok(())
    }

    fn decide(&mut self, commit: bool, rng: &mut Rng) {
        let undecided = |handoff: &Handoff| {
            !matches!(handoff.stage, Stage::Committed { .. } | Stage::Aborted { .. })
        };
        let all: Vec<HandoffId> = self
            .map
            .handoffs()
            .filter(|(_, handoff)| undecided(handoff))
            .map(|(id, _)| id)
            .collect();
        if all.is_empty() {
            return;
        }
        let id = all[rng.below(all.len() as u64) as usize];
        let new = self.map.handoff(id).filter(|of| !commit && of.kind == Kind::Split);
        self.given_up.extend(new.map(|of| of.to));
        let (order, what) =
            if commit { (Order::Commit(id), "committed") } else { (Order::Abort(id), "given up") };
        if self.map.apply(&order).is_ok() {
            self.count(what);
        }
    }

    /// A member restarts from a snapshot.
    fn restore(&mut self, rng: &mut Rng) -> Result<(), String> {
        let ids: Vec<ShardId> = self.groups.keys().copied().collect();
        let id = ids[rng.below(ids.len() as u64) as usize];
        let state = &self.groups[&id];
        let mut restored = ShardState::restore(&state.snapshot()).map_err(|e| e.to_string())?;
        restored.plant(self.planted);
        ensure(restored == *state, || "a snapshot is not all of it".to_owned())?;
        self.groups.insert(id, restored);
        Ok(())
    }

    /// A shard that takes steps of an agent, and the agent's next step there.
    fn next(&mut self, agent: AgentId, rng: &mut Rng) -> Option<(ShardId, Step)> {
        let takes = self.groups.iter().filter(|(_, state)| state.accepts(agent));
        let takes: Vec<ShardId> = takes.map(|(&id, _)| id).collect();
        let shard = *takes.get(rng.below(takes.len().max(1) as u64) as usize)?;
        Some((shard, self.next_at(shard, agent, rng)))
    }

    fn next_at(&mut self, shard: ShardId, agent: AgentId, rng: &mut Rng) -> Step {
        let record = self.groups[&shard].record(agent);
        let (mut tokens, last) = (history(record), record.map_or(0, Record::step));
        self.tokens += 1;
        let bytes = |tokens: &[u64]| {
            tokens.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<u8>>().into()
        };
        // One that runs ahead does not know what the one before it has changed.
        let ahead = rng.below(4) / 3;
        let change = if ahead == 0 && rng.below(3) == 0 {
            tokens.push(self.tokens);
            Change::Whole { version: 1, bytes: bytes(&tokens) }
        } else {
            Change::Events { version: 1, events: vec![bytes(&[self.tokens])] }
        };
        let count = rng.below(3) * rng.below(2);
        let mut any = || agents().nth(rng.below(AGENTS.into()) as usize).expect("as many");
        let letters = (0..count).map(|_| letter(any())).collect();
        let reminders = match rng.below(8) {
            0 | 1 => vec![remind(["x", "y", "z"][rng.below(3) as usize], rng.below(9))],
            2 => vec![ReminderChange::Forget { name: "x".to_owned() }],
            _ => Vec::new(),
        };
        Step { change, letters, reminders, ..step(agent, last + 1 + ahead) }
    }

    /// A client asks, for the first time or again.
    fn ask(&mut self, rng: &mut Rng) {
        let agent = agents().nth(rng.below(AGENTS.into()) as usize).expect("as many");
        let origin = u128::from(rng.below(3)) + 1_000;
        let Some((shard, mut step)) = self.next(agent, rng) else { return };
        let number = *self.asks.entry((origin, agent)).or_insert(1);
        let request = Request { from: Origin(origin), number };
        match self.groups[&shard].answered(agent, request) {
            Seen::New => {
                step.handled = handled(origin, number);
                self.propose(shard, Command::Step(Box::new(step)));
            }
            Seen::Answered(_) | Seen::Older => {
                self.asks.insert((origin, agent), number + 1);
            }
        }
    }

    /// A reminder that is due somewhere fires.
    fn ring(&mut self, rng: &mut Rng) {
        let groups = self.groups.iter();
        let due = groups.flat_map(|(&id, state)| {
            let due = state.due(Time::from_nanos(5), 9);
            due.map(move |(agent, name, it)| (id, agent, name.to_owned(), it.nonce))
        });
        let due: Vec<_> = due.collect();
        if due.is_empty() {
            return;
        }
        let (shard, agent, name, nonce) = due[rng.below(due.len() as u64) as usize].clone();
        let step = Step { fired: fired(&name, nonce), ..self.next_at(shard, agent, rng) };
        self.propose(shard, Command::Step(Box::new(step)));
    }

    /// A letter that waits somewhere is carried to its receiver, or said to be delivered.
    fn carry(&mut self, rng: &mut Rng) {
        let groups = self.groups.iter();
        let waiting = groups.flat_map(|(&id, state)| {
            state.letters().map(move |(from, number, letter)| (id, from, number, letter.to.clone()))
        });
        let waiting: Vec<_> = waiting.collect();
        if waiting.is_empty() {
            return;
        }
        let (home, from, number, to) = waiting[rng.below(waiting.len() as u64) as usize].clone();
        let to = agents().find(|agent| name(*agent) == to).expect("it is one of them");
        let Some((shard, mut step)) = self.next(to, rng) else { return };
        let request = Request { from: from.into(), number };
        if self.groups[&shard].answered(to, request) == Seen::New {
            step.handled = handled(request.from.0, number);
            self.propose(shard, Command::Step(Box::new(step)));
        } else {
            self.propose(home, Command::Delivered { agent: from, letter: number });
        }
    }

    /// A local agent gets a name, or gives it back, or its node begins a new life.
    fn name(&mut self, rng: &mut Rng) {
        let agent = agents().nth(rng.below(AGENTS.into()) as usize).expect("as many");
        let node = NodeId(rng.below(2));
        let over = self.over.get(&node).copied().unwrap_or(0);
        let entry = Registration { name: "room/1".to_owned(), node, incarnation: over + 1 };
        let ids: Vec<ShardId> = self.groups.keys().copied().collect();
        let shard = ids[rng.below(ids.len() as u64) as usize];
        match rng.below(8) {
            0 => {
                self.over.insert(node, over + 1);
            }
            1 | 2 if over > 0 => {
                self.propose(shard, Command::Forget { node, incarnation: Some(over) });
            }
            3 => self.propose(shard, Command::Unregister { agent, entry }),
            _ => self.propose(shard, Command::Register { agent, entry }),
        }
    }

    fn deliver(&mut self, shard: ShardId, command: &Command) -> Result<(), String> {
        let bytes = command.encode().map_err(|error| error.to_string())?;
        let command = Command::decode(&bytes).map_err(|error| error.to_string())?;
        let state = self.groups.get_mut(&shard).expect("groups stay");
        let applied = state.apply(state.applied().next(), &command);
        if !applied.is_done() {
            self.count("refused");
        }
        match command {
            Command::Step(step) if applied == Applied::Accepted => self.note(&step)?,
            Command::Handoff { handoff, step, .. } if applied.is_done() => {
                self.map.apply(&Order::Done { handoff, step }).map_err(|e| e.to_string())?;
            }
            Command::Register { agent, entry } if applied.is_done() => {
                self.count("names");
                self.names.insert(agent, entry);
            }
            Command::Unregister { agent, .. } if applied == Applied::Accepted => {
                self.names.remove(&agent);
            }
            _ => {}
        }
        Ok(())
    }

    /// A step was taken: may it have been, by what was taken before?
    fn note(&mut self, step: &Step) -> Result<(), String> {
        let agent = step.agent;
        self.count("steps");
        let token = match &step.change {
            Change::None => None,
            Change::Whole { bytes, .. } => bytes.chunks(8).next_back(),
            Change::Events { events, .. } => events.first().map(|event| &event[..]),
        };
        let token = token.and_then(|token| token.try_into().ok()).map(u64::from_le_bytes);
        self.taken.entry(agent).or_default().extend(token);
        if let Some(Handled { request, .. }) = step.handled {
            ensure(self.handled.insert((agent, request)), || {
                format!("{request:?} was handled twice by {agent}")
            })?;
            let from = AgentId::from_u128(request.from.0);
            if agents().any(|agent| agent == from) {
                self.count("letters");
                self.received.entry((from, agent)).or_default().push(request.number);
            }
        }
        if let Some(Fired { name, nonce }) = &step.fired {
            self.count("reminders");
            ensure(self.set.remove(&(agent, name.clone())) == Some(*nonce), || {
                format!("reminder {name} of step {nonce} took effect twice at {agent}")
            })?;
        }
        for change in &step.reminders {
            match change {
                ReminderChange::Set { name, .. } => {
                    self.set.insert((agent, name.clone()), step.number);
                }
                ReminderChange::Forget { name } => drop(self.set.remove(&(agent, name.clone()))),
            }
        }
        for letter in &step.letters {
            let to = agents().find(|agent| name(*agent) == letter.to).expect("one of them");
            self.sent.entry(agent).or_default().push(to);
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for agent in agents() {
            self.check_agent(agent)?;
        }
        for state in self.groups.values() {
            let mut fresh = state.clone();
            fresh.draw_up_agenda();
            ensure(fresh == *state, || "the agenda is not what follows from the records".into())?;
        }
        Ok(())
    }

    fn check_agent(&self, agent: AgentId) -> Result<(), String> {
        let slot = Slot::of(agent);
        let in_phase = |phase| {
            // One that was given up may still have a copy, and must not take writes.
            let counts = move |id| phase == Phase::Open || !self.given_up.contains(id);
            let groups = self.groups.iter().filter(move |(id, _)| counts(*id));
            let in_phase = |state: &&ShardState| state.holding().phase(slot).0 == phase;
            groups.map(|(_, state)| state).filter(in_phase).collect::<Vec<_>>()
        };
        let (open, sealed) = (in_phase(Phase::Open), in_phase(Phase::Sealed));
        ensure(open.len() <= 1, || format!("slot {slot} is open at {} places", open.len()))?;
        // The source may let go before the destination opens: it has been decided then.
        let installed = in_phase(Phase::Installed);
        let home = open.first().or(sealed.first()).or(installed.first());
        let home = home.ok_or_else(|| format!("slot {slot} is nowhere"))?;
        let taken = self.taken.get(&agent).cloned().unwrap_or_default();
        let kept = history(home.record(agent));
        ensure(kept == taken, || format!("{agent} has {kept:?} of {taken:?}"))
    }

    /// Everything is let finish; then what was promised has to have come about.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        let mut rng = Rng::new(9);
        for _ in 0..ROUNDS_MAX {
            self.drive()?;
            self.decide(true, &mut rng);
            self.ring_or_carry(&mut rng);
            for (shard, command) in std::mem::take(&mut self.under_way) {
                self.deliver(shard, &command)?;
                self.check()?;
            }
            let mut waiting = self.groups.values().map(|state| state.letters().count());
            if self.map.handoffs().len() == 0 && waiting.all(|waiting| waiting == 0) {
                return self.check_settled();
            }
        }
        Err("it does not come to an end".to_owned())
    }

    /// Lets a letter or a reminder be handled, without new ones.
    fn ring_or_carry(&mut self, rng: &mut Rng) {
        let from = self.under_way.len();
        self.carry(rng);
        self.ring(rng);
        for (_, command) in &mut self.under_way[from..] {
            if let Command::Step(step) = command {
                step.letters.clear();
                step.reminders.clear();
            }
        }
    }

    fn check_settled(&mut self) -> Result<(), String> {
        for shard in &self.given_up {
            let state = self.groups.remove(shard).expect("it was begun");
            ensure(state.holding().open().is_empty(), || format!("{shard} takes writes"))?;
        }
        let rests = |state: &ShardState| !state.arriving.is_empty() || !state.leaving.is_empty();
        ensure(!self.groups.values().any(rests), || "something is left of handoffs".to_owned())?;
        let mut sent: BTreeMap<(AgentId, AgentId), Vec<u64>> = BTreeMap::new();
        for (&from, letters) in &self.sent {
            for (number, &to) in (1..).zip(letters) {
                sent.entry((from, to)).or_default().push(number);
            }
        }
        ensure(sent == self.received, || "letters were lost, or came out of order".into())?;
        for (node, incarnation) in self.over.clone() {
            for shard in self.groups.keys().copied().collect::<Vec<_>>() {
                self.deliver(shard, &Command::Forget { node, incarnation: Some(incarnation) })?;
            }
        }
        let over = &self.over;
        self.names.retain(|_, it| over.get(&it.node).is_none_or(|&over| it.incarnation > over));
        for agent in agents() {
            let home = self.map.owner(Slot::of(agent));
            let state = &self.groups[&home];
            ensure(state.accepts(agent), || format!("{agent} is not open at its owner"))?;
            let found = state.directory().find(agent, "room/1");
            let names = self.names.get(&agent);
            ensure(found == names, || format!("{agent} is {found:?}, not {names:?}"))?;
        }
        let reminders = self.groups.values().flat_map(ShardState::records);
        let reminders: usize = reminders.map(|(_, record)| record.reminders().len()).sum();
        ensure(reminders == self.set.len(), || "reminders were lost".to_owned())
    }
}
