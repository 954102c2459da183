//! Ends of agents: what is forgotten with them, and who is told.

use nexus_base::EventName;

use super::{System, lock};
use crate::counters::Count;
use crate::dead::DeadLetter;
use crate::error::drop_caught;
use crate::raw::{CellRef, Control, Envelope};
use crate::watch::{Down, End, Notify, Taken, Watches, life, tell_down};
use crate::{AskError, StopReason};

impl System {
    /// Stops an agent at its next message boundary, for a reason other than being asked.
    pub(super) fn stop_because(&self, cell: &CellRef, reason: StopReason) {
        lock(&self.stop_reasons).insert(life(cell), reason);
        cell.post_control(Control::Stop);
        // Once it has closed nobody asks for the reason.
        if cell.is_closed() {
            self.take_stop_reason(cell);
        }
    }

    pub(crate) fn take_stop_reason(&self, cell: &CellRef) -> StopReason {
        lock(&self.stop_reasons).remove(&life(cell)).unwrap_or(StopReason::Stopped)
    }

    /// Forgets an agent that is about to close, for `reason`.
    pub(crate) fn leave(&self, cell: &CellRef, reason: &StopReason) {
        // Before it closes: whoever finds it closed learns how it ended.
        cell.mark_end(End::of(reason));
        if cell.kind().is_task() {
            let left = lock(&self.tasks).remove(&cell.id());
            drop(left);
            return;
        }
        // While the name is still its own: what is kept under it afterwards is
        // the next one's.
        let left = self.registry.remove(cell, || {
            lock(&self.supervision).remove_child(cell.id());
            let args = lock(&self.args).remove(&cell.id());
            (args, lock(&self.metadata).remove(&cell.id()))
        });
        drop(left);
    }

    /// Tells whoever watches that an agent has closed.
    pub(crate) fn announce_end(&self, cell: &CellRef, reason: &StopReason) {
        self.observe(EventName::AgentStopped, cell, || reason.to_string());
        self.take_stop_reason(cell);
        if let Some(strict) = cell.kind().strict() {
            strict.end(cell, reason);
        }
        if !cell.is_watched() {
            return;
        }
        let Taken { monitors, linked, own } = self.watches.lock().take(cell);
        drop(own);
        tell_down(monitors, Down::new(cell.name(), reason));
        if reason.is_abnormal() {
            for other in linked {
                self.stop_because(&other, StopReason::Linked);
            }
        }
    }

    /// Has `notify` called once when the agent in `watched` has gone down; at
    /// once if it has. Not again while `watcher` is to be told already.
    pub(crate) fn monitor(&self, watched: &CellRef, watcher: &CellRef, notify: Notify) {
        let left = self.watch(watched, notify, |watches, notify| {
            // At its end there is something to forget.
            watcher.mark_watched();
            watches.monitor(watched, watcher, notify)
        });
        drop(left);
    }

    /// As [`Self::monitor`] for somebody who is no agent; false, and `notify`
    /// is dropped, if too many are to be told already.
    pub(crate) fn monitor_outside(&self, watched: &CellRef, notify: Notify) -> bool {
        let left =
            self.watch(watched, notify, |watches, notify| watches.monitor_outside(watched, notify));
        let entered = left.is_none();
        drop_caught(left);
        entered
    }

    /// Enters `notify`, or calls it if it is too late for that; or gives it back.
    fn watch(
        &self,
        watched: &CellRef,
        notify: Notify,
        enter: impl FnOnce(&mut Watches, Notify) -> Option<Notify>,
    ) -> Option<Notify> {
        // Under the lock: whoever tells of the end looks for it after us.
        let mut watches = self.watches.lock();
        let Some(end) = watched.mark_watched() else { return enter(&mut watches, notify) };
        drop(watches);
        tell_down(vec![notify], Down::late(watched.name(), end));
        None
    }

    /// Links two agents: when one goes down abnormally the other is stopped; at
    /// once if one has.
    pub(crate) fn link(&self, one: &CellRef, other: &CellRef) {
        let mut watches = self.watches.lock();
        let ends = [(one.mark_watched(), other), (other.mark_watched(), one)];
        if ends.iter().all(|(end, _)| end.is_none()) {
            return watches.link(one, other);
        }
        drop(watches);
        for (end, survivor) in ends {
            if end.is_some_and(End::is_abnormal) {
                self.stop_because(survivor, StopReason::Linked);
            }
        }
    }

    pub(crate) fn unlink(&self, one: &CellRef, other: &CellRef) {
        self.watches.lock().unlink(one, other);
    }

    /// Counts and keeps a message that will never be handled.
    pub(crate) fn bury(&self, cell: &CellRef, envelope: Envelope) {
        self.bury_because(cell, envelope, "agent stopped before it came to it");
    }

    /// Keeps note of a letter that nobody carries.
    #[cold]
    pub(crate) fn bury_letter(&self, to: String, message: &'static str) {
        let reason = "sent by name on a node without a host";
        lock(&self.dead).push(DeadLetter { at: self.now(), to, message, reason });
    }

    pub(crate) fn bury_because(&self, cell: &CellRef, envelope: Envelope, reason: &'static str) {
        cell.kind().count(None, Count::Dead, 1);
        let message = envelope.name();
        let letter = DeadLetter { at: self.now(), to: cell.name(), message, reason };
        lock(&self.dead).push(letter);
        self.observe(EventName::MessageDead, cell, || format!("{message}: {reason}"));
        envelope.discard(AskError::Stopped { changed: crate::Changed::No });
    }
}
