//! The latest events of a node, for people and for the log.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_agent::Event;
use nexus_base::EventName;

use crate::seldom::Lines;

/// Events kept of what may come in floods, and as many of all else; older ones
/// are forgotten. A guess: minutes of a troubled node.
pub const EVENTS_MAX: usize = 4_096;

/// Two lists, so that a flood of what is ordinary does not wash away the one
/// crash that explains it.
#[derive(Default)]
pub(crate) struct EventLog {
    ordinary: Mutex<VecDeque<Numbered>>,
    trouble: Mutex<VecDeque<Numbered>>,
    /// The number of the next event.
    next: AtomicU64,
    everyday: AtomicBool,
    arrived: tokio::sync::Notify,
    /// What is told of trouble in the log.
    pub(crate) lines: Lines,
}

/// An event and its number: 1, 2, 3 and so on since the node started.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Numbered {
    pub(crate) seq: u64,
    pub(crate) event: Event,
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
        log(&self.lines, &event);
        let mut latest = lock(if is_ordinary(event.name) { &self.ordinary } else { &self.trouble });
        if latest.len() == EVENTS_MAX {
            latest.pop_front();
        }
        // Under the lock, so that each list is in the order of the numbers.
        let seq = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        latest.push_back(Numbered { seq, event });
        drop(latest);
        self.arrived.notify_waiters();
    }

    /// Both lists as one, oldest first.
    pub(crate) fn latest(&self) -> Vec<Event> {
        self.after(0, usize::MAX, |_| true).into_iter().map(|numbered| numbered.event).collect()
    }

    /// The number of the latest event.
    pub(crate) fn last_seq(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Up to `limit` of the events after number `seq` that are wanted, in order.
    pub(crate) fn after(
        &self,
        seq: u64,
        limit: usize,
        wanted: impl Fn(&Event) -> bool,
    ) -> Vec<Numbered> {
        let mut after: Vec<Numbered> = Vec::new();
        for list in [&self.trouble, &self.ordinary] {
            let list = lock(list);
            let from = list.partition_point(|numbered| numbered.seq <= seq);
            let wanted = list.range(from..).filter(|numbered| wanted(&numbered.event));
            after.extend(wanted.take(limit).cloned());
        }
        after.sort_by_key(|numbered| numbered.seq);
        after.truncate(limit);
        after
    }

    /// How many of the events after number `seq` are forgotten.
    pub(crate) fn forgotten_after(&self, seq: u64) -> u64 {
        let kept = |list: &Mutex<VecDeque<Numbered>>| {
            let list = lock(list);
            (list.len() - list.partition_point(|numbered| numbered.seq <= seq)) as u64
        };
        let last = self.last_seq();
        last.saturating_sub(seq).saturating_sub(kept(&self.trouble) + kept(&self.ordinary))
    }

    /// Ready when another event has come, after it was first polled.
    pub(crate) fn arrived(&self) -> tokio::sync::futures::Notified<'_> {
        self.arrived.notified()
    }
}

fn lock(events: &Mutex<VecDeque<Numbered>>) -> MutexGuard<'_, VecDeque<Numbered>> {
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

/// Of crashes, which come by the thousand, one a second for each kind.
fn log(lines: &Lines, event: &Event) {
    let Event { name, agent, detail, at } = event;
    let count = match name {
        EventName::OperationFailed => Some(1),
        EventName::AgentCrashed | EventName::SupervisorGaveUp => {
            let kind = agent.split_once('/').map_or("", |(kind, _)| kind);
            lines.tell(*at, name.as_str(), kind)
        }
        _ => None,
    };
    match count {
        Some(count) => tracing::warn!(target: "nexus", agent, detail, count, "{name}"),
        None => tracing::debug!(target: "nexus", agent, detail, "{name}"),
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
        assert_eq!(log.forgotten_after(0), EVENTS_MAX as u64);
        assert_eq!(log.forgotten_after(log.last_seq()), 0);
    }

    #[test]
    fn events_are_read_on_from_where_one_was() {
        let log = EventLog::default();
        for at in 0..10 {
            let name = if at % 2 == 0 { EventName::AgentCrashed } else { EventName::MessageDead };
            log.push(event(at, name));
        }
        let seqs = |after, limit| -> Vec<u64> {
            log.after(after, limit, |_| true).iter().map(|numbered| numbered.seq).collect()
        };
        assert_eq!(seqs(0, 3), [1, 2, 3]);
        assert_eq!(seqs(7, 99), [8, 9, 10]);
        let crashed = log.after(2, 99, |event| event.name == EventName::AgentCrashed);
        assert_eq!(crashed.iter().map(|one| one.seq).collect::<Vec<_>>(), [3, 5, 7, 9]);
    }
}
