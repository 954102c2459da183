//! The state machine of a shard.

use std::collections::BTreeMap;

use nexus_base::{AgentId, Time};
use nexus_cluster::raft::Index;
use nexus_cluster::registry::{Directory, Registration};
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{HandoffId, Holding, Phase, SlotSet};
use serde::{Deserialize, Serialize};

use super::agenda::Agenda;
use super::answers::Seen;
use super::applied::{Applied, Refusal};
use super::command::Command;
use super::letters::Receipt;
use super::moving::Arriving;
use super::name::Request;
use super::planted::Planted;
use super::record::{Record, Reminder};
use super::step::{Letter, Step};

/// How much may be in the tables. All members of a group have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Agents of which something is kept; the first step of another is refused. What
    /// comes with slots is not.
    pub agents_max: usize,
    /// Names in the directory; another is refused. What comes with slots is not.
    pub names_max: usize,
}

/// Source: a guess; some gigabytes of small agents.
impl Default for Limits {
    fn default() -> Limits {
        Limits { agents_max: 1 << 22, names_max: 1 << 20 }
    }
}

/// What one shard keeps: the same at all members of its group, changed by its log alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardState {
    pub(super) limits: Limits,
    /// The place in the log of the last command.
    pub(super) applied: Index,
    pub(super) holding: Holding,
    pub(super) agents: BTreeMap<AgentId, Record>,
    /// The names of all slots but the sealed ones.
    pub(super) directory: Directory,
    /// The names of sealed slots, with what was known of lives that were over when the
    /// seal came: so that what is sent of the slots is the same however often it is read.
    pub(super) leaving: BTreeMap<HandoffId, Directory>,
    /// What has come of slots that are to be installed.
    pub(super) arriving: BTreeMap<HandoffId, Arriving>,
    pub(super) agenda: Agenda,
    planted: Option<Planted>,
}

impl ShardState {
    /// A shard with no agents, and the usual limits.
    pub fn new(holding: Holding) -> ShardState {
        ShardState::with_limits(holding, Limits::default())
    }

    /// A shard with no agents.
    pub fn with_limits(holding: Holding, limits: Limits) -> ShardState {
        ShardState {
            limits,
            applied: Index(0),
            holding,
            agents: BTreeMap::new(),
            directory: Directory::new(limits.names_max),
            leaving: BTreeMap::new(),
            arriving: BTreeMap::new(),
            agenda: Agenda::default(),
            planted: None,
        }
    }

    /// Gives it a bug, or none. Of this member alone, and not stored.
    #[cfg(any(test, feature = "mutants"))]
    pub fn plant(&mut self, planted: Option<Planted>) {
        self.planted = planted;
        self.draw_up_agenda();
    }

    fn is(&self, planted: Planted) -> bool {
        self.planted == Some(planted)
    }

    /// The place in the log of the last command.
    pub const fn applied(&self) -> Index {
        self.applied
    }

    /// How it stands to slots.
    pub const fn holding(&self) -> &Holding {
        &self.holding
    }

    /// Whether steps of an agent are taken now.
    pub fn accepts(&self, agent: AgentId) -> bool {
        let slot = Slot::of(agent);
        let is_sealed = || self.holding.phase(slot).0 == Phase::Sealed;
        self.holding.accepts(slot) || (self.is(Planted::SealIgnored) && is_sealed())
    }

    /// What is kept of an agent; also while its slot is not open.
    pub fn record(&self, agent: AgentId) -> Option<&Record> {
        self.agents.get(&agent)
    }

    /// All agents of which something is kept, in order of their ids; also those whose slots
    /// are not open.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (AgentId, &Record)> {
        self.agents.iter().map(|(&agent, record)| (agent, record))
    }

    /// The names of agents that live on the node that made them; of all slots but those
    /// that are sealed.
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Whether an agent has handled a request.
    pub fn answered(&self, agent: AgentId, request: Request) -> Seen {
        self.record(agent).map_or(Seen::New, |record| record.answered(request))
    }

    /// The reminders of open slots that are due at `now` by the wall clock, the earliest
    /// first, at most `limit`: whose, and what they are called. Each is offered until a step
    /// says that it has [fired](Step::fired).
    pub fn due(&self, now: Time, limit: usize) -> impl Iterator<Item = (AgentId, &str, &Reminder)> {
        let due = self.agenda.reminders.iter().take_while(move |(at, ..)| *at <= now);
        due.take(limit).map(|(_, agent, name)| {
            let reminder = &self.agents[agent].reminders()[name];
            (*agent, name.as_str(), reminder)
        })
    }

    /// When the next reminder is due, by the wall clock.
    pub fn next_reminder(&self) -> Option<Time> {
        self.agenda.reminders.first().map(|&(at, ..)| at)
    }

    /// For each sender of the open slots and each of its receivers the letter that comes
    /// next, with its number. It is offered until it is said to be
    /// [delivered](Command::Delivered).
    pub fn letters(&self) -> impl Iterator<Item = (AgentId, u64, &Letter)> {
        self.agenda.senders.iter().flat_map(|&sender| self.letters_of(sender))
    }

    /// Those of [`Self::letters`] that one agent has sent.
    pub fn letters_of(&self, sender: AgentId) -> impl Iterator<Item = (AgentId, u64, &Letter)> {
        let is_offered = self.agenda.senders.contains(&sender);
        let record = self.agents.get(&sender).filter(|_| is_offered);
        let heads = record.into_iter().flat_map(|record| record.letters().heads());
        heads.map(move |(number, letter)| (sender, number, letter))
    }

    /// Carries out a command of the log.
    ///
    /// # Panics
    /// If `index` is not beyond that of the command before: a log is applied in order, once.
    pub fn apply(&mut self, index: Index, command: &Command) -> Applied {
        let before = self.applied;
        assert!(index > before, "a log is applied in order: {index:?} after {before:?}");
        self.applied = index;
        let applied = match command {
            Command::Step(step) => self.step(step),
            &Command::Delivered { agent, letter } => self.delivered(agent, letter),
            &Command::Handoff { handoff, step, ref slots, parts } => {
                self.hand_off(handoff, step, slots, parts)
            }
            &Command::Part { handoff, ref slots, ref part } => self.stage(handoff, slots, part),
            Command::Register { agent, entry } => self.register(*agent, entry),
            Command::Unregister { agent, entry } => self.unregister(*agent, entry),
            &Command::Forget { node, incarnation } => {
                match incarnation {
                    Some(incarnation) => drop(self.directory.forget(node, incarnation)),
                    None => self.directory.remove_member(node),
                }
                Ok(Applied::Accepted)
            }
        };
        applied.unwrap_or_else(Applied::Refused)
    }

    fn step(&mut self, step: &Step) -> Result<Applied, Refusal> {
        self.check_step(step)?;
        let fresh = || Record::new(step.name.clone());
        let record = self.agents.entry(step.agent).or_insert_with(fresh);
        self.agenda.remove(step.agent, record);
        record.take(step);
        if is_on_agenda(&self.holding, self.planted, step.agent) {
            self.agenda.add(step.agent, record);
        }
        Ok(Applied::Accepted)
    }

    fn check_step(&self, step: &Step) -> Result<(), Refusal> {
        let fires_sealed = self.is(Planted::ReminderTwice)
            && step.fired.is_some()
            && self.holding.phase(Slot::of(step.agent)).0 == Phase::Sealed;
        if !self.accepts(step.agent) && !fires_sealed {
            return Err(self.not_open(step.agent));
        }
        let record = self.agents.get(&step.agent);
        let expected = record.map_or(0, Record::step).saturating_add(1);
        if step.number != expected && !self.is(Planted::AnyOrder) {
            return Err(Refusal::OutOfOrder { expected });
        }
        if let Some(fired) = &step.fired
            && !record.is_some_and(|record| record.has(fired))
        {
            return Err(Refusal::ReminderGone);
        }
        let agents_max = self.limits.agents_max;
        match record {
            Some(record) => record.check(step),
            None if self.agents.len() >= agents_max => Err(Refusal::TooManyAgents { agents_max }),
            None => Record::new(step.name.clone()).check(step),
        }
    }

    pub(super) fn not_open(&self, agent: AgentId) -> Refusal {
        let slot = Slot::of(agent);
        Refusal::NotOpen { slot, phase: self.holding.phase(slot).0 }
    }

    // Not for sealed slots either: what is held of them is final, so that all who read it
    // read the same. The next owner sends the letter again, and hears that it was received.
    fn delivered(&mut self, agent: AgentId, letter: u64) -> Result<Applied, Refusal> {
        if !self.holding.accepts(Slot::of(agent)) {
            return Err(self.not_open(agent));
        }
        let Some(record) = self.agents.get_mut(&agent) else { return Ok(Applied::Unchanged) };
        match record.letters_mut().receive(letter) {
            Receipt::Gone => Ok(Applied::Unchanged),
            Receipt::Early { first } => Err(Refusal::LetterTooEarly { first }),
            Receipt::Removed => {
                self.agenda.note_letters(agent, record);
                Ok(Applied::Accepted)
            }
        }
    }

    fn register(&mut self, agent: AgentId, entry: &Registration) -> Result<Applied, Refusal> {
        if !self.holding.accepts(Slot::of(agent)) {
            return Err(self.not_open(agent));
        }
        if self.directory.find(agent, &entry.name) == Some(entry) {
            return Ok(Applied::Unchanged);
        }
        let registered = self.directory.register(agent, entry.clone());
        registered.map(|()| Applied::Accepted).map_err(Refusal::Directory)
    }

    fn unregister(&mut self, agent: AgentId, entry: &Registration) -> Result<Applied, Refusal> {
        if !self.holding.accepts(Slot::of(agent)) {
            return Err(self.not_open(agent));
        }
        let was_theirs = self.directory.unregister(agent, entry);
        Ok(if was_theirs { Applied::Accepted } else { Applied::Unchanged })
    }

    /// Puts onto the agenda what is to be there, and nothing else.
    pub(super) fn draw_up_agenda(&mut self) {
        self.agenda = Agenda::default();
        for (&agent, record) in &self.agents {
            if is_on_agenda(&self.holding, self.planted, agent) {
                self.agenda.add(agent, record);
            }
        }
    }

    /// The same, where only `slots` have changed.
    pub(super) fn update_agenda(&mut self, slots: &SlotSet) {
        for (agent, record) in agents_in(&self.agents, slots) {
            self.agenda.remove(agent, record);
            if is_on_agenda(&self.holding, self.planted, agent) {
                self.agenda.add(agent, record);
            }
        }
    }
}

fn is_on_agenda(holding: &Holding, planted: Option<Planted>, agent: AgentId) -> bool {
    let slot = Slot::of(agent);
    let is_sealed = || holding.phase(slot).0 == Phase::Sealed;
    holding.accepts(slot) || (planted == Some(Planted::ReminderTwice) && is_sealed())
}

/// The agents of some slots, in order: those of one range of slots follow each other.
pub(super) fn agents_in<'a>(
    agents: &'a BTreeMap<AgentId, Record>,
    slots: &SlotSet,
) -> impl Iterator<Item = (AgentId, &'a Record)> {
    let ranges: Vec<(u16, u16)> = slots.clone().into();
    ranges.into_iter().flat_map(|(first, last)| {
        let edge = |number, low: u128| {
            let slot = Slot::new(number).expect("only slots are in a set");
            AgentId::from_u128((u128::from(slot.position()) << 64) | low)
        };
        // Of an id the slot is the first bits: below them all may be set.
        let below = (1u128 << 114) - 1;
        agents.range(edge(first, 0)..=edge(last, below)).map(|(&agent, record)| (agent, record))
    })
}
