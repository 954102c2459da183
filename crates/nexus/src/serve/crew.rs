//! The workers, as the port sees them: which of them takes new connections, how
//! many each has, and how many it is to pass on.
//!
//! Connections pass themselves on: each that is between two requests looks whether
//! its worker was told to. So those go first that ask most, no list of them is
//! kept, and none is woken for it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::balance::Order;

/// The workers of a node.
pub(super) struct Crew {
    hands: Box<[Hand]>,
    moved: AtomicU64,
    /// Told when a connection comes.
    pub(super) arrival: Notify,
}

struct Hand {
    runtime: Handle,
    takes: AtomicBool,
    connections: AtomicUsize,
    /// How many are to go, above to whom; 0 for none.
    order: AtomicU64,
}

/// Bits of an order that say how many; there are fewer connections.
const COUNT_BITS: u32 = 32;

impl Crew {
    /// Of these runtimes, each of one worker; all take connections.
    pub(super) fn new(runtimes: Vec<Handle>) -> Crew {
        let hand = |runtime| Hand {
            runtime,
            takes: AtomicBool::new(true),
            connections: AtomicUsize::new(0),
            order: AtomicU64::new(0),
        };
        let hands = runtimes.into_iter().map(hand).collect();
        Crew { hands, moved: AtomicU64::new(0), arrival: Notify::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.hands.len()
    }

    pub(super) fn runtime(&self, worker: usize) -> &Handle {
        &self.hands[worker].runtime
    }

    pub(super) fn connections(&self, worker: usize) -> usize {
        self.hands[worker].connections.load(Ordering::Relaxed)
    }

    /// Connections that were passed on so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// The next worker after `last` that takes connections.
    pub(super) fn next(&self, last: usize) -> usize {
        let count = self.len();
        let mut after = (1..=count).map(|step| (last + step) % count);
        after.find(|&worker| self.hands[worker].takes.load(Ordering::Relaxed)).unwrap_or(last)
    }

    /// Says whether `worker` takes new connections.
    pub(super) fn take(&self, worker: usize, takes: bool) {
        self.hands[worker].takes.store(takes, Ordering::Relaxed);
    }

    /// Tells `worker` what to do with its connections.
    pub(super) fn order(&self, worker: usize, order: Order) {
        let word = match order {
            Order::AsBefore => return,
            Order::Stay => 0,
            Order::Pass { to, count } => {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                if count == 0 { 0 } else { (to as u64) << COUNT_BITS | u64::from(count) }
            }
        };
        self.hands[worker].order.store(word, Ordering::Relaxed);
    }

    /// Where a connection of `worker` is to go that is between two requests, if it
    /// is. It goes then: it is one of those that were ordered.
    pub(super) fn follow_order(&self, worker: usize) -> Option<usize> {
        let order = &self.hands[worker].order;
        // What nearly every request finds.
        if order.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let less = |word: u64| match word as u32 {
            0 => None,
            1 => Some(0),
            _ => Some(word - 1),
        };
        let word = order.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        Some((word >> COUNT_BITS) as usize)
    }

    pub(super) fn arrived(&self, worker: usize) {
        self.hands[worker].connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left(&self, worker: usize) {
        self.hands[worker].connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn passed_on(&self, from: usize, to: usize) {
        self.arrived(to);
        self.left(from);
        self.moved.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
