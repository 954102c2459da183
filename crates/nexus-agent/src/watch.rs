//! Links and monitors: who is told when an agent goes down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use nexus_base::AgentId;

use crate::raw::CellRef;
use crate::sync::{Mutex, MutexGuard};
use crate::{Crash, During, StopReason};

/// Told to whoever monitors an agent, once, when it has gone down.
#[derive(Clone, PartialEq, Eq, Debug, crate::Message)]
#[message(name = "nexus.down")]
pub struct Down {
    /// Who, as `kind/key`.
    pub agent: String,
    /// Whether it ended by crash, kill, or another's crash.
    pub abnormal: bool,
    /// In words; a crash without its own where the watch began after the end.
    pub reason: String,
}

impl Down {
    pub(crate) fn new(agent: String, reason: &StopReason) -> Down {
        Down { agent, abnormal: reason.is_abnormal(), reason: reason.to_string() }
    }

    /// For somebody who comes after the end.
    pub(crate) fn late(agent: String, end: End) -> Down {
        let reason = end.reason().map_or_else(|| "crashed".to_owned(), |reason| reason.to_string());
        Down { agent, abnormal: end.is_abnormal(), reason }
    }
}

/// How an agent ended, as far as its cell remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum End {
    Stopped = 1,
    Killed,
    Crashed,
    Supervisor,
    Linked,
    Shutdown,
}

impl End {
    const ALL: [End; 6] =
        [End::Stopped, End::Killed, End::Crashed, End::Supervisor, End::Linked, End::Shutdown];

    pub(crate) fn of(reason: &StopReason) -> End {
        match reason {
            // One that is made afresh goes on: nobody asks this of it.
            StopReason::Stopped | StopReason::Restarted => End::Stopped,
            StopReason::Killed => End::Killed,
            StopReason::Crashed(_) => End::Crashed,
            StopReason::Supervisor => End::Supervisor,
            StopReason::Linked => End::Linked,
            StopReason::Shutdown => End::Shutdown,
        }
    }

    /// What a cell has kept; `None` for zero.
    pub(crate) fn from_bits(bits: u32) -> Option<End> {
        End::ALL.into_iter().find(|end| *end as u32 == bits)
    }

    /// Whether links pass this on.
    pub(crate) fn is_abnormal(self) -> bool {
        self.reason().is_none_or(|reason| reason.is_abnormal())
    }

    /// The reason in full; `None` for a crash, whose words are gone.
    fn reason(self) -> Option<StopReason> {
        match self {
            End::Stopped => Some(StopReason::Stopped),
            End::Killed => Some(StopReason::Killed),
            End::Crashed => None,
            End::Supervisor => Some(StopReason::Supervisor),
            End::Linked => Some(StopReason::Linked),
            End::Shutdown => Some(StopReason::Shutdown),
        }
    }
}

/// Monitors from outside of agents that one agent has, at most: more are turned
/// away. A guess: each is a closure that somebody else waits behind.
pub const ON_DOWN_MAX: usize = 4_096;

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
///
/// One agent monitors another, and is linked to it, once or not at all; both go
/// with the first of the two that ends. So there are at most as many as pairs
/// of agents that run.
#[derive(Default)]
pub(crate) struct Watches {
    monitors: BTreeMap<Life, Monitors>,
    /// Whom each agent monitors: the same the other way round.
    watched_by: BTreeMap<Life, BTreeSet<Life>>,
    links: BTreeMap<Life, BTreeMap<Life, CellRef>>,
}

/// The watches of a node under their lock: one that models know, since cells
/// are looked at while it is held.
#[derive(Default)]
pub(crate) struct SharedWatches(Mutex<Watches>);

impl SharedWatches {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Watches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is to be told of one agent's end.
#[derive(Default)]
struct Monitors {
    agents: BTreeMap<Life, Notify>,
    outside: Vec<Notify>,
}

/// What was kept of an agent that went down.
#[derive(Default)]
pub(crate) struct Taken {
    /// Whom to notify.
    pub(crate) monitors: Vec<Notify>,
    /// Who is linked to it.
    pub(crate) linked: Vec<CellRef>,
    /// What it would have been told of others: to be dropped outside of locks.
    pub(crate) own: Vec<Notify>,
}

impl Watches {
    /// Notes that `watcher` monitors `watched`. Again changes nothing: the new
    /// `notify` then comes back.
    pub(crate) fn monitor(
        &mut self,
        watched: &CellRef,
        watcher: &CellRef,
        notify: Notify,
    ) -> Option<Notify> {
        let agents = &mut self.monitors.entry(life(watched)).or_default().agents;
        if agents.contains_key(&life(watcher)) {
            return Some(notify);
        }
        agents.insert(life(watcher), notify);
        self.watched_by.entry(life(watcher)).or_default().insert(life(watched));
        None
    }

    /// As [`Self::monitor`] for somebody who is no agent; `notify` comes back if
    /// there are [`ON_DOWN_MAX`] already.
    pub(crate) fn monitor_outside(&mut self, watched: &CellRef, notify: Notify) -> Option<Notify> {
        let outside = &mut self.monitors.entry(life(watched)).or_default().outside;
        if outside.len() >= ON_DOWN_MAX {
            return Some(notify);
        }
        outside.push(notify);
        None
    }

    pub(crate) fn link(&mut self, one: &CellRef, other: &CellRef) {
        for (from, to) in [(one, other), (other, one)] {
            self.links.entry(life(from)).or_default().insert(life(to), to.clone());
        }
    }

    pub(crate) fn unlink(&mut self, one: &CellRef, other: &CellRef) {
        for (from, to) in [(one, other), (other, one)] {
            self.forget_link(life(from), life(to));
        }
    }

    fn forget_link(&mut self, from: Life, to: Life) {
        if let Some(linked) = self.links.get_mut(&from) {
            linked.remove(&to);
            if linked.is_empty() {
                self.links.remove(&from);
            }
        }
    }

    /// Forgets an agent that went down.
    pub(crate) fn take(&mut self, down: &CellRef) -> Taken {
        let down = life(down);
        let linked = self.links.remove(&down).unwrap_or_default();
        for other in linked.keys() {
            self.forget_link(*other, down);
        }
        let Monitors { agents, outside } = self.monitors.remove(&down).unwrap_or_default();
        for watcher in agents.keys() {
            self.forget_watched(*watcher, down);
        }
        let own = self.watched_by.remove(&down).unwrap_or_default();
        let own = own.into_iter().filter_map(|watched| self.forget_watcher(watched, down));
        Taken {
            own: own.collect(),
            monitors: agents.into_values().chain(outside).collect(),
            linked: linked.into_values().collect(),
        }
    }

    fn forget_watched(&mut self, watcher: Life, watched: Life) {
        if let Some(all) = self.watched_by.get_mut(&watcher) {
            all.remove(&watched);
            if all.is_empty() {
                self.watched_by.remove(&watcher);
            }
        }
    }

    fn forget_watcher(&mut self, watched: Life, watcher: Life) -> Option<Notify> {
        let monitors = self.monitors.get_mut(&watched)?;
        let notify = monitors.agents.remove(&watcher);
        if monitors.agents.is_empty() && monitors.outside.is_empty() {
            self.monitors.remove(&watched);
        }
        notify
    }
}
