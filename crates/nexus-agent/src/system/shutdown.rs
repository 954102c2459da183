//! How a system ends: it takes nothing new, lets its agents finish, and closes
//! what is left.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{System, lock};
use crate::raw::CellRef;
use crate::task::Awaited;
use crate::{Counts, Listing, StopReason, Worker, run};

/// What was there when a system closed.
#[derive(Clone, Debug, Default)]
pub struct Closed {
    /// Agents that are still running and stay in memory for ever, with what
    /// waits in their mailboxes and will never be handled.
    pub stuck: Vec<Listing>,
    /// What had become of the messages of each kind.
    pub counts: BTreeMap<&'static str, Counts>,
}

impl System {
    /// Takes no new agents and no messages from outside from here on.
    pub fn begin_shutdown(&self) {
        self.shutting_down.store(true, Ordering::SeqCst);
    }

    /// Whether [`Self::begin_shutdown`] has been called.
    #[inline]
    pub fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::Relaxed)
    }

    /// Whether nothing runs here any more, nor will.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Agents that have something to do, a handler under way or mail, and tasks
    /// that have not ended. A look at moving things: while messages are taken,
    /// work may pass from one not yet looked at to one that was.
    pub fn busy(&self) -> Vec<Listing> {
        let busy = |cell: &CellRef| cell.phase_name() != "idle" || cell.mailbox_len() > 0;
        let agents = self.registry.page(None, usize::MAX, busy);
        let tasks = self.running_tasks();
        let tasks = tasks.iter().map(|(cell, _)| cell);
        agents.iter().chain(tasks).map(|cell| Listing::of(cell, None)).collect()
    }

    fn running_tasks(&self) -> Vec<(CellRef, Arc<dyn Awaited>)> {
        lock(&self.tasks).values().cloned().collect()
    }

    /// Ends an agent or a task that was made while the node closed: it has been
    /// entered, and whoever closes may have looked before.
    #[cold]
    pub(crate) fn end_late(&self, cell: &CellRef) {
        let closer = Worker::guest(cell.kind().system().clone());
        closer.enter(self.driver.now(), || {
            if let Some(owned) = cell.seize(&closer) {
                run::terminate(owned, StopReason::Shutdown);
            }
        });
    }

    /// Ends every agent and task that is not being run by somebody else, and
    /// forgets the kinds. The last thing a driver calls, after its workers have
    /// stopped and before it ends its alarms. Who waits for those that are still
    /// running learns that.
    ///
    /// What is left in the run queues the driver drops afterwards: each entry
    /// keeps a cell in memory, and the cell the system.
    pub fn close_all(self: &Arc<System>, worker: &Worker) -> Closed {
        self.begin_shutdown();
        self.closed.store(true, Ordering::SeqCst);
        let mut stuck = Vec::new();
        worker.enter(self.driver.now(), || {
            let tasks = self.running_tasks();
            let agents = self.registry.page(None, usize::MAX, |_| true);
            for cell in agents.iter().chain(tasks.iter().map(|(cell, _)| cell)) {
                match cell.seize(worker) {
                    Some(owned) => run::terminate(owned, StopReason::Shutdown),
                    // Made just now, and ended by whoever made it.
                    None if cell.is_closed() => {}
                    None => {
                        cell.kind().waiters.wake_all(cell);
                        stuck.push(Listing::of(cell, None));
                    }
                }
            }
            tasks.iter().for_each(|(_, awaited)| awaited.stop());
        });
        // Dropped outside the lock: what users made them with may look at us.
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        let forgotten = std::mem::take(&mut *kinds);
        let counts: BTreeMap<_, _> =
            forgotten.iter().map(|(name, kind)| (*name, kind.counts())).collect();
        lock(&self.last_counts).clone_from(&counts);
        drop(kinds);
        drop(forgotten);
        // It may hold the system in turn.
        let host = self.host.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(host);
        Closed { stuck, counts }
    }
}
