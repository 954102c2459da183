//! Where a connection is in its requests: what stream, service and timer know of
//! each other.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What a connection is waiting for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Waits {
    /// The first byte of a request.
    Idle,
    /// The rest of a request's head.
    Head,
    /// An answer of ours, or the body it needs; that has limits of its own.
    Answer,
    /// The client, to take what was written.
    Client,
    /// What is to be told in an answer without end.
    Stream,
    /// The client, to take what such an answer has told.
    Stuck,
}

impl Waits {
    const ALL: [Waits; 6] =
        [Waits::Idle, Waits::Head, Waits::Answer, Waits::Client, Waits::Stream, Waits::Stuck];
}

/// All on one thread, but tokio cannot know that.
pub(super) struct Progress {
    begun: Instant,
    waits: AtomicU8,
    /// Since when, in nanoseconds from the beginning.
    since_ns: AtomicU64,
    /// Whether the last request's body was read to its end. What is left of one
    /// must never be taken for a request.
    body_ended: AtomicBool,
    /// Whether all that was written is with the system.
    flushed: AtomicBool,
    /// Whether the stream leaves its worker, open.
    leaves: AtomicBool,
}

impl Progress {
    pub(super) fn begin() -> Progress {
        Progress {
            begun: now(),
            waits: AtomicU8::new(Waits::Idle as u8),
            since_ns: AtomicU64::new(0),
            body_ended: AtomicBool::new(false),
            flushed: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
        }
    }

    pub(super) fn waits(&self) -> Waits {
        Waits::ALL[usize::from(self.waits.load(Ordering::Relaxed))]
    }

    pub(super) fn since(&self) -> Instant {
        self.begun + Duration::from_nanos(self.since_ns.load(Ordering::Relaxed))
    }

    pub(super) fn note(&self, waits: Waits) {
        if self.waits.swap(waits as u8, Ordering::Relaxed) != waits as u8 {
            let since = now().duration_since(self.begun).as_nanos() as u64;
            self.since_ns.store(since, Ordering::Relaxed);
        }
    }

    pub(super) fn note_body(&self, ended: bool) {
        self.body_ended.store(ended, Ordering::Relaxed);
    }

    pub(super) fn note_flushed(&self, flushed: bool) {
        self.flushed.store(flushed, Ordering::Relaxed);
    }

    /// Whether a request has been answered in full, and the next one has not begun
    /// as far as anybody has looked. hyper is idle then: told to end it ends at
    /// once, and says nothing to the client.
    pub(super) fn is_between_requests(&self) -> bool {
        self.waits() == Waits::Idle
            && self.body_ended.load(Ordering::Relaxed)
            && self.flushed.load(Ordering::Relaxed)
    }

    pub(super) fn leave(&self, leaves: bool) {
        self.leaves.store(leaves, Ordering::Relaxed);
    }

    pub(super) fn leaves(&self) -> bool {
        self.leaves.load(Ordering::Relaxed)
    }
}

#[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
pub(super) fn now() -> Instant {
    Instant::now()
}
