//! The state machine of one shard.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use nexus_base::{AgentId, Time};
use nexus_cluster::raft::Index;
use nexus_cluster::registry::Directory;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{self, HandoffId, Holding, Progress, SlotSet};
use serde::{Deserialize, Serialize};

use super::applied::{Applied, Refusal};
use super::codec;
use super::command::Command;
use super::name::{AgentName, Request};
use super::part::{Key, Load, PARTS_MAX, Part};
use super::record::{Record, Reminder};
use super::step::{Letter, Step};

/// Agents that one shard keeps. A guess: with the least of records some gigabytes.
pub const AGENTS_MAX: usize = 16 << 20;

/// Names of local agents in one shard. A guess.
const NAMES_MAX: usize = 4 << 20;

/// Handoffs whose parts are staged at a time. A guess: a shard takes part in a few.
pub const HANDOFFS_STAGED_MAX: usize = 64;

/// What one shard keeps: the state machine of its group.
///
/// Equal commands in equal order give equal states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardState {
    holding: Holding,
    agents: BTreeMap<AgentId, Record>,
    directory: Directory,
    /// What has come of slots that are to be installed.
    arriving: BTreeMap<HandoffId, Arriving>,
    /// Reminders by when they are due.
    due: BTreeSet<(Time, AgentId, String)>,
    /// Letters by sender and receiver.
    outgoing: BTreeMap<(AgentId, AgentName), BTreeSet<u64>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Arriving {
    slots: SlotSet,
    parts: BTreeMap<u32, Bytes>,
}

/// A state as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    holding: Holding,
    agents: Vec<(Key, Record)>,
    directory: Directory,
    arriving: BTreeMap<HandoffId, Arriving>,
}

/// Bytes that are no state of a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the bytes are no state of a shard: damaged, or of another version")]
pub struct BadSnapshot;

/// What is known of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nothing.
    New,
    /// It was handled, with this answer.
    Answered(Bytes),
    /// Its origin has asked something later meanwhile.
    Older,
}

impl ShardState {
    /// A shard with no agents.
    pub fn new(holding: Holding) -> ShardState {
        ShardState {
            holding,
            agents: BTreeMap::new(),
            directory: Directory::new(NAMES_MAX),
            arriving: BTreeMap::new(),
            due: BTreeSet::new(),
            outgoing: BTreeMap::new(),
        }
    }

    /// How it stands to each slot.
    pub const fn holding(&self) -> &Holding {
        &self.holding
    }

    /// What is kept of an agent.
    pub fn record(&self, agent: AgentId) -> Option<&Record> {
        self.agents.get(&agent)
    }

    /// All agents of which something is kept, in order of their ids.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (AgentId, &Record)> {
        self.agents.iter().map(|(&agent, record)| (agent, record))
    }

    /// The names of agents that live on the node that made them.
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Whether a request was handled.
    pub fn answered(&self, agent: AgentId, request: Request) -> Seen {
        let last = self.agents.get(&agent).and_then(|record| record.answer(request.from));
        match last {
            Some((last, reply)) if last == request.number => Seen::Answered(reply.clone()),
            Some((last, _)) if last > request.number => Seen::Older,
            _ => Seen::New,
        }
    }

    /// Reminders that are due by `now`, the oldest first, at most `limit`.
    pub fn due(&self, now: Time, limit: usize) -> impl Iterator<Item = (AgentId, &str, &Reminder)> {
        let until = self.due.iter().take_while(move |(at, _, _)| *at <= now);
        let open = until.filter(|(_, agent, _)| self.accepts(*agent));
        open.take(limit).filter_map(|(_, agent, name)| {
            let reminder = self.agents.get(agent)?.reminder(name)?;
            Some((*agent, &name[..], reminder))
        })
    }

    /// When the first reminder is due.
    pub fn next_reminder(&self) -> Option<Time> {
        self.due.first().map(|first| first.0)
    }

    /// The letter that each receiver is to get next from each sender.
    pub fn letters(&self) -> impl Iterator<Item = (AgentId, u64, &Letter)> {
        let open = self.outgoing.iter().filter(|((sender, _), _)| self.accepts(*sender));
        open.filter_map(|((sender, _), numbers)| {
            let first = *numbers.first()?;
            Some((*sender, first, self.agents.get(sender)?.letter(first)?))
        })
    }

    fn accepts(&self, agent: AgentId) -> bool {
        self.holding.accepts(Slot::of(agent))
    }

    /// What it holds of sealed slots, for who is to install it; none if they are not sealed
    /// for that handoff.
    pub fn parts(&self, handoff: HandoffId, slots: &SlotSet) -> Option<Vec<Part>> {
        if !self.holding.is_sealed(handoff, slots) {
            return None;
        }
        let inside = self.agents.iter().filter(|(agent, _)| slots.contains(Slot::of(**agent)));
        let agents = inside.map(|(&agent, record)| (Key(agent), record.clone())).collect();
        let directory = self.directory.clone().split_off(slots);
        Some(Load { agents, directory }.cut())
    }

    /// Carries a command out.
    pub fn apply(&mut self, _at: Index, command: &Command) -> Applied {
        let outcome = match command {
            Command::Step(step) => self.take(step),
            Command::Delivered { agent, letter } => self.delivered(*agent, *letter),
            Command::Handoff { handoff, step, slots, parts } => {
                self.hand_over(*handoff, *step, slots, *parts)
            }
            Command::Part { handoff, slots, part } => self.stage(*handoff, slots, part),
            Command::Register { agent, entry } => self.check_open(*agent).and_then(|()| {
                let done = self.directory.register(*agent, entry.clone());
                done.map(|()| Applied::Accepted).map_err(Refusal::Directory)
            }),
            Command::Unregister { agent, entry } => {
                let check = self.check_open(*agent);
                check.map(|()| done(self.directory.unregister(*agent, entry)))
            }
            Command::Forget { node, incarnation: Some(incarnation) } => {
                self.directory.forget(*node, *incarnation);
                Ok(Applied::Accepted)
            }
            Command::Forget { node, incarnation: None } => {
                self.directory.remove_member(*node);
                Ok(Applied::Accepted)
            }
        };
        outcome.unwrap_or_else(Applied::Refused)
    }

    fn check_open(&self, agent: AgentId) -> Result<(), Refusal> {
        let slot = Slot::of(agent);
        if self.holding.accepts(slot) {
            return Ok(());
        }
        Err(Refusal::NotOpen { slot, phase: self.holding.phase(slot).0 })
    }

    fn take(&mut self, step: &Step) -> Result<Applied, Refusal> {
        let agent = step.agent;
        self.check_open(agent)?;
        let fresh = Record::new(step.name.clone());
        let record = self.agents.get(&agent).unwrap_or(&fresh);
        let expected = record.step() + 1;
        if step.number != expected {
            return Err(Refusal::OutOfOrder { expected });
        }
        if let Some(fired) = &step.fired
            && record.reminder(&fired.name).is_none_or(|set| set.nonce != fired.nonce)
        {
            return Err(Refusal::ReminderGone);
        }
        record.check(step)?;
        if self.agents.len() >= AGENTS_MAX && !self.agents.contains_key(&agent) {
            return Err(Refusal::TooManyAgents { agents_max: AGENTS_MAX });
        }
        self.unindex(agent);
        self.agents.entry(agent).or_insert(fresh).take(step);
        self.index(agent);
        Ok(Applied::Accepted)
    }

    fn delivered(&mut self, agent: AgentId, number: u64) -> Result<Applied, Refusal> {
        self.check_open(agent)?;
        let letter = self.agents.get(&agent).and_then(|record| record.letter(number));
        let Some(to) = letter.map(|letter| letter.to.clone()) else {
            return Ok(Applied::Unchanged);
        };
        let key = (agent, to);
        let first = self.outgoing.get(&key).and_then(|numbers| numbers.first().copied());
        if let Some(first) = first.filter(|first| *first != number) {
            return Err(Refusal::LetterTooEarly { first });
        }
        if let Some(record) = self.agents.get_mut(&agent) {
            record.received(number);
        }
        if let Some(numbers) = self.outgoing.get_mut(&key) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.outgoing.remove(&key);
            }
        }
        Ok(Applied::Accepted)
    }

    fn stage(
        &mut self,
        handoff: HandoffId,
        slots: &SlotSet,
        part: &Part,
    ) -> Result<Applied, Refusal> {
        let first = slots.iter().next();
        // It has gone further: what comes late is not needed.
        if first.is_none_or(|slot| self.holding.phase(slot).1 >= handoff) {
            return Ok(Applied::Unchanged);
        }
        if self.arriving.len() >= HANDOFFS_STAGED_MAX && !self.arriving.contains_key(&handoff) {
            return Err(Refusal::TooManyHandoffs { handoffs_max: HANDOFFS_STAGED_MAX });
        }
        let fresh = || Arriving { slots: slots.clone(), parts: BTreeMap::new() };
        let arriving = self.arriving.entry(handoff).or_insert_with(fresh);
        if arriving.slots != *slots {
            return Err(Refusal::OtherSlots);
        }
        let before = arriving.parts.insert(part.number, part.bytes.clone());
        Ok(done(before.as_ref() != Some(&part.bytes)))
    }

    fn hand_over(
        &mut self,
        handoff: HandoffId,
        step: shard::Step,
        slots: &SlotSet,
        parts: u32,
    ) -> Result<Applied, Refusal> {
        let mut holding = self.holding.clone();
        let progress = holding.apply(handoff, step, slots).map_err(Refusal::Handoff)?;
        if progress == Progress::Unchanged {
            return Ok(Applied::Unchanged);
        }
        match step {
            shard::Step::Install => self.install(handoff, slots, parts)?,
            shard::Step::Drop => self.let_go(slots),
            shard::Step::Discard => {
                self.arriving.remove(&handoff);
                self.let_go(slots);
            }
            shard::Step::Seal | shard::Step::Open | shard::Step::Unseal => {}
        }
        self.holding = holding;
        Ok(Applied::Accepted)
    }

    fn install(&mut self, handoff: HandoffId, slots: &SlotSet, parts: u32) -> Result<(), Refusal> {
        let staged = self.arriving.get(&handoff);
        let staged = staged.map_or(0, |arriving| arriving.parts.range(..parts).count());
        if staged < parts as usize {
            return Err(Refusal::Incomplete { staged, parts });
        }
        if self.arriving.get(&handoff).is_some_and(|arriving| arriving.slots != *slots) {
            return Err(Refusal::OtherSlots);
        }
        let Some(arriving) = self.arriving.remove(&handoff) else { return Ok(()) };
        let pieces = arriving.parts.range(..parts.min(PARTS_MAX)).map(|(_, bytes)| bytes);
        let load = Load::join(pieces).ok_or(Refusal::Damaged)?;
        for (Key(agent), record) in load.agents {
            if slots.contains(Slot::of(agent)) {
                self.agents.insert(agent, record);
                self.index(agent);
            }
        }
        self.directory.absorb(load.directory);
        Ok(())
    }

    fn let_go(&mut self, slots: &SlotSet) {
        let inside = self.agents.keys().filter(|agent| slots.contains(Slot::of(**agent)));
        for agent in inside.copied().collect::<Vec<_>>() {
            self.unindex(agent);
            self.agents.remove(&agent);
        }
        drop(self.directory.split_off(slots));
    }

    fn index(&mut self, agent: AgentId) {
        let Some(record) = self.agents.get(&agent) else { return };
        for (name, reminder) in record.reminders() {
            self.due.insert((reminder.at, agent, name.to_owned()));
        }
        for (number, letter) in record.letters() {
            self.outgoing.entry((agent, letter.to.clone())).or_default().insert(number);
        }
    }

    fn unindex(&mut self, agent: AgentId) {
        let Some(record) = self.agents.get(&agent) else { return };
        for (name, reminder) in record.reminders() {
            self.due.remove(&(reminder.at, agent, name.to_owned()));
        }
        for (_, letter) in record.letters() {
            self.outgoing.remove(&(agent, letter.to.clone()));
        }
    }

    /// All of it as bytes.
    pub fn snapshot(&self) -> Bytes {
        let agents = self.agents.iter().map(|(&agent, record)| (Key(agent), record.clone()));
        let stored = Stored {
            holding: self.holding.clone(),
            agents: agents.collect(),
            directory: self.directory.clone(),
            arriving: self.arriving.clone(),
        };
        postcard::to_allocvec(&stored).expect("all of it has a form").into()
    }

    /// A state from its bytes.
    ///
    /// # Errors
    /// [`BadSnapshot`].
    pub fn restore(bytes: &[u8]) -> Result<ShardState, BadSnapshot> {
        let stored: Stored = codec::read(bytes).ok_or(BadSnapshot)?;
        let mut state = ShardState::new(stored.holding);
        (state.directory, state.arriving) = (stored.directory, stored.arriving);
        for (Key(agent), record) in stored.agents {
            state.agents.insert(agent, record);
            state.index(agent);
        }
        Ok(state)
    }
}

const fn done(changed: bool) -> Applied {
    if changed { Applied::Accepted } else { Applied::Unchanged }
}
