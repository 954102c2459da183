//! What became of messages: counted where it happens, added up when asked.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted of every kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Count {
    Accepted,
    Handled,
    Dropped,
    Dead,
    Refused,
    InPlace,
    Crashed,
    Restarted,
    Spawned,
    Stopped,
}

const COUNTS: usize = 10;

/// One writer's counters, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Shard([AtomicU64; COUNTS]);

/// The counters of one kind: shard 0 for everybody, one more for each worker.
pub(crate) struct Counters(Box<[Shard]>);

impl Counters {
    pub(crate) fn new(shards: usize) -> Counters {
        Counters((0..shards.max(1)).map(|_| Shard::default()).collect())
    }

    /// Counts in `shard`. Only the worker that owns a shard above 0 may name it.
    #[inline]
    pub(crate) fn add(&self, shard: usize, count: Count, by: u64) {
        let counter = &self.0[shard].0[count as usize];
        if shard == 0 {
            counter.fetch_add(by, Ordering::Relaxed);
        } else {
            // One writer: no locked instruction needed, and readers may lag.
            counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
        }
    }

    fn sum(&self, count: Count) -> u64 {
        self.0.iter().map(|shard| shard.0[count as usize].load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn read(&self) -> Counts {
        // What leaves is read before what enters, so that no message seems to
        // have left that never came.
        let [handled, dropped, dead] =
            [Count::Handled, Count::Dropped, Count::Dead].map(|count| self.sum(count));
        Counts {
            handled,
            dropped,
            dead,
            accepted: self.sum(Count::Accepted),
            refused: self.sum(Count::Refused),
            in_place: self.sum(Count::InPlace),
            crashed: self.sum(Count::Crashed),
            restarted: self.sum(Count::Restarted),
            spawned: self.sum(Count::Spawned),
            stopped: self.sum(Count::Stopped),
        }
    }
}

/// What became of the messages and agents of a kind since the node started.
///
/// At any moment `accepted = handled + dropped + dead + queued`, where
/// `queued` is what waits in mailboxes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Messages taken, into a mailbox or in place.
    pub accepted: u64,
    /// Messages whose handler was started.
    pub handled: u64,
    /// Messages taken and then dropped: shed, expired, or given up by their asker.
    pub dropped: u64,
    /// Messages taken by an agent that stopped before it came to them.
    pub dead: u64,
    /// Messages that were not taken and went back to their sender.
    pub refused: u64,
    /// Of those handled, how many ran on the asker's stack.
    pub in_place: u64,
    /// Panics.
    pub crashed: u64,
    /// Restarts.
    pub restarted: u64,
    /// Agents made.
    pub spawned: u64,
    /// Agents that ended.
    pub stopped: u64,
}

impl Counts {
    /// Messages that wait, by the books.
    pub fn queued(&self) -> u64 {
        self.accepted.saturating_sub(self.handled + self.dropped + self.dead)
    }

    /// Agents that run, by the books.
    pub fn agents(&self) -> u64 {
        self.spawned.saturating_sub(self.stopped)
    }
}
