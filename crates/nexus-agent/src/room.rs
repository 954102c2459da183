//! Senders that wait for room in a mailbox, in the order they came.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use nexus_base::AgentId;

use crate::raw::{CellRef, with_turn};

/// The waiting senders of all agents of a kind.
///
/// A line keeps the order of one sender's messages. Another sender may take
/// room that has come up before those in line are awake to take it: making it
/// wait as well would cost two wake-ups for every message. The line keeps its
/// order and is woken first whenever room comes up.
/// Empty nearly always, so agents
/// carry one bit for it instead of a list.
///
/// Not bounded here: each entry is one suspended sender, which is bounded by
/// its own node.
#[derive(Default)]
pub(crate) struct Waiters {
    queues: Mutex<BTreeMap<AgentId, Queue>>,
}

#[derive(Default)]
struct Queue {
    next_ticket: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Waiters {
    /// Notes that `waker`'s task waits for room, with its `ticket` if it has one.
    /// Afterwards the caller must look for room once more.
    pub(crate) fn wait(&self, cell: &CellRef, ticket: Option<u64>, waker: &Waker) -> u64 {
        let mut queues = self.lock();
        let queue = queues.entry(cell.id()).or_default();
        let ticket = ticket.unwrap_or_else(|| {
            with_turn(|turn| turn.inspect(|turn| turn.step().joins_line()).map(drop));
            queue.next_ticket += 1;
            queue.next_ticket
        });
        queue.wakers.insert(ticket, waker.clone());
        cell.mark_awaited();
        ticket
    }

    /// Forgets a sender that has found room or given up.
    pub(crate) fn leave(&self, cell: &CellRef, ticket: u64) {
        let mut queues = self.lock();
        if let Some(queue) = queues.get_mut(&cell.id()) {
            queue.wakers.remove(&ticket);
            with_turn(|turn| turn.inspect(|turn| turn.step().leaves_line()).map(drop));
            if queue.wakers.is_empty() {
                queues.remove(&cell.id());
                cell.clear_awaited();
            }
        }
    }

    /// Wakes as many senders as there is room for; they stay listed until they leave.
    #[cold]
    pub(crate) fn wake(&self, cell: &CellRef, room: u32) {
        let woken: Vec<Waker> = {
            let queues = self.lock();
            let Some(queue) = queues.get(&cell.id()) else { return };
            queue.wakers.values().take(room as usize).cloned().collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Wakes everybody: the agent is gone.
    pub(crate) fn wake_all(&self, cell: &CellRef) {
        self.wake(cell, u32::MAX);
    }

    /// Whether `ticket` is among the first `room` in line.
    pub(crate) fn is_up(&self, cell: &CellRef, ticket: u64, room: u32) -> bool {
        let queues = self.lock();
        let Some(queue) = queues.get(&cell.id()) else { return true };
        queue.wakers.range(..ticket).take(room as usize).count() < room as usize
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AgentId, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
