//! The state machine of the control group: the map of shards.

use bytes::Bytes;
use nexus_cluster::shard::{Command, MapError, ShardMap};

/// The first byte of each command, so that a later form is known for what it is.
const FORMAT: u8 = 1;

/// What the control group keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ControlState {
    pub(crate) map: ShardMap,
}

impl ControlState {
    pub(crate) const fn new(map: ShardMap) -> ControlState {
        ControlState { map }
    }

    /// Carries out an entry; none if its bytes are no command of ours.
    pub(crate) fn apply(&mut self, bytes: &[u8]) -> Option<Result<(), MapError>> {
        let command = decode(bytes)?;
        Some(self.map.apply(&command))
    }

    pub(crate) fn snapshot(&self) -> Bytes {
        map_bytes(&self.map)
    }

    pub(crate) fn restore(bytes: &[u8]) -> Option<ControlState> {
        read_map(bytes).map(ControlState::new)
    }
}

/// A command as an entry has it.
pub(crate) fn encode(command: &Command) -> Bytes {
    postcard::to_extend(command, vec![FORMAT]).expect("every command has a form").into()
}

fn decode(bytes: &[u8]) -> Option<Command> {
    let (&format, body) = bytes.split_first()?;
    if format != FORMAT {
        return None;
    }
    match postcard::take_from_bytes(body) {
        Ok((command, [])) => Some(command),
        _ => None,
    }
}

/// A map as it is stored and sent.
pub(crate) fn map_bytes(map: &ShardMap) -> Bytes {
    postcard::to_allocvec(map).expect("every map has a form").into()
}

/// None if the bytes are no map.
pub(crate) fn read_map(bytes: &[u8]) -> Option<ShardMap> {
    postcard::from_bytes(bytes).ok()
}
