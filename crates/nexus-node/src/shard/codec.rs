//! Forms of what is stored that have none of their own.

/// An agent's id, as its 128 bits.
pub(super) mod agent_id {
    use nexus_base::AgentId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::shard) fn serialize<S: Serializer>(
        agent: &AgentId,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_u128(agent.as_u128())
    }

    pub(in crate::shard) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<AgentId, D::Error> {
        u128::deserialize(from).map(AgentId::from_u128)
    }
}

/// A moment, as nanoseconds.
pub(super) mod nanos {
    use nexus_base::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::shard) fn serialize<S: Serializer>(at: &Time, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(at.as_nanos())
    }

    pub(in crate::shard) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Time, D::Error> {
        u64::deserialize(from).map(Time::from_nanos)
    }
}

/// A set of slots, whose ranges are read as they come.
pub(super) mod slots {
    use nexus_cluster::bounded;
    use nexus_cluster::ring::SLOT_COUNT;
    use nexus_cluster::shard::SlotSet;
    use serde::de::Error as _;
    use serde::{Deserializer, Serialize, Serializer};

    /// Between any two ranges is a slot that is in neither.
    const RANGES_MAX: usize = SLOT_COUNT as usize / 2;

    pub(in crate::shard) fn serialize<S: Serializer>(
        slots: &SlotSet,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        slots.serialize(to)
    }

    pub(in crate::shard) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<SlotSet, D::Error> {
        let ranges = bounded::list::<RANGES_MAX, (u16, u16), D>(from)?;
        SlotSet::try_from(ranges).map_err(D::Error::custom)
    }
}

/// Reads one value from all of `bytes`.
pub(super) fn read<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(value)
}
