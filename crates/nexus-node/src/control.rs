//! The state machine of the control group: the map of shards, and the locks.

use bytes::Bytes;
use nexus_cluster::lock::{self, LockError, Locks};
use nexus_cluster::raft::{Index, Term};
use nexus_cluster::shard::{self, ShardMap};

/// The first byte of each command and of the state, so that a later form is known for what it
/// is.
const MAP_FORMAT: u8 = 1;
const LOCK_FORMAT: u8 = 2;
const STATE_FORMAT: u8 = 4;

/// What the control group keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ControlState {
    pub(crate) map: ShardMap,
    pub(crate) locks: Locks,
}

/// What came of an entry.
pub(crate) enum Controlled {
    /// The map has changed, or the change was refused, which changes nothing.
    Map,
    /// What was asked about a lock, and the answer.
    Lock(lock::Op, Result<lock::Answer, LockError>),
}

impl ControlState {
    pub(crate) const fn new(map: ShardMap, limits: lock::Limits) -> ControlState {
        ControlState { map, locks: Locks::new(limits) }
    }

    /// Carries out an entry; none if its bytes are no command of ours.
    pub(crate) fn apply(
        &mut self,
        (term, index): (Term, Index),
        bytes: &[u8],
    ) -> Option<Controlled> {
        let (&format, body) = bytes.split_first()?;
        match format {
            MAP_FORMAT => {
                let command: shard::Command = whole(body)?;
                // Whoever proposed it sees from the map what came of it.
                let _ = self.map.apply(&command);
                Some(Controlled::Map)
            }
            LOCK_FORMAT => {
                let command: lock::Command = whole(body)?;
                let answer = self.locks.apply(term, index, &command);
                // Whom they are for asks by itself.
                while self.locks.poll_effect().is_some() {}
                Some(Controlled::Lock(command.op, answer))
            }
            _ => None,
        }
    }

    pub(crate) fn snapshot(&self) -> Bytes {
        encode(STATE_FORMAT, &(&self.map, &self.locks))
    }

    pub(crate) fn restore(bytes: &[u8]) -> Option<ControlState> {
        let (&format, body) = bytes.split_first()?;
        let (map, locks) = if format == STATE_FORMAT { whole(body)? } else { return None };
        Some(ControlState { map, locks })
    }
}

/// A command about the map as an entry has it.
pub(crate) fn map_command(command: &shard::Command) -> Bytes {
    encode(MAP_FORMAT, command)
}

/// A command about locks as an entry has it.
pub(crate) fn lock_command(command: &lock::Command) -> Bytes {
    encode(LOCK_FORMAT, command)
}

fn encode<T: serde::Serialize>(format: u8, value: &T) -> Bytes {
    postcard::to_extend(value, vec![format]).expect("all of it has a form").into()
}

fn whole<T: for<'de> serde::Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

/// A map as it is sent.
pub(crate) fn map_bytes(map: &ShardMap) -> Bytes {
    postcard::to_allocvec(map).expect("every map has a form").into()
}

/// None if the bytes are no map.
pub(crate) fn read_map(bytes: &[u8]) -> Option<ShardMap> {
    postcard::from_bytes(bytes).ok()
}

#[cfg(test)]
mod tests;
