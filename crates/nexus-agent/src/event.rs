//! What happened, for people and for the layers above.

use nexus_base::{EventName, Time};

/// One thing that happened on a node.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// When, since the node (or the simulated world) started.
    pub at: Time,
    /// What.
    pub name: EventName,
    /// To whom, as `kind/key`; empty if to nobody in particular.
    pub agent: String,
    /// In words.
    pub detail: String,
}
