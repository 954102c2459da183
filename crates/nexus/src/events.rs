//! The latest events of a node, for people and for the log.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use nexus_agent::Event;
use nexus_base::EventName;

/// Events kept; older ones are forgotten. A guess: minutes of a troubled node.
pub const EVENTS_MAX: usize = 4_096;

#[derive(Default)]
pub(crate) struct EventLog {
    latest: Mutex<VecDeque<Event>>,
    everyday: AtomicBool,
}

impl EventLog {
    /// Trouble is always kept. What happens a million times a second only on request.
    pub(crate) fn wants(&self, name: EventName) -> bool {
        let everyday = matches!(
            name,
            EventName::AgentStarted | EventName::AgentStopped | EventName::AgentMessageProcessed
        );
        !everyday || self.everyday.load(Ordering::Relaxed)
    }

    /// Keeps everyday events too, from here on.
    pub(crate) fn keep_everyday(&self, keep: bool) {
        self.everyday.store(keep, Ordering::Relaxed);
    }

    pub(crate) fn push(&self, event: Event) {
        log(&event);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.len() == EVENTS_MAX {
            latest.pop_front();
        }
        latest.push_back(event);
    }

    pub(crate) fn latest(&self) -> Vec<Event> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
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
