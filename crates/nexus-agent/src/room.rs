//! Senders that wait for room in a mailbox, in the order they came.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::Waker;

use crate::raw::{CellRef, with_turn};
use crate::sync::{Mutex, MutexGuard};
use crate::{Crash, During};

/// The waiting senders of all agents of a kind. Empty nearly always, so agents
/// carry one bit for it instead of a list.
///
/// A line keeps the order of one sender's messages. Another sender may take
/// room that has come up before those in line are awake to take it: making it
/// wait as well would cost two wake-ups for every message. The line keeps its
/// order and is woken first whenever room comes up.
///
/// Nobody is forgotten, because of one rule: whenever senders are in line and
/// `room` places are free, the first `room` of them have been woken since.
/// Hence whoever frees a place wakes; so does a sender that took one too many
/// and gives it back, and one that leaves the line without going in.
///
/// Not bounded here: each entry is one suspended sender, which is bounded by
/// its own node.
#[derive(Default)]
pub(crate) struct Waiters {
    /// By the cell's address, which is its own while a sender holds a
    /// reference to it. Nobody walks over the cells, so their order is no matter.
    queues: Mutex<BTreeMap<usize, Queue>>,
    /// Never used twice: a sender that was let in still leaves by its ticket
    /// when it is dropped, and must not take somebody else along.
    tickets: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// Shared, so that they are copied under the lock without calling what is
    /// the user's, and dropped after it.
    wakers: BTreeMap<u64, Arc<Waker>>,
}

impl Queue {
    /// Whether `ticket` is among the first `room` in line.
    fn is_up(&self, ticket: u64, room: u32) -> bool {
        let room = room as usize;
        self.wakers.range(..ticket).take(room).count() < room
    }

    fn first(&self, room: u32) -> Vec<Arc<Waker>> {
        self.wakers.values().take(room as usize).cloned().collect()
    }
}

impl Waiters {
    /// Notes that `waker`'s task waits for room, with its `ticket` if it has one.
    /// True if it has nothing to wait for after all and must try again.
    pub(crate) fn wait(&self, cell: &CellRef, ticket: Option<u64>, waker: &Waker) -> (u64, bool) {
        let waker = Arc::new(waker.clone());
        let mut queues = self.lock();
        let queue = queues.entry(cell.address()).or_default();
        let ticket = ticket.unwrap_or_else(|| {
            with_turn(|turn| turn.inspect(|turn| turn.step().joins_line()).map(drop));
            // Under the lock, so that tickets are in the order of the line.
            self.tickets.fetch_add(1, Ordering::Relaxed)
        });
        let before = queue.wakers.insert(ticket, waker);
        let room = cell.kind().mailbox().len_max.saturating_sub(cell.mark_awaited());
        let again = queue.is_up(ticket, room);
        drop(queues);
        drop(before);
        // Whoever closes a cell wakes everybody afterwards; we are in line before we look.
        (ticket, again || cell.is_closed())
    }

    /// Takes a place for the sender with this `ticket`, or for one that is not
    /// in line, if it is its turn. Who got one is no longer in line.
    pub(crate) fn enter(&self, cell: &CellRef, ticket: Option<u64>) -> bool {
        let len_max = cell.kind().mailbox().len_max;
        let mut queues = self.lock();
        let Some(queue) = queues.get(&cell.address()) else { return cell.reserve_in_line(len_max) };
        let Some(ticket) = ticket else { return false };
        let room = len_max.saturating_sub(cell.mailbox_len());
        let entered = queue.is_up(ticket, room) && cell.reserve_in_line(len_max);
        let waker = if entered { remove(&mut queues, cell, ticket) } else { None };
        drop(queues);
        drop(waker);
        entered
    }

    /// Forgets a sender that has given up.
    pub(crate) fn leave(&self, cell: &CellRef, ticket: u64) {
        let waker = remove(&mut self.lock(), cell, ticket);
        if waker.is_some() {
            // It may have been woken for a place, which is the next one's now.
            self.wake(cell);
        }
    }

    /// Wakes as many senders as there is room for. They stay in line until they enter.
    #[cold]
    pub(crate) fn wake(&self, cell: &CellRef) {
        let room = cell.kind().mailbox().len_max.saturating_sub(cell.mailbox_len());
        self.wake_first(cell, room);
    }

    /// Wakes everybody: the agent is gone.
    pub(crate) fn wake_all(&self, cell: &CellRef) {
        self.wake_first(cell, u32::MAX);
    }

    fn wake_first(&self, cell: &CellRef, room: u32) {
        let woken = self.lock().get(&cell.address()).map(|queue| queue.first(room));
        for waker in woken.into_iter().flatten() {
            // A waker may be anybody's, and this may be anybody's thread.
            let _ = Crash::catch(During::Handler, move || {
                waker.wake_by_ref();
                drop(waker);
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(queues: &mut BTreeMap<usize, Queue>, cell: &CellRef, ticket: u64) -> Option<Arc<Waker>> {
    let queue = queues.get_mut(&cell.address())?;
    let waker = queue.wakers.remove(&ticket)?;
    with_turn(|turn| turn.inspect(|turn| turn.step().leaves_line()).map(drop));
    if queue.wakers.is_empty() {
        queues.remove(&cell.address());
        cell.clear_awaited();
    }
    Some(waker)
}
