//! What a node reaches: the time, the links, the plan, and those who watch.

use std::time::Duration;

use nexus_base::{Rng, Time};
use nexus_cluster::NodeId;

use super::checkers::{Checkers, Place, Seen};
use super::client::{Reply, Request};
use super::event::Event;
use super::family::FaultCounts;
use super::links::{Links, copies};
use super::plan::Plan;
use super::queue::Queue;
use super::trace::ClusterTrace;
use bytes::Bytes;

/// All of the world but its nodes and clients.
pub(crate) struct Outside {
    pub(crate) now: Time,
    pub(crate) queue: Queue,
    pub(crate) links: Links,
    pub(crate) plan: Plan,
    pub(crate) counts: FaultCounts,
    pub(crate) checkers: Checkers,
    pub(crate) trace: ClusterTrace,
    /// For the links of clients.
    pub(crate) rng: Rng,
}

/// The name of the node at `index`; names begin at 1.
pub(crate) fn node_id(index: u32) -> NodeId {
    NodeId(u64::from(index) + 1)
}

/// The place of the node called `id`.
pub(crate) fn node_index(id: NodeId) -> u32 {
    // Names come from `node_id`, or from frames whose checksum was right.
    id.0.saturating_sub(1).min(u64::from(u32::MAX)) as u32
}

impl Outside {
    /// Plans `event` for `later` from now.
    pub(crate) fn after(&mut self, later: Duration, event: Event) {
        self.queue.push(self.now.after(later), event);
    }

    /// Shows the checkers something.
    #[inline]
    pub(crate) fn see(&mut self, place: Place, seen: &Seen<'_>) {
        self.checkers.see(self.now, place, seen);
    }

    /// Sends a frame from node to node, through whatever the links do to it.
    pub(crate) fn send(&mut self, from: u32, to: u32, bytes: Bytes) {
        let passage = self.links.pass(self.now, (from, to), &self.plan, &mut self.counts);
        for arrival in passage.arrivals.into_iter().flatten() {
            let bytes = if passage.corrupt { self.links.damage(&bytes) } else { bytes.clone() };
            self.queue.push(arrival, Event::Frame { to, bytes });
        }
    }

    /// Sends a client's request to a node.
    pub(crate) fn ask(&mut self, to: u32, request: Request) {
        let copies = copies(&self.plan, &mut self.rng, &mut self.counts);
        for later in copies.into_iter().flatten() {
            self.after(later, Event::Request { to, request });
        }
    }

    /// Sends an answer to a client.
    pub(crate) fn answer(&mut self, reply: Reply) {
        let copies = copies(&self.plan, &mut self.rng, &mut self.counts);
        for later in copies.into_iter().flatten() {
            self.after(later, Event::Reply(reply));
        }
    }
}
