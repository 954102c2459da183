//! Members of a shard that applied the same entries have the same state.
//!
//! What an entry came to is compared at every entry; whole states, which take long to
//! compare, at every sixty-fourth, after each snapshot, and at the end.
//!
//! # Source
//! Schneider, "Implementing Fault-Tolerant Services Using the State Machine Approach", 1990.

use nexus_base::{FixedMap, Time};
use nexus_cluster::raft::Index;
use nexus_cluster::{GroupId, NodeId};
use nexus_node::Saw;
use nexus_node::shard::{Applied, Command, ShardState};

use super::{Checker, Seen};
use crate::mix::{Mix, content_hash};

/// How far apart the entries are after which whole states are compared.
const EVERY: u64 = 64;

/// What members came to, and who came first.
#[derive(Default)]
pub(super) struct SameState {
    entries: FixedMap<(GroupId, Index), (u64, NodeId)>,
    states: FixedMap<(GroupId, Index), (u64, NodeId)>,
}

impl SameState {
    fn state(
        &mut self,
        node: NodeId,
        (group, index): (GroupId, Index),
        state: &ShardState,
    ) -> Result<(), String> {
        let hash = content_hash(&state.snapshot());
        let first = *self.states.entry((group, index)).or_insert((hash, node));
        if first.0 == hash {
            return Ok(());
        }
        let (index, other) = (index.0, first.1);
        Err(format!("has another state of {group} after entry {index} than {other}"))
    }

    fn entry(
        &mut self,
        node: NodeId,
        (group, index): (GroupId, Index),
        command: &Command,
        applied: Applied,
    ) -> Result<(), String> {
        let bytes = command.encode().map_err(|error| error.to_string())?;
        let hash = Mix::new().bytes(&bytes).bytes(format!("{applied:?}").as_bytes()).finish();
        let first = *self.entries.entry((group, index)).or_insert((hash, node));
        if first.0 == hash {
            return Ok(());
        }
        let (index, other) = (index.0, first.1);
        Err(format!("applied {command:?} as entry {index} of {group}, unlike {other}"))
    }
}

impl Checker for SameState {
    fn name(&self) -> &'static str {
        "same-state"
    }

    fn see(&mut self, _: Time, node: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Node(Saw::Applied { group, at, command, applied, state }) => {
                let place = (*group, at.1);
                self.entry(node, place, command, *applied)?;
                if at.1.0.is_multiple_of(EVERY) {
                    return self.state(node, place, state);
                }
            }
            Seen::Node(Saw::Restored { group, at, state }) => {
                return self.state(node, (*group, at.1), state);
            }
            Seen::Final(node) => {
                for (group, at, state) in node.shards() {
                    self.state(node.spec().id, (group, at.1), state)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("states-compared", self.states.len() as u64)]
    }
}
