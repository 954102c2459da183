//! Links and monitors: who is told when an agent goes down.

use std::collections::BTreeMap;

use nexus_base::AgentId;

use crate::raw::CellRef;
use crate::{Crash, During, StopReason};

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

/// Calls the monitors of an agent that has gone down. They are the user's.
pub(crate) fn tell_down(monitors: Vec<Notify>, down: Down) {
    for notify in monitors {
        let down = down.clone();
        let _ = Crash::catch(During::Handler, || notify(down));
    }
}

/// An agent from its spawn to its end: not the next one that gets its name,
/// which may be there before everybody has been told of the end of this one.
pub(crate) type Life = (AgentId, usize);

pub(crate) fn life(cell: &CellRef) -> Life {
    (cell.id(), cell.address())
}

/// All links and monitors of a node. Agents without any take no room here.
#[derive(Default)]
pub(crate) struct Watches {
    monitors: BTreeMap<Life, Vec<Notify>>,
    links: BTreeMap<Life, BTreeMap<Life, CellRef>>,
}

impl Watches {
    pub(crate) fn monitor(&mut self, watched: &CellRef, notify: Notify) {
        self.monitors.entry(life(watched)).or_default().push(notify);
    }

    pub(crate) fn link(&mut self, one: &CellRef, other: &CellRef) {
        for (from, to) in [(one, other), (other, one)] {
            self.links.entry(life(from)).or_default().insert(life(to), to.clone());
        }
    }

    pub(crate) fn unlink(&mut self, one: &CellRef, other: &CellRef) {
        for (from, to) in [(one, other), (other, one)] {
            self.forget(life(from), life(to));
        }
    }

    fn forget(&mut self, from: Life, to: Life) {
        if let Some(linked) = self.links.get_mut(&from) {
            linked.remove(&to);
            if linked.is_empty() {
                self.links.remove(&from);
            }
        }
    }

    /// Forgets an agent that went down: whom to notify, and who is linked to it.
    pub(crate) fn take(&mut self, down: &CellRef) -> (Vec<Notify>, Vec<CellRef>) {
        let linked = self.links.remove(&life(down)).unwrap_or_default();
        for other in linked.keys() {
            self.forget(*other, life(down));
        }
        let monitors = self.monitors.remove(&life(down)).unwrap_or_default();
        (monitors, linked.into_values().collect())
    }
}
