//! The mailbox: an intrusive queue that many push to and one owner takes from.
//!
//! Producers push onto `inbox`, a stack, with one compare-and-swap. The owner
//! takes the whole stack at once and turns it round into `ready`, a list in
//! the order of arrival. So a push never waits for the owner, and the owner
//! pays one atomic operation per batch.
//!
//! Invariants, checked by the loom models:
//! 1. `ready` is touched only by the holder of the cell's run flag, or, in
//!    kinds that evict, by the holder of the eviction lock.
//! 2. Everything in `ready` arrived before everything in `inbox`.
//! 3. The producer that finds `inbox` empty, and only that one, posts mail.

use std::ptr::{NonNull, null_mut};

use super::envelope::{Envelope, Node};
use crate::sync::{AtomicPtr, Ordering, UnsafeCell};

#[derive(Debug)]
pub(super) struct Mailbox {
    inbox: AtomicPtr<Node>,
    ready: UnsafeCell<*mut Node>,
}

impl Mailbox {
    pub(super) fn new() -> Mailbox {
        Mailbox { inbox: AtomicPtr::new(null_mut()), ready: UnsafeCell::new(null_mut()) }
    }

    /// Adds one; true if the inbox was empty, and the caller has to post mail.
    #[inline]
    pub(super) fn push(&self, envelope: Envelope) -> bool {
        let node = envelope.into_node();
        let mut first = self.inbox.load(Ordering::Relaxed);
        loop {
            // SAFETY: the node is ours until the exchange below publishes it.
            unsafe { node.as_ref().next.with_mut(|next| *next = first) };
            let swapped = self.inbox.compare_exchange_weak(
                first,
                node.as_ptr(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            match swapped {
                Ok(_) => return first.is_null(),
                Err(seen) => first = seen,
            }
        }
    }

    #[inline]
    pub(super) fn inbox_is_empty(&self) -> bool {
        self.inbox.load(Ordering::Acquire).is_null()
    }

    /// Takes out all of the inbox, oldest first. Anybody may, once the cell is
    /// closed; but in kinds that evict there may be some in `ready` as well.
    pub(super) fn drain_inbox(&self) -> impl Iterator<Item = Envelope> {
        // SAFETY: the exchange makes the nodes ours.
        let mut rest =
            unsafe { reversed(self.inbox.swap(null_mut(), Ordering::AcqRel), null_mut()) };
        std::iter::from_fn(move || {
            let node = NonNull::new(rest)?;
            // SAFETY: as above.
            unsafe {
                rest = node.as_ref().next.with(|next| *next);
                Some(Envelope::from_node(node))
            }
        })
    }

    /// The oldest message.
    ///
    /// # Safety
    /// The caller may touch `ready` (invariant 1).
    #[inline]
    pub(super) unsafe fn pop(&self) -> Option<Envelope> {
        // SAFETY: the caller has exclusive use of `ready` and of every node in it.
        unsafe {
            self.ready.with_mut(|ready| {
                if (*ready).is_null() {
                    *ready = reversed(self.inbox.swap(null_mut(), Ordering::AcqRel), null_mut());
                }
                let node = NonNull::new(*ready)?;
                *ready = node.as_ref().next.with(|next| *next);
                Some(Envelope::from_node(node))
            })
        }
    }

    /// Whether the owner holds messages it has not handled.
    ///
    /// # Safety
    /// As for [`Self::pop`].
    pub(super) unsafe fn ready_is_empty(&self) -> bool {
        // SAFETY: the caller has exclusive use of `ready`.
        unsafe { self.ready.with(|ready| (*ready).is_null()) }
    }

    /// Takes out the oldest of those for which `rank` is lowest.
    ///
    /// # Safety
    /// As for [`Self::pop`].
    pub(super) unsafe fn evict(&self, rank: impl Fn(&Envelope) -> u8) -> Option<Envelope> {
        let mut kept = Vec::new();
        let mut lowest: Option<(u8, usize)> = None;
        // SAFETY: passed on from the caller.
        while let Some(envelope) = unsafe { self.pop() } {
            let rank = rank(&envelope);
            if lowest.is_none_or(|(least, _)| rank < least) {
                lowest = Some((rank, kept.len()));
            }
            kept.push(envelope);
        }
        let evicted = lowest.map(|(_, at)| kept.remove(at));
        // SAFETY: passed on from the caller; `pop` has left `ready` empty.
        unsafe { self.put_back(kept) };
        evicted
    }

    /// Makes `envelopes` the oldest in the mailbox.
    ///
    /// # Safety
    /// As for [`Self::pop`].
    unsafe fn put_back(&self, envelopes: Vec<Envelope>) {
        for envelope in envelopes.into_iter().rev() {
            let node = envelope.into_node();
            // SAFETY: the node and `ready` are ours.
            unsafe {
                self.ready.with_mut(|ready| {
                    node.as_ref().next.with_mut(|next| *next = *ready);
                    *ready = node.as_ptr();
                });
            }
        }
    }
}

/// The list that begins with `node`, turned round, in front of `tail`.
///
/// # Safety
/// The caller owns every node of the list.
#[inline]
unsafe fn reversed(mut node: *mut Node, mut tail: *mut Node) -> *mut Node {
    while let Some(current) = NonNull::new(node) {
        // SAFETY: the caller owns the node.
        unsafe {
            current.as_ref().next.with_mut(|next| {
                node = *next;
                *next = tail;
            });
        }
        tail = current.as_ptr();
    }
    tail
}
