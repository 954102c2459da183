//! Where clients read while a node is cut off and does not know it: there, and what others have
//! written since. Who answers there all the same has not asked whether another leads.

use nexus_base::{Ratio, Time};
use nexus_cluster::ring::Slot;

use super::op::{Op, Reply};
use super::world::NodesWorld;

/// How often a client that begins something reads there. A guess: some a second.
pub(crate) const BITES: Ratio = Ratio::new(1, 2);

/// A node that is about to be cut off, or is.
pub(crate) struct Lure {
    pub(crate) node: u32,
    /// Until when it may not know it.
    pub(crate) until: Time,
    /// What was written last through another node, of what it holds to be its own.
    pub(crate) written: Option<u32>,
}

impl NodesWorld {
    /// Where clients read, and which register; none if they are not drawn anywhere.
    pub(crate) fn bait(&self) -> Option<(u32, u32)> {
        let lure = self.lure.as_ref().filter(|lure| self.out.now < lure.until)?;
        lure.written.map(|register| (lure.node, register))
    }

    /// A node has given an answer.
    pub(crate) fn note_write(&mut self, from: u32, op: &Op, reply: &Reply) {
        let (Op::Put { register, .. } | Op::Cas { register, .. } | Op::Add { register, .. }) = *op
        else {
            return;
        };
        let Some(node) = self.lure.as_ref().map(|lure| lure.node) else { return };
        if op.changes(reply) && from != node && self.holds_to_be_its_own(node, op) {
            self.lure = self.lure.take().map(|lure| Lure { written: Some(register), ..lure });
        }
    }

    /// Whether a node leads the shard of that agent, as far as it knows.
    fn holds_to_be_its_own(&self, node: u32, op: &Op) -> bool {
        self.nodes[node as usize].life.as_ref().is_some_and(|life| {
            let slot = Slot::of(op.agent().id(&life.node.spec().secret));
            life.node.led().any(|(_, shard)| shard.holding().accepts(slot))
        })
    }
}
