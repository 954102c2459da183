//! All that is kept of one agent.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_base::Time;
use serde::{Deserialize, Serialize};

use super::applied::Refusal;
use super::name::{AgentName, Origin, Request};
use super::step::{Change, Letter, ReminderChange, Step};

/// Origins whose last answer is kept, for each agent. Beyond it the one that was handled
/// longest ago is forgotten: if it asks again then, that is a new request.
pub const ANSWERS_MAX: usize = 64;

/// Letters of one agent that wait to be received.
pub const LETTERS_MAX: usize = 1_024;

/// Reminders of one agent.
pub const REMINDERS_MAX: usize = 64;

/// Events kept since the whole state. Source: twice what a journaled kind lets come together.
pub const EVENTS_MAX: usize = 2_048;

/// All that is kept of one agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Record {
    name: AgentName,
    step: u64,
    kept: Option<Kept>,
    answers: BTreeMap<Origin, Answered>,
    letters: BTreeMap<u64, Letter>,
    letter_last: u64,
    reminders: BTreeMap<String, Reminder>,
}

/// The state of an agent, as its kind keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// Of the bytes.
    pub version: u16,
    /// The state; none if there were only events so far.
    pub whole: Option<Bytes>,
    /// What has happened since, in order.
    pub events: Vec<Bytes>,
}

/// The last answer that an origin got.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Answered {
    number: u64,
    reply: Bytes,
    /// By which step.
    step: u64,
}

/// A reminder that is set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reminder {
    /// When it is due, by the wall clock.
    #[serde(with = "super::codec::nanos")]
    pub at: Time,
    /// The number of the step that set it.
    pub nonce: u64,
    /// The type of the message.
    pub message: String,
    /// The message.
    pub bytes: Bytes,
}

impl Record {
    pub(super) const fn new(name: AgentName) -> Record {
        Record {
            name,
            step: 0,
            kept: None,
            answers: BTreeMap::new(),
            letters: BTreeMap::new(),
            letter_last: 0,
            reminders: BTreeMap::new(),
        }
    }

    /// What the agent is called.
    pub const fn name(&self) -> &AgentName {
        &self.name
    }

    /// Its last step.
    pub const fn step(&self) -> u64 {
        self.step
    }

    /// Its state; none if its kind keeps none, or it has changed nothing yet.
    pub const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Its reminders, by name.
    pub fn reminders(&self) -> impl ExactSizeIterator<Item = (&str, &Reminder)> {
        self.reminders.iter().map(|(name, reminder)| (&name[..], reminder))
    }

    /// The reminder of a name.
    pub fn reminder(&self, name: &str) -> Option<&Reminder> {
        self.reminders.get(name)
    }

    /// Letters that wait to be received, by number.
    pub fn letters(&self) -> impl ExactSizeIterator<Item = (u64, &Letter)> {
        self.letters.iter().map(|(&number, letter)| (number, letter))
    }

    /// A letter that waits to be received.
    pub fn letter(&self, number: u64) -> Option<&Letter> {
        self.letters.get(&number)
    }

    /// The last number that an origin has an answer to, and the answer.
    pub(super) fn answer(&self, from: Origin) -> Option<(u64, &Bytes)> {
        self.answers.get(&from).map(|answered| (answered.number, &answered.reply))
    }

    /// Whether a step may be taken.
    pub(super) fn check(&self, step: &Step) -> Result<(), Refusal> {
        if self.name != step.name {
            return Err(Refusal::OtherName);
        }
        if let Some(handled) = &step.handled {
            self.check_request(handled.request)?;
        }
        self.check_change(&step.change)?;
        if self.letters.len() + step.letters.len() > LETTERS_MAX {
            return Err(Refusal::TooManyLetters);
        }
        if self.reminders_after(step) > REMINDERS_MAX {
            return Err(Refusal::TooManyReminders);
        }
        Ok(())
    }

    fn check_request(&self, request: Request) -> Result<(), Refusal> {
        match self.answer(request.from) {
            Some((last, _)) if request.number <= last => Err(Refusal::HandledBefore { last }),
            _ => Ok(()),
        }
    }

    fn check_change(&self, change: &Change) -> Result<(), Refusal> {
        let (Change::Events { version, events }, Some(kept)) = (change, &self.kept) else {
            return Ok(());
        };
        if *version != kept.version {
            return Err(Refusal::OtherVersion { kept: kept.version });
        }
        if kept.events.len() + events.len() > EVENTS_MAX {
            return Err(Refusal::TooManyEvents);
        }
        Ok(())
    }

    /// As many reminders as there are after a step; more than there can be of changes that
    /// set one and take it back.
    fn reminders_after(&self, step: &Step) -> usize {
        let mut names: std::collections::BTreeSet<&str> =
            self.reminders.keys().map(String::as_str).collect();
        if let Some(fired) = &step.fired {
            names.remove(&fired.name[..]);
        }
        for change in &step.reminders {
            match change {
                ReminderChange::Set { name, .. } => names.insert(name),
                ReminderChange::Forget { name } => names.remove(&name[..]),
            };
        }
        names.len()
    }

    /// Takes a step that was checked.
    pub(super) fn take(&mut self, step: &Step) {
        self.step = step.number;
        self.keep(&step.change);
        if let Some(handled) = &step.handled {
            let (number, reply) = (handled.request.number, handled.reply.clone());
            let answered = Answered { number, reply, step: step.number };
            self.answers.insert(handled.request.from, answered);
            self.forget_oldest_answer();
        }
        for letter in &step.letters {
            self.letter_last += 1;
            self.letters.insert(self.letter_last, letter.clone());
        }
        if let Some(fired) = &step.fired {
            self.reminders.remove(&fired.name);
        }
        for change in &step.reminders {
            self.remind(change, step.number);
        }
    }

    fn keep(&mut self, change: &Change) {
        match change {
            Change::None => {}
            Change::Whole { version, bytes } => {
                let (version, whole) = (*version, Some(bytes.clone()));
                self.kept = Some(Kept { version, whole, events: Vec::new() });
            }
            Change::Events { version, events } => {
                let fresh = || Kept { version: *version, whole: None, events: Vec::new() };
                let kept = self.kept.get_or_insert_with(fresh);
                kept.events.extend(events.iter().cloned());
            }
        }
    }

    fn forget_oldest_answer(&mut self) {
        if self.answers.len() <= ANSWERS_MAX {
            return;
        }
        let oldest = self.answers.iter().min_by_key(|(_, answered)| answered.step);
        if let Some(oldest) = oldest.map(|(&from, _)| from) {
            self.answers.remove(&oldest);
        }
    }

    fn remind(&mut self, change: &ReminderChange, nonce: u64) {
        match change {
            ReminderChange::Set { name, at, message, bytes } => {
                let (message, bytes) = (message.clone(), bytes.clone());
                let reminder = Reminder { at: *at, nonce, message, bytes };
                self.reminders.insert(name.clone(), reminder);
            }
            ReminderChange::Forget { name } => drop(self.reminders.remove(name)),
        }
    }

    pub(super) fn received(&mut self, letter: u64) -> Option<Letter> {
        self.letters.remove(&letter)
    }
}
