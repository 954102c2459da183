//! Links and monitors: who is told when an agent goes down.

use std::collections::{BTreeMap, BTreeSet};

use nexus_base::AgentId;

use crate::StopReason;

/// Told to whoever monitors an agent, once, when it has gone down.
#[derive(Clone, PartialEq, Eq, Debug, crate::Message)]
#[message(name = "nexus.down")]
pub struct Down {
    /// Who, as `kind/key`.
    pub agent: String,
    /// Whether it ended by crash, kill, or another's crash.
    pub abnormal: bool,
    /// In words.
    pub reason: String,
}

impl Down {
    pub(crate) fn new(agent: String, reason: &StopReason) -> Down {
        Down { agent, abnormal: reason.is_abnormal(), reason: reason.to_string() }
    }
}

/// What a monitor does when its agent goes down.
pub(crate) type Notify = Box<dyn FnOnce(Down) + Send>;

/// All links and monitors of a node. Agents without any take no room here.
#[derive(Default)]
pub(crate) struct Watches {
    monitors: BTreeMap<AgentId, Vec<Notify>>,
    links: BTreeMap<AgentId, BTreeSet<AgentId>>,
}

impl Watches {
    pub(crate) fn monitor(&mut self, watched: AgentId, notify: Notify) {
        self.monitors.entry(watched).or_default().push(notify);
    }

    pub(crate) fn link(&mut self, one: AgentId, other: AgentId) {
        self.links.entry(one).or_default().insert(other);
        self.links.entry(other).or_default().insert(one);
    }

    pub(crate) fn unlink(&mut self, one: AgentId, other: AgentId) {
        for (from, to) in [(one, other), (other, one)] {
            if let Some(linked) = self.links.get_mut(&from) {
                linked.remove(&to);
                if linked.is_empty() {
                    self.links.remove(&from);
                }
            }
        }
    }

    /// Forgets an agent that went down: whom to notify, and who is linked to it.
    pub(crate) fn take(&mut self, down: AgentId) -> (Vec<Notify>, BTreeSet<AgentId>) {
        let linked = self.links.remove(&down).unwrap_or_default();
        for other in &linked {
            if let Some(back) = self.links.get_mut(other) {
                back.remove(&down);
                if back.is_empty() {
                    self.links.remove(other);
                }
            }
        }
        (self.monitors.remove(&down).unwrap_or_default(), linked)
    }
}
