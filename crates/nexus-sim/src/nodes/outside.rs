//! What a node reaches: the time, the links, the plan, and those who watch.

use std::time::Duration;

use bytes::Bytes;
use nexus_base::{Rng, Time};
use nexus_node::{Answer, Ask, CallError};

use super::checkers::Checkers;
use super::event::Event;
use crate::cluster::{ClusterTrace, FaultCounts, Links, Plan, Queue, copies};

/// All of the world but its nodes and clients.
pub(crate) struct Outside {
    pub(crate) now: Time,
    pub(crate) queue: Queue<Event>,
    pub(crate) links: Links,
    pub(crate) plan: Plan,
    pub(crate) counts: FaultCounts,
    pub(crate) checkers: Checkers,
    pub(crate) trace: ClusterTrace,
    /// For the links of clients.
    pub(crate) rng: Rng,
    /// For the links of those who take locks.
    pub(crate) lock_rng: Rng,
}

impl Outside {
    /// Plans `event` for `later` from now.
    pub(crate) fn after(&mut self, later: Duration, event: Event) {
        self.queue.push(self.now.after(later), event);
    }

    /// Sends a frame from node to node, through whatever the links do to it.
    pub(crate) fn send(&mut self, from: u32, to: u32, bytes: &Bytes) {
        self.pass((from, to), bytes, |bytes| Event::Frame { to, bytes });
    }

    /// Sends a datagram, which fares no better.
    pub(crate) fn send_datagram(&mut self, from: u32, to: u32, bytes: &Bytes) {
        self.pass((from, to), bytes, |bytes| Event::Datagram { to, from, bytes });
    }

    fn pass(&mut self, pair: (u32, u32), bytes: &Bytes, arrives: impl Fn(Bytes) -> Event) {
        let passage = self.links.pass(self.now, pair, &self.plan, &mut self.counts);
        for arrival in passage.arrivals.into_iter().flatten() {
            let bytes = if passage.corrupt { self.links.damage(bytes) } else { bytes.clone() };
            self.queue.push(arrival, arrives(bytes));
        }
    }

    /// Sends what a client asks to a node; how many copies of it may arrive, as far as the
    /// client can tell.
    pub(crate) fn ask(&mut self, to: u32, ask: &Ask) -> u32 {
        let copies = copies(&self.plan, &mut self.rng, &mut self.counts);
        let sent = copies.iter().flatten().count().max(1) as u32;
        for later in copies.into_iter().flatten() {
            self.after(later, Event::Ask { to, ask: ask.clone() });
        }
        sent
    }

    /// Sends an answer to a client.
    pub(crate) fn answer(&mut self, from: u32, ticket: u64, answer: &Result<Answer, CallError>) {
        // An answer that comes twice is not two: only copies of questions are counted.
        let [first, _] = copies(&self.plan, &mut self.rng, &mut self.counts);
        if let Some(later) = first {
            let answer = answer.clone();
            self.after(later, Event::Reply { from, ticket, answer });
        }
    }
}
