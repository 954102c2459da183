//! All that is kept of one agent.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_agent::JOURNAL_LEN_MAX;
use nexus_base::Time;
use nexus_cluster::bounded;
use serde::{Deserialize, Serialize};

use super::answers::{Answers, Seen};
use super::applied::Refusal;
use super::letters::Letters;
use super::name::{AgentName, Request};
use super::step::{Change, Fired, Handled, ReminderChange, Step, is_label};

/// Letters of an agent that wait to be received; a step with more is refused.
/// Source: as many as wait in a mailbox.
pub const LETTERS_MAX: usize = 1_024;

/// Reminders of an agent; a step with more is refused.
/// Source: a guess.
pub const REMINDERS_MAX: usize = 64;

/// Events kept since the whole state; a step with more is refused.
/// Source: four times what a journaled kind lets come together; a guess, for the events of
/// steps that are under way.
pub const EVENTS_MAX: usize = 4 * JOURNAL_LEN_MAX;

/// All that is kept of one agent. It moves with the agent's slot, whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    name: AgentName,
    step: u64,
    kept: Option<Kept>,
    answers: Answers,
    letters: Letters,
    #[serde(with = "reminders")]
    reminders: BTreeMap<String, Reminder>,
}

/// The state of an agent as it is kept; what the bytes mean is the agent's affair.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Of the bytes.
    pub version: u16,
    /// The state at some time; none if there were only events.
    pub whole: Option<Bytes>,
    /// What has happened since, in order.
    #[serde(deserialize_with = "bounded::list::<EVENTS_MAX, _, _>")]
    pub events: Vec<Bytes>,
}

impl Kept {
    /// How much that is.
    pub fn bytes(&self) -> u64 {
        let whole = self.whole.as_ref().map_or(0, Bytes::len);
        (whole + self.events.iter().map(Bytes::len).sum::<usize>()) as u64
    }
}

/// A message that an agent gets from itself, later.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reminder {
    /// When, by the wall clock.
    #[serde(with = "super::codec::nanos")]
    pub at: Time,
    /// The number of the step that set it, which tells it from others of its name.
    pub nonce: u64,
    /// The type of the message.
    pub message: String,
    /// The message.
    pub bytes: Bytes,
}

impl Record {
    /// One that has made no step.
    pub(super) fn new(name: AgentName) -> Record {
        Record {
            name,
            step: 0,
            kept: None,
            answers: Answers::default(),
            letters: Letters::default(),
            reminders: BTreeMap::new(),
        }
    }

    /// What the agent is called.
    pub const fn name(&self) -> &AgentName {
        &self.name
    }

    /// The number of its last step.
    pub const fn step(&self) -> u64 {
        self.step
    }

    /// Its state; none if no step has changed it.
    pub const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// What it has sent and is not received yet.
    pub const fn letters(&self) -> &Letters {
        &self.letters
    }

    pub(super) const fn letters_mut(&mut self) -> &mut Letters {
        &mut self.letters
    }

    /// Its reminders, by name.
    pub const fn reminders(&self) -> &BTreeMap<String, Reminder> {
        &self.reminders
    }

    /// Whether it has handled a request.
    pub fn answered(&self, request: Request) -> Seen {
        self.answers.seen(request)
    }

    /// Whether what a step carries may take effect. Its number is not looked at.
    pub(super) fn check(&self, step: &Step) -> Result<(), Refusal> {
        if self.name != step.name {
            return Err(Refusal::OtherName);
        }
        if let Some(Handled { request, .. }) = &step.handled
            && let Some(last) = self.answers.last_of(request.from)
            && last.request.number >= request.number
        {
            return Err(Refusal::HandledBefore { last: last.request.number });
        }
        self.check_change(&step.change)?;
        if self.letters.len() + step.letters.len() > LETTERS_MAX {
            return Err(Refusal::TooManyLetters);
        }
        match self.reminders_after(step) {
            reminders if reminders > REMINDERS_MAX => Err(Refusal::TooManyReminders),
            _ => Ok(()),
        }
    }

    fn check_change(&self, change: &Change) -> Result<(), Refusal> {
        let Change::Events { version, events } = change else { return Ok(()) };
        let (kept, count) = match &self.kept {
            Some(kept) => (kept.version, kept.events.len()),
            None => (*version, 0),
        };
        if kept != *version {
            return Err(Refusal::OtherVersion { kept });
        }
        if count + events.len() > EVENTS_MAX { Err(Refusal::TooManyEvents) } else { Ok(()) }
    }

    /// How many reminders there will be.
    fn reminders_after(&self, step: &Step) -> usize {
        let mut names: BTreeMap<&str, bool> = BTreeMap::new();
        if let Some(fired) = &step.fired {
            names.insert(&fired.name, false);
        }
        for change in &step.reminders {
            match change {
                ReminderChange::Set { name, .. } => names.insert(name, true),
                ReminderChange::Forget { name } => names.insert(name, false),
            };
        }
        let before = self.reminders.len();
        let (mut new, mut gone) = (0, 0);
        for (name, is_set) in names {
            match (self.reminders.contains_key(name), is_set) {
                (false, true) => new += 1,
                (true, false) => gone += 1,
                _ => {}
            }
        }
        before + new - gone
    }

    /// Whether the reminder is set.
    pub(super) fn has(&self, fired: &Fired) -> bool {
        self.reminders.get(&fired.name).is_some_and(|reminder| reminder.nonce == fired.nonce)
    }

    /// Lets a step take effect that was checked.
    pub(super) fn take(&mut self, step: &Step) {
        self.step = step.number;
        match &step.change {
            Change::None => {}
            Change::Whole { version, bytes } => {
                let (version, whole) = (*version, Some(bytes.clone()));
                self.kept = Some(Kept { version, whole, events: Vec::new() });
            }
            Change::Events { version, events } => {
                let empty = Kept { version: *version, whole: None, events: Vec::new() };
                self.kept.get_or_insert(empty).events.extend_from_slice(events);
            }
        }
        if let Some(handled) = &step.handled {
            self.answers.take(handled.clone());
        }
        for letter in &step.letters {
            self.letters.add(letter);
        }
        if let Some(fired) = &step.fired {
            self.reminders.remove(&fired.name);
        }
        for change in &step.reminders {
            self.remind(change, step.number);
        }
    }

    fn remind(&mut self, change: &ReminderChange, nonce: u64) {
        match change {
            ReminderChange::Set { name, at, message, bytes } => {
                let (message, bytes) = (message.clone(), bytes.clone());
                let reminder = Reminder { at: *at, nonce, message, bytes };
                self.reminders.insert(name.clone(), reminder);
            }
            ReminderChange::Forget { name } => {
                self.reminders.remove(name);
            }
        }
    }

    /// Whether steps could have led to it; of one that was read.
    pub(super) fn is_sound(&self) -> bool {
        let labels =
            self.reminders.iter().all(|(name, it)| is_label(name) && is_label(&it.message));
        let nonces = self.reminders.values().all(|reminder| reminder.nonce <= self.step);
        self.name.is_sound() && self.step > 0 && labels && nonces && self.answers.is_sound()
    }
}

/// Reminders by name, each once and in order.
mod reminders {
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(super) fn serialize<S: Serializer>(
        reminders: &BTreeMap<String, Reminder>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(reminders)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, Reminder>, D::Error> {
        let pairs = bounded::list::<REMINDERS_MAX, (String, Reminder), D>(from)?;
        if pairs.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(D::Error::custom("reminders are out of order"));
        }
        Ok(pairs.into_iter().collect())
    }
}
