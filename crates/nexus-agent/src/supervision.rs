//! Supervision: what happens to whom when an agent crashes.
//!
//! Supervisors form a tree under [`SupervisorId::ROOT`]. A crash is decided by
//! the supervisor of the crashed agent; one that restarts too often hands the
//! decision to its parent, where it counts as a crashed child. Of everything
//! decided on the way up only the last word reaches the agents, so each gets
//! one action at most: an escalating supervisor's agents are not stopped and
//! then restarted, they are restarted.
//!
//! Most agents are *lone*: nobody put them under a supervisor. They cost
//! nothing here until they crash, are restarted one for one, and are given up
//! one by one.
//!
//! Absent on purpose: cells, mailboxes, and how a restart is done. The executor
//! restarts an agent by stopping it at a message boundary and starting it anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use nexus_base::{AgentId, Time};

/// Levels of supervisors, the root included; a deeper one is refused.
/// A guess: the deepest trees of Erlang systems we know of have fewer than ten.
pub const DEPTH_MAX: usize = 32;

/// Agents and supervisors in one tree; more are refused. A guess at what still
/// restarts in reasonable time when the whole tree has to.
pub const MEMBERS_MAX: usize = 1 << 20;

/// Lone agents whose crashes are remembered. Beyond it the one that last
/// crashed longest ago is forgotten, so while more agents than this crash
/// within one window, some may be restarted more often than allowed.
pub const LONE_CRASHED_MAX: usize = 4_096;

/// Names a supervisor. Never reused within one tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SupervisorId(u32);

impl SupervisorId {
    /// The supervisor every tree has.
    pub const ROOT: SupervisorId = SupervisorId(0);

    /// The number itself, for logs and records.
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// Who is restarted when a child crashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// The child alone.
    #[default]
    OneForOne,
    /// All children.
    OneForAll,
    /// The child and those started after it.
    RestForOne,
}

/// How many restarts are too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Intensity {
    /// Restarts allowed in any window; the next crash escalates.
    pub restarts_max: u32,
    /// The length of the window, both ends included.
    pub within: Duration,
}

impl Default for Intensity {
    /// Three in five seconds.
    ///
    /// # Source
    /// The defaults of Elixir's `Supervisor`: `max_restarts` 3, `max_seconds` 5.
    fn default() -> Intensity {
        Intensity { restarts_max: 3, within: Duration::from_secs(5) }
    }
}

/// What a supervisor is to do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SupervisorSpec {
    /// For people: logs and traces. Need not be unique.
    pub name: String,
    /// Who is restarted when a child crashes.
    pub strategy: Strategy,
    /// When to hand the decision to the parent.
    pub intensity: Intensity,
}

/// What the executor is asked to do, or to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Stop the agent if it still runs, then start it anew. Where several are
    /// to be restarted, these come in start order: stop all from the last to
    /// the first, then start them in this order.
    Restart(AgentId),
    /// Stop the agent for good.
    Stop(AgentId),
    /// Too many restarts: the decision went up. For the log; what was decided follows.
    Escalated {
        /// The supervisor that restarted too often.
        from: SupervisorId,
        /// Its parent, which decided next.
        to: SupervisorId,
    },
    /// The root restarted too often: every agent in the tree was told to stop
    /// just before. Its supervisors stay, their crashes forgotten, and take in
    /// others.
    GaveUp {
        /// How many agents that were.
        stopped: usize,
    },
    /// A lone agent was restarted too often; it was told to stop just before.
    GaveUpOn(AgentId),
}

/// Why a tree stayed as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisionError {
    /// Nothing has this id, or no longer. Trying again does not help.
    #[error("there is no supervisor {}", .0.as_u32())]
    Unknown(SupervisorId),
    /// An agent has one supervisor; remove it from this one first.
    #[error("agent is already under supervisor {}", .0.as_u32())]
    AlreadySupervised(SupervisorId),
    /// A supervisor with children, and the root, cannot be removed.
    #[error("supervisor {} is in use", .0.as_u32())]
    InUse(SupervisorId),
    /// The parent is as deep as supervisors may be.
    #[error("supervisors nest at most {DEPTH_MAX} deep")]
    TooDeep,
    /// Room appears when members are removed.
    #[error("a tree holds at most {MEMBERS_MAX} agents and supervisors")]
    Full,
}

/// The supervisors of one node and the agents under them.
#[derive(Debug)]
pub struct SupervisionTree {
    supervisors: BTreeMap<SupervisorId, Supervisor>,
    agents: BTreeMap<AgentId, Place>,
    lone: LoneAgents,
    /// Counts every child ever started, which puts siblings in start order.
    started: u64,
    supervisor_id_next: u32,
    actions: VecDeque<Action>,
}

impl SupervisionTree {
    /// A tree of nothing but its root; `lone` holds for each lone agent by itself.
    pub fn new(root: SupervisorSpec, lone: Intensity) -> SupervisionTree {
        let root = Supervisor::new(root, None);
        SupervisionTree {
            supervisors: BTreeMap::from([(SupervisorId::ROOT, root)]),
            agents: BTreeMap::new(),
            lone: LoneAgents::new(lone),
            started: 0,
            supervisor_id_next: SupervisorId::ROOT.0 + 1,
            actions: VecDeque::new(),
        }
    }

    /// Has the root and lone agents supervised in another way from here on.
    pub fn set_root(&mut self, root: SupervisorSpec, lone: Intensity) {
        self.supervisor_mut(SupervisorId::ROOT).spec = root;
        self.lone.intensity = lone;
    }

    /// Starts a supervisor as the last child of `parent`.
    ///
    /// # Errors
    /// Any [`SupervisionError`] but `AlreadySupervised` and `InUse`; nothing changed.
    pub fn add_supervisor(
        &mut self,
        parent: SupervisorId,
        spec: SupervisorSpec,
    ) -> Result<SupervisorId, SupervisionError> {
        self.admits_child(parent)?;
        if self.depth(parent) >= DEPTH_MAX {
            return Err(SupervisionError::TooDeep);
        }
        let id = SupervisorId(self.supervisor_id_next);
        self.supervisor_id_next = id.0.checked_add(1).ok_or(SupervisionError::Full)?;
        let place = self.start(parent, Child::Supervisor(id));
        self.supervisors.insert(id, Supervisor::new(spec, Some(place)));
        Ok(id)
    }

    /// Takes a supervisor without children out of the tree.
    ///
    /// # Errors
    /// [`SupervisionError::Unknown`] or [`SupervisionError::InUse`]; nothing changed.
    pub fn remove_supervisor(&mut self, id: SupervisorId) -> Result<(), SupervisionError> {
        let supervisor = self.supervisors.get(&id).ok_or(SupervisionError::Unknown(id))?;
        let place = supervisor.place.filter(|_| supervisor.children.is_empty());
        let place = place.ok_or(SupervisionError::InUse(id))?;
        self.supervisors.remove(&id);
        self.supervisor_mut(place.parent).children.remove(&place.order);
        Ok(())
    }

    /// Puts `agent` under `supervisor`, as started last.
    ///
    /// # Errors
    /// Any [`SupervisionError`] but `TooDeep` and `InUse`; nothing changed.
    pub fn add_child(
        &mut self,
        supervisor: SupervisorId,
        agent: AgentId,
    ) -> Result<(), SupervisionError> {
        self.admits_child(supervisor)?;
        if let Some(place) = self.agents.get(&agent) {
            return Err(SupervisionError::AlreadySupervised(place.parent));
        }
        let place = self.start(supervisor, Child::Agent(agent));
        self.agents.insert(agent, place);
        self.lone.forget(agent);
        Ok(())
    }

    /// Forgets an agent that stopped in the ordinary way, lone or not; tells
    /// under whom it was. Call it too for agents stopped by an [`Action::Stop`].
    pub fn remove_child(&mut self, agent: AgentId) -> Option<SupervisorId> {
        self.lone.forget(agent);
        let place = self.agents.remove(&agent)?;
        // Its supervisor may be gone if it was given up.
        if let Some(supervisor) = self.supervisors.get_mut(&place.parent) {
            supervisor.children.remove(&place.order);
        }
        Some(place.parent)
    }

    /// The name of the supervisor an agent is under; the root's for a lone one.
    pub fn name_above(&self, agent: AgentId) -> String {
        let above = self.agents.get(&agent).map_or(SupervisorId::ROOT, |place| place.parent);
        self.spec(above).map_or_else(String::new, |spec| spec.name.clone())
    }

    /// What a supervisor was asked to do.
    pub fn spec(&self, id: SupervisorId) -> Option<&SupervisorSpec> {
        self.supervisors.get(&id).map(|supervisor| &supervisor.spec)
    }

    /// Decides about one crash. What follows from it is in [`Self::poll_effect`].
    ///
    /// Report a crash once, and none of an agent that is being stopped or
    /// restarted already: it counts as a further restart.
    pub fn handle_crash(&mut self, now: Time, agent: AgentId) {
        match self.agents.get(&agent) {
            Some(&place) => self.decide(now, place),
            None if self.lone.admits_restart(now, agent) => {
                self.actions.push_back(Action::Restart(agent));
            }
            None => self.actions.extend([Action::Stop(agent), Action::GaveUpOn(agent)]),
        }
    }

    /// The oldest action the caller has yet to carry out. Take all after every
    /// crash: one for each agent in the tree may wait.
    pub fn poll_effect(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn decide(&mut self, now: Time, mut crashed: Place) {
        // It was told to stop already.
        if crashed.given_up {
            return;
        }
        loop {
            let id = crashed.parent;
            let supervisor = self.supervisor_mut(id);
            if supervisor.crashes.admits_restart(now, supervisor.spec.intensity) {
                return self.restart_for(crashed);
            }
            let Some(place) = supervisor.place else {
                return self.give_up();
            };
            self.actions.push_back(Action::Escalated { from: id, to: place.parent });
            crashed = place;
        }
    }

    fn restart_for(&mut self, crashed: Place) {
        let supervisor = &self.supervisors[&crashed.parent];
        let range = match supervisor.spec.strategy {
            Strategy::OneForOne => (Bound::Included(crashed.order), Bound::Included(crashed.order)),
            Strategy::OneForAll => (Bound::Unbounded, Bound::Unbounded),
            Strategy::RestForOne => (Bound::Included(crashed.order), Bound::Unbounded),
        };
        let children = supervisor.children.range(range).map(|(_, &child)| child);
        let children: Vec<Child> = children.collect();
        let agents = self.renew(&children);
        self.actions.extend(agents.into_iter().map(Action::Restart));
    }

    fn give_up(&mut self) {
        let root = self.supervisor_mut(SupervisorId::ROOT);
        root.crashes = Crashes::default();
        let children: Vec<Child> = root.children.values().copied().collect();
        let agents = self.renew(&children);
        for agent in &agents {
            let place = self.agents.get_mut(agent).expect("a child has a place");
            place.given_up = true;
            let Place { parent, order, .. } = *place;
            self.supervisor_mut(parent).children.remove(&order);
        }
        self.actions.extend(agents.iter().rev().copied().map(Action::Stop));
        self.actions.push_back(Action::GaveUp { stopped: agents.len() });
    }

    /// All agents at or below `children`, in start order. Supervisors among
    /// them start anew, their crashes forgotten.
    fn renew(&mut self, children: &[Child]) -> Vec<AgentId> {
        let mut agents = Vec::new();
        let mut rest: Vec<Child> = children.iter().rev().copied().collect();
        while let Some(child) = rest.pop() {
            match child {
                Child::Agent(agent) => agents.push(agent),
                Child::Supervisor(id) => {
                    let supervisor = self.supervisor_mut(id);
                    supervisor.crashes = Crashes::default();
                    rest.extend(supervisor.children.values().rev());
                }
            }
        }
        agents
    }

    /// Whether `parent` would take a child in.
    ///
    /// # Errors
    /// [`SupervisionError::Unknown`] or [`SupervisionError::Full`].
    pub fn admits_child(&self, parent: SupervisorId) -> Result<(), SupervisionError> {
        if !self.supervisors.contains_key(&parent) {
            return Err(SupervisionError::Unknown(parent));
        }
        if self.agents.len() + self.supervisors.len() >= MEMBERS_MAX {
            return Err(SupervisionError::Full);
        }
        Ok(())
    }

    fn start(&mut self, parent: SupervisorId, child: Child) -> Place {
        let place = Place { parent, order: self.started, given_up: false };
        self.started += 1;
        self.supervisor_mut(parent).children.insert(place.order, child);
        place
    }

    fn depth(&self, id: SupervisorId) -> usize {
        let mut depth = 1;
        let mut place = self.supervisors[&id].place;
        while let Some(Place { parent, .. }) = place {
            depth += 1;
            place = self.supervisors[&parent].place;
        }
        depth
    }

    fn supervisor_mut(&mut self, id: SupervisorId) -> &mut Supervisor {
        self.supervisors.get_mut(&id).expect("a supervisor with children is never removed")
    }
}

#[derive(Clone, Copy, Debug)]
enum Child {
    Agent(AgentId),
    Supervisor(SupervisorId),
}

/// Where a child is: under whom, and how many were started before it.
#[derive(Clone, Copy, Debug)]
struct Place {
    parent: SupervisorId,
    order: u64,
    /// An agent that the root has told to stop for good; it is no child any more.
    given_up: bool,
}

#[derive(Debug)]
struct Supervisor {
    spec: SupervisorSpec,
    /// `None` for the root.
    place: Option<Place>,
    /// In start order.
    children: BTreeMap<u64, Child>,
    crashes: Crashes,
}

impl Supervisor {
    fn new(spec: SupervisorSpec, place: Option<Place>) -> Supervisor {
        Supervisor { spec, place, children: BTreeMap::new(), crashes: Crashes::default() }
    }
}

/// When restarts were made, oldest first; at most as many as are allowed.
#[derive(Debug, Default)]
struct Crashes {
    times: VecDeque<Time>,
}

impl Crashes {
    /// Whether one more restart is allowed, which is then taken as made.
    fn admits_restart(&mut self, now: Time, intensity: Intensity) -> bool {
        while self.times.front().is_some_and(|&time| now.since(time) > intensity.within) {
            self.times.pop_front();
        }
        if self.times.len() >= intensity.restarts_max as usize {
            return false;
        }
        self.times.push_back(now);
        true
    }

    fn last(&self) -> Option<Time> {
        self.times.back().copied()
    }
}

/// The lone agents that crashed lately.
#[derive(Debug)]
struct LoneAgents {
    intensity: Intensity,
    crashes: BTreeMap<AgentId, Crashes>,
    /// The same agents by their last crash.
    by_last: BTreeSet<(Time, AgentId)>,
}

impl LoneAgents {
    fn new(intensity: Intensity) -> LoneAgents {
        LoneAgents { intensity, crashes: BTreeMap::new(), by_last: BTreeSet::new() }
    }

    fn admits_restart(&mut self, now: Time, agent: AgentId) -> bool {
        let mut crashes = self.forget(agent).unwrap_or_default();
        self.forget_old(now);
        let admitted = crashes.admits_restart(now, self.intensity);
        if admitted {
            self.by_last.insert((now, agent));
            self.crashes.insert(agent, crashes);
        }
        admitted
    }

    /// Drops whom no window reaches any more, and the oldest while there are too many.
    fn forget_old(&mut self, now: Time) {
        while let Some(&(last, agent)) = self.by_last.first() {
            let full = self.crashes.len() >= LONE_CRASHED_MAX;
            if !full && now.since(last) <= self.intensity.within {
                return;
            }
            self.forget(agent);
        }
    }

    fn forget(&mut self, agent: AgentId) -> Option<Crashes> {
        let crashes = self.crashes.remove(&agent)?;
        if let Some(last) = crashes.last() {
            self.by_last.remove(&(last, agent));
        }
        Some(crashes)
    }
}

#[cfg(test)]
mod tests;
