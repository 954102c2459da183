//! What a shard has to do by itself: reminders that come due, letters that wait.

use std::collections::BTreeSet;

use nexus_base::{AgentId, Time};

use super::record::Record;

/// An index of the reminders and the senders of a shard; it follows from the records of the
/// open slots, and is not stored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Agenda {
    pub(super) reminders: BTreeSet<(Time, AgentId, String)>,
    pub(super) senders: BTreeSet<AgentId>,
}

impl Agenda {
    pub(super) fn add(&mut self, agent: AgentId, record: &Record) {
        for (name, reminder) in record.reminders() {
            self.reminders.insert((reminder.at, agent, name.clone()));
        }
        self.note_letters(agent, record);
    }

    pub(super) fn remove(&mut self, agent: AgentId, record: &Record) {
        for (name, reminder) in record.reminders() {
            self.reminders.remove(&(reminder.at, agent, name.clone()));
        }
        self.senders.remove(&agent);
    }

    pub(super) fn note_letters(&mut self, agent: AgentId, record: &Record) {
        if record.letters().is_empty() {
            self.senders.remove(&agent);
        } else {
            self.senders.insert(agent);
        }
    }
}
