//! Crashes, and the supervisors who decide what follows from them.

use nexus_base::{AgentId, EventName, Time};

use super::{System, lock, unsupervised};
use crate::raw::{CellRef, Control};
use crate::supervision::{Action, Intensity, SupervisionError, SupervisorId, SupervisorSpec};
use crate::{Crash, SpawnError, StopReason};

/// What a supervisor decided about one crashed agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Restart,
    Stop,
}

impl System {
    /// Adds a supervisor under `parent`, or under the node's own.
    ///
    /// # Errors
    /// [`SpawnError::NoSupervisor`] if `parent` is gone, [`SpawnError::Supervision`]
    /// if it takes no more.
    pub fn supervisor(
        &self,
        parent: Option<SupervisorId>,
        spec: SupervisorSpec,
    ) -> Result<SupervisorId, SpawnError> {
        let mut supervision = lock(&self.supervision);
        let parent = parent.unwrap_or(SupervisorId::ROOT);
        let added = supervision.add_supervisor(parent, spec);
        self.counted(added.map_err(unsupervised))
    }

    /// Has the node's own supervisor, and agents without one, supervised in this
    /// way from here on.
    pub fn set_supervision(&self, root: SupervisorSpec, lone: Intensity) {
        lock(&self.supervision).set_root(root, lone);
    }

    /// Takes a supervisor without children away.
    ///
    /// # Errors
    /// [`SupervisionError`] if it has children, or is gone already.
    pub fn remove_supervisor(&self, supervisor: SupervisorId) -> Result<(), SupervisionError> {
        lock(&self.supervision).remove_supervisor(supervisor)
    }

    /// Asks the supervisor about a crashed agent and tells the others it decides about.
    pub(crate) fn judge(&self, now: Time, cell: &CellRef, crash: &Crash) -> Verdict {
        self.note_crash(cell, crash);
        // A strict agent is made again from what is kept, which its node has.
        let kind = cell.kind();
        if kind.is_task() || kind.strict().is_some() || self.is_shutting_down() {
            return Verdict::Stop;
        }
        let (under, root, actions) = {
            let mut supervision = lock(&self.supervision);
            supervision.handle_crash(now, cell.id());
            let actions: Vec<_> = std::iter::from_fn(|| supervision.poll_effect()).collect();
            let name = |id| supervision.spec(id).map_or_else(String::new, |spec| spec.name.clone());
            (supervision.name_above(cell.id()), name(SupervisorId::ROOT), actions)
        };
        let mut verdict = Verdict::Stop;
        for action in actions {
            match action {
                Action::Restart(id) if id == cell.id() => verdict = Verdict::Restart,
                Action::Stop(id) if id == cell.id() => verdict = Verdict::Stop,
                Action::Restart(id) => self.control(id, Control::Restart),
                Action::Stop(id) => {
                    if let Some(cell) = self.registry.find_id(id) {
                        self.stop_because(&cell, StopReason::Supervisor);
                    }
                }
                Action::Escalated { from, to } => {
                    self.observe(EventName::SupervisorEscalated, cell, || {
                        format!(
                            "from supervisor {} to {}, above {under}",
                            from.as_u32(),
                            to.as_u32()
                        )
                    })
                }
                Action::GaveUp { stopped } => {
                    self.observe(EventName::SupervisorGaveUp, cell, || {
                        format!(
                            "the node's supervisor {root} restarted too often: \
                             it stopped the {stopped} agents under it and below"
                        )
                    });
                }
                Action::GaveUpOn(_) => {
                    self.observe(EventName::SupervisorGaveUp, cell, || {
                        "restarted too often".to_owned()
                    });
                }
            }
        }
        verdict
    }

    pub(crate) fn note_crash(&self, cell: &CellRef, crash: &Crash) {
        self.observe(EventName::AgentCrashed, cell, || crash.to_string());
    }

    pub(crate) fn note_restarted(&self, cell: &CellRef) {
        self.observe(EventName::AgentRestarted, cell, || format!("epoch {}", cell.epoch()));
    }

    pub(super) fn control(&self, id: AgentId, control: Control) {
        if let Some(cell) = self.registry.find_id(id) {
            cell.post_control(control);
        }
    }
}
