//! What lies in a run queue.

use nexus_base::AgentId;

use super::Owned;
use super::cell::{CellRef, Uncounted};
use crate::{Execution, Worker};

/// The right to run a queued cell: what lies in a run queue.
///
/// Not counted: a queued cell is open, and being open keeps it in memory. Only
/// at shutdown is a cell closed that is still queued, and then its `Ready`
/// inherits the count. One that is dropped unrun leaves the agent resting
/// until something else comes in.
pub struct Ready(Uncounted);

impl Ready {
    /// Gives the cell back to its run queue.
    pub(super) fn again(cell: Uncounted) -> Ready {
        Ready(cell)
    }

    /// The cell that is to be run.
    pub(crate) fn cell(&self) -> &CellRef {
        &self.0
    }

    /// Whose cell it is.
    pub fn agent(&self) -> AgentId {
        self.cell().id()
    }

    /// The same for people: `kind/key`.
    pub fn name(&self) -> String {
        self.cell().name()
    }

    /// Where it wants to be run.
    pub fn execution(&self) -> Execution {
        self.cell().kind().execution()
    }

    /// Takes the run flag; `None` if the node has shut down meanwhile.
    #[inline]
    pub(crate) fn own<'w>(self, worker: &'w Worker) -> Option<Owned<'w>> {
        if !self.cell().word().begin() {
            return None;
        }
        let cell = self.cell().uncounted();
        std::mem::forget(self);
        Some(Owned::taken(cell, worker))
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if !self.cell().word().shelve() {
            CellRef::release_open(self.cell().uncounted());
        }
    }
}
