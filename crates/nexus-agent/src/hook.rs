//! The delivery hook: sees all that enters an agent, which is what recording needs.

use nexus_base::{AgentId, Time};

use crate::WireId;

/// Sees what goes into the agents of a kind. Given with [`crate::KindSpec::hook`].
///
/// A kind that has a hook does not run in place. Calls for one agent come in
/// the order of its steps.
pub trait DeliveryHook: Send + Sync + 'static {
    /// A message is about to be handled.
    fn delivered(&self, delivery: Delivery);

    /// A suspended handler goes on: what its context reads from here on changes.
    fn resumed(&self, id: AgentId, now: Time);
}

/// One message on its way into a handler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Who handles it.
    pub id: AgentId,
    /// The same for people: `kind/key`.
    pub name: String,
    /// The message's name.
    pub message: &'static str,
    /// The message type's stable id.
    pub wire_id: WireId,
    /// The message type's version.
    pub version: u16,
    /// The message itself, encoded.
    pub bytes: Vec<u8>,
    /// What the context says the time is.
    pub now: Time,
    /// What the context's generator is seeded with.
    pub random_seed: u64,
}
