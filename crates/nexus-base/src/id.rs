//! Who an agent is: 128 bits hashed from its kind and key under the cluster's secret.

use std::fmt;

use siphasher::sip128::{Hasher128, SipHasher13};

/// The identity of an agent in its cluster.
///
/// Hashed under a secret so that nobody outside can choose keys that collide
/// or pile up in one slot. The full key is still compared wherever an agent is
/// activated or looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(u128);

impl AgentId {
    /// The identity with exactly these bits, as read from a record or a frame.
    pub const fn from_u128(bits: u128) -> AgentId {
        AgentId(bits)
    }

    /// All 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The low half: what hash tables are indexed by.
    pub const fn low(self) -> u64 {
        self.0 as u64
    }

    /// The high half: what chooses a table's shard and, in a cluster, the slot.
    pub const fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentId({self})")
    }
}

/// The secret under which a cluster hashes its agents' identities.
#[derive(Clone)]
pub struct IdSecret {
    keyed: SipHasher13,
}

impl IdSecret {
    /// A secret made of two random words.
    pub fn new(first: u64, second: u64) -> IdSecret {
        IdSecret { keyed: SipHasher13::new_with_keys(first, second) }
    }

    /// The identity of the agent of `kind` called `key`.
    ///
    /// # Source
    /// Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012 (128-bit output).
    pub fn agent_id(&self, kind: &str, key: &str) -> AgentId {
        use std::hash::Hasher;
        let mut hasher = self.keyed;
        hasher.write(kind.as_bytes());
        // A byte that UTF-8 never uses keeps ("ab", "c") apart from ("a", "bc").
        hasher.write(&[0xFF]);
        hasher.write(key.as_bytes());
        AgentId(hasher.finish128().as_u128())
    }
}

impl fmt::Debug for IdSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_secret_kind_and_key() {
        let secret = IdSecret::new(1, 2);
        let id = secret.agent_id("cart", "42");
        assert_eq!(id, secret.agent_id("cart", "42"));
        assert_ne!(id, secret.agent_id("car", "t42"));
        assert_ne!(id, IdSecret::new(1, 3).agent_id("cart", "42"));
    }
}
