//! What the current thread is doing: its worker, and the handler it is inside of.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, null};
use std::sync::{Arc, OnceLock};

use super::cell::{CellRef, Uncounted};
use super::frame::{self, FrameHead, Step};
use crate::Worker;
use crate::chain::{Asker, Link};

/// A handler being polled on this thread. Lives on the stack.
pub(super) struct Turn {
    pub(super) cell: Uncounted,
    pub(super) frame: NonNull<FrameHead>,
    pub(super) parent: *const Turn,
    pub(super) depth: u32,
}

struct Local {
    worker: Cell<*const Worker>,
    turn: Cell<*const Turn>,
    /// How many of those below on the stack catch the user's panics, handlers aside.
    catchers: Cell<u32>,
}

impl Local {
    const fn new() -> Local {
        Local { worker: Cell::new(null()), turn: Cell::new(null()), catchers: Cell::new(0) }
    }
}

#[cfg(not(loom))]
thread_local! {
    static LOCAL: Local = const { Local::new() };
}

#[cfg(loom)]
loom::thread_local! {
    static LOCAL: Local = Local::new();
}

/// Makes `worker` the current thread's worker while `f` runs.
pub(crate) fn enter<R>(worker: &Worker, f: impl FnOnce() -> R) -> R {
    let before = LOCAL.with(|local| local.worker.replace(worker));
    let _restore = Restore(before);
    f()
}

struct Restore(*const Worker);

impl Drop for Restore {
    fn drop(&mut self) {
        LOCAL.with(|local| local.worker.set(self.0));
    }
}

/// The current thread's worker, if it is one.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    let worker = LOCAL.with(|local| local.worker.get());
    // SAFETY: `enter` keeps the worker borrowed while its pointer stands here.
    f(unsafe { worker.as_ref() })
}

#[inline]
pub(super) fn current_turn() -> *const Turn {
    LOCAL.with(|local| local.turn.get())
}

/// Runs `f` inside `turn`. `f` must not unwind: callers catch panics within.
#[inline]
pub(super) fn inside<R>(turn: &Turn, f: impl FnOnce() -> R) -> R {
    LOCAL.with(|local| {
        // Not always the parent: a handler that was asked through its mailbox
        // has none, whatever else is on this stack.
        let before = local.turn.replace(turn);
        let result = f();
        local.turn.set(before);
        result
    })
}

/// Runs `f` outside of every handler: what the user's code does in there is not
/// part of the step that happens to be below it on the stack.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    let before = LOCAL.with(|local| local.turn.replace(null()));
    let _restore = RestoreTurn(before);
    f()
}

struct RestoreTurn(*const Turn);

impl Drop for RestoreTurn {
    fn drop(&mut self) {
        LOCAL.with(|local| local.turn.set(self.0));
    }
}

/// Runs the user's code outside of a handler, and catches its panic.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> std::thread::Result<R> {
    LOCAL.with(|local| {
        local.catchers.set(local.catchers.get() + 1);
        let result = catch_unwind(AssertUnwindSafe(f));
        local.catchers.set(local.catchers.get() - 1);
        result
    })
}

/// Whether a panic on this thread, now, is the crash of an agent: in a handler or other
/// code of an agent's, where it is caught and its supervisor decides. For panic hooks.
pub fn panics_are_caught() -> bool {
    LOCAL.with(|local| !local.turn.get().is_null() || local.catchers.get() > 0)
}

/// The handler that the current thread is inside of, if any.
#[derive(Clone, Copy)]
pub(crate) struct CurrentTurn<'a> {
    turn: &'a Turn,
}

/// Calls `f` with the current turn.
#[inline]
pub(crate) fn with_turn<R>(f: impl FnOnce(Option<CurrentTurn<'_>>) -> R) -> R {
    // SAFETY: a turn stands in `LOCAL` only while `inside` runs, below us on this stack.
    f(unsafe { current_turn().as_ref() }.map(|turn| CurrentTurn { turn }))
}

impl<'a> CurrentTurn<'a> {
    pub(crate) fn cell(self) -> &'a CellRef {
        &self.turn.cell
    }

    pub(crate) fn step(self) -> &'a Step {
        // SAFETY: the step lives in the frame that is being polled.
        unsafe { &self.turn.frame.as_ref().step }
    }

    pub(crate) fn depth(self) -> u32 {
        self.turn.depth
    }

    fn parent(self) -> Option<CurrentTurn<'a>> {
        // SAFETY: parents are further down the same stack.
        unsafe { self.turn.parent.as_ref() }.map(|turn| CurrentTurn { turn })
    }

    /// The call chain that ends with this turn, written down, if others can
    /// wait for its agent. Nobody can ask a task, so no cycle goes through one.
    pub(crate) fn asker_link(self) -> Option<Arc<Link>> {
        (!self.cell().kind().is_task()).then(|| self.link())
    }

    /// Where whoever asked waits, unless that is below on this stack.
    fn asker(self) -> Option<Arc<dyn Asker>> {
        // SAFETY: the frame is being polled, which leaves its asker alone.
        unsafe { frame::asker(self.turn.frame) }
    }

    fn link(self) -> Arc<Link> {
        let step = self.step();
        if let Some(link) = step.link() {
            return link;
        }
        let parent = step.origin().or_else(|| {
            let parent =
                self.parent().filter(|_| step.is_in_place()).and_then(CurrentTurn::asker_link);
            step.set_origin(parent.clone());
            parent
        });
        let cell = self.cell();
        let link = Arc::new(Link {
            id: cell.id(),
            kind: cell.kind().name(),
            key: cell.key_shared(),
            len: parent.as_ref().map_or(1, |parent| parent.len + 1),
            parent,
            waits: self.asker().map(OnceLock::from).unwrap_or_default(),
        });
        step.set_link(link.clone());
        link
    }
}
