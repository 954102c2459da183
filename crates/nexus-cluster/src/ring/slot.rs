//! A slice of the id space.

use std::fmt;

use nexus_base::AgentId;
use serde::{Deserialize, Serialize};

/// Slots there are. A power of two, so that a slot is the first bits of an id.
///
/// Source: the design; as many as Redis Cluster has, enough for 16 to each of 1,000 nodes.
pub const SLOT_COUNT: u16 = 1 << SLOT_BITS;

const SLOT_BITS: u32 = 14;

/// One of [`SLOT_COUNT`] slices of the id space: the smallest thing that can change hands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Slot(u16);

impl Slot {
    /// The slot with a number; none if there are not as many.
    pub const fn new(number: u16) -> Option<Slot> {
        if number < SLOT_COUNT { Some(Slot(number)) } else { None }
    }

    /// Where an agent belongs: the first bits of its id.
    pub const fn of(agent: AgentId) -> Slot {
        Slot((agent.high() >> (u64::BITS - SLOT_BITS)) as u16)
    }

    /// From 0 to [`SLOT_COUNT`] less one.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..SLOT_COUNT).map(Slot)
    }

    /// Where on the ring it begins.
    pub const fn position(self) -> u64 {
        (self.0 as u64) << (u64::BITS - SLOT_BITS)
    }
}

impl TryFrom<u16> for Slot {
    type Error = UnknownSlot;

    fn try_from(number: u16) -> Result<Slot, UnknownSlot> {
        Slot::new(number).ok_or(UnknownSlot(number))
    }
}

impl From<Slot> for u16 {
    fn from(slot: Slot) -> u16 {
        slot.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({})", self.0)
    }
}

/// No slot has the number. Nothing was changed; asking again does not help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no slot {0}: the last is {last}", last = SLOT_COUNT - 1)]
pub struct UnknownSlot(pub u16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bits_of_an_id_are_its_slot() {
        let slot = |high: u64| Slot::of(AgentId::from_u128(u128::from(high) << 64)).number();
        assert_eq!((slot(0), slot(u64::MAX), slot(1 << 50)), (0, SLOT_COUNT - 1, 1));
        assert_eq!(slot((1 << 50) - 1), 0);
        let back =
            Slot::all().map(|slot| Slot::of(AgentId::from_u128(u128::from(slot.position()) << 64)));
        assert!(Slot::all().eq(back), "a slot begins at its position");
    }

    #[test]
    fn numbers_beyond_the_last_are_no_slots() {
        assert_eq!(Slot::try_from(SLOT_COUNT), Err(UnknownSlot(16_384)));
        let bytes = postcard::to_allocvec(&SLOT_COUNT).expect("a number");
        assert!(postcard::from_bytes::<Slot>(&bytes).is_err());
    }
}
