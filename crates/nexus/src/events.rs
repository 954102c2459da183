//! The latest events of a node, for people and for the log.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_agent::Event;
use nexus_base::EventName;

/// Events kept of what may come in floods, and as many of all else; older ones
/// are forgotten. A guess: minutes of a troubled node.
pub const EVENTS_MAX: usize = 4_096;

/// Two lists, so that a flood of what is ordinary does not wash away the one
/// crash that explains it.
#[derive(Default)]
pub(crate) struct EventLog {
    ordinary: Mutex<VecDeque<Event>>,
    trouble: Mutex<VecDeque<Event>>,
    everyday: AtomicBool,
}

impl EventLog {
    /// Trouble is always kept. What happens a million times a second only on request.
    pub(crate) fn wants(&self, name: EventName) -> bool {
        !is_everyday(name) || self.everyday.load(Ordering::Relaxed)
    }

    /// Keeps everyday events too, from here on.
    pub(crate) fn keep_everyday(&self, keep: bool) {
        self.everyday.store(keep, Ordering::Relaxed);
    }

    pub(crate) fn push(&self, event: Event) {
        log(&event);
        let mut latest = lock(if is_ordinary(event.name) { &self.ordinary } else { &self.trouble });
        if latest.len() == EVENTS_MAX {
            latest.pop_front();
        }
        latest.push_back(event);
    }

    /// Both lists as one, oldest first.
    pub(crate) fn latest(&self) -> Vec<Event> {
        let mut latest: Vec<Event> = lock(&self.trouble).iter().cloned().collect();
        latest.extend(lock(&self.ordinary).iter().cloned());
        latest.sort_by_key(|event| event.at);
        latest
    }
}

fn lock(events: &Mutex<VecDeque<Event>>) -> MutexGuard<'_, VecDeque<Event>> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_everyday(name: EventName) -> bool {
    use EventName::{AgentMessageProcessed, AgentStarted, AgentStopped};
    matches!(name, AgentStarted | AgentStopped | AgentMessageProcessed)
}

/// Whether one event of this name says little: there may be a great many.
fn is_ordinary(name: EventName) -> bool {
    is_everyday(name) || matches!(name, EventName::OperationCompleted | EventName::MessageDead)
}

fn log(event: &Event) {
    let Event { name, agent, detail, .. } = event;
    match name {
        EventName::AgentCrashed | EventName::SupervisorGaveUp | EventName::OperationFailed => {
            tracing::warn!(target: "nexus", agent, detail, "{name}");
        }
        _ => tracing::debug!(target: "nexus", agent, detail, "{name}"),
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Time;

    use super::*;

    fn event(at: u64, name: EventName) -> Event {
        Event { at: Time::from_nanos(at), name, agent: String::new(), detail: String::new() }
    }

    #[test]
    fn a_flood_does_not_wash_away_trouble() {
        let log = EventLog::default();
        log.push(event(1, EventName::AgentCrashed));
        for at in 0..2 * EVENTS_MAX as u64 {
            log.push(event(2 + at, EventName::MessageDead));
        }
        let latest = log.latest();
        assert_eq!(latest.len(), EVENTS_MAX + 1);
        assert_eq!(latest[0], event(1, EventName::AgentCrashed));
        assert!(latest.is_sorted_by_key(|event| event.at));
    }
}
