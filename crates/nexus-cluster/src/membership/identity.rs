//! Who a member is, in each of its lives.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::about;
use super::address::Address;
use crate::NodeId;

/// One life of a node; of two lives of one node the greater is the one that counts.
///
/// A later process of a node is above an earlier one by `start`, whatever either renewed.
/// Two processes that were given the same `start` differ by `birth`, so that they are told
/// apart, and the same one wins everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Life {
    /// Which node.
    pub node: NodeId,
    /// Which start of it: greater for a later process. At least 1.
    pub start: u64,
    /// Drawn at the start, to tell processes apart.
    pub birth: u32,
    /// How often this process has renewed its identity.
    pub renewal: u32,
}

impl Life {
    /// Stands for "whoever is there" as the receiver of a request to join.
    pub(super) const WHOEVER: Life = Life { node: NodeId(0), start: 0, birth: 0, renewal: 0 };

    /// Whether the two are of one process.
    pub fn is_same_process(self, other: Life) -> bool {
        self.process() == other.process()
    }

    pub(super) fn process(self) -> (NodeId, u64, u32) {
        (self.node, self.start, self.birth)
    }

    /// Whether `self` is an earlier identity of the same process.
    pub(super) fn is_earlier_of(self, other: Life) -> bool {
        self.is_same_process(other) && self.renewal < other.renewal
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{:08x}.{}", self.node, self.start, self.birth, self.renewal)
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A life with what it tells of itself. Equal if the life is: whoever changes what it
/// tells renews itself.
#[derive(Clone)]
pub(super) struct Identity {
    pub life: Life,
    pub about: Arc<[u8]>,
}

impl Identity {
    /// Whoever is at an address.
    pub fn whoever(address: &Address) -> Identity {
        let about = about::encode(address, &about::Metadata::default());
        Identity { life: Life::WHOEVER, about: about.expect("an address alone is short enough") }
    }

    pub fn address(&self) -> Address {
        about::address(&self.about)
    }

    pub fn is_leaving(&self) -> bool {
        about::is_leaving(&self.about)
    }

    /// The next identity of the same process; none after four thousand million of them.
    pub fn renewed(&self, about: Arc<[u8]>) -> Option<Identity> {
        let renewal = self.life.renewal.checked_add(1)?;
        Some(Identity { life: Life { renewal, ..self.life }, about })
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        self.life == other.life
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.life)
    }
}

impl foca::Identity for Identity {
    type Addr = NodeId;

    fn renew(&self) -> Option<Identity> {
        // One that leaves hears that it is down, and must not come back for that.
        if self.is_leaving() { None } else { self.renewed(self.about.clone()) }
    }

    fn addr(&self) -> NodeId {
        self.life.node
    }

    fn win_addr_conflict(&self, adversary: &Identity) -> bool {
        self.life > adversary.life
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_process_is_above_any_renewal_of_an_earlier_one() {
        let life = |start, birth, renewal| Life { node: NodeId(1), start, birth, renewal };
        assert!(life(2, 0, 0) > life(1, 9, 9));
        assert!(life(1, 2, 0) > life(1, 1, 9));
        assert!(life(1, 1, 1) > life(1, 1, 0));
        assert!(life(1, 1, 0).is_earlier_of(life(1, 1, 1)));
        assert!(!life(1, 1, 0).is_earlier_of(life(1, 2, 1)));
    }
}
