//! A shard's state as bytes: for its group's snapshots.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_cluster::bounded;
use nexus_cluster::raft::Index;
use nexus_cluster::registry::Directory;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{HandoffId, Holding, Phase};
use serde::{Deserialize, Serialize};

use super::codec;
use super::moving::Arriving;
use super::part::{self, Agent, BorrowedAgent};
use super::state::{Limits, ShardState};

/// The first byte of every snapshot, so that a later form is known for what it is.
const FORMAT: u8 = 1;

/// All but the agents.
#[derive(Serialize, Deserialize)]
struct Rest<H, D, L, A> {
    limits: Limits,
    applied: Index,
    holding: H,
    directory: D,
    leaving: L,
    arriving: A,
}

type Read = Rest<Holding, Directory, BTreeMap<HandoffId, Directory>, BTreeMap<HandoffId, Arriving>>;

#[derive(Deserialize)]
struct Agents(#[serde(deserialize_with = "bounded::list::<{ usize::MAX }, _, _>")] Vec<Agent>);

impl ShardState {
    /// All of it, as bytes that [`Self::restore`] reads. Equal states have equal bytes.
    pub fn snapshot(&self) -> Bytes {
        let rest = Rest {
            limits: self.limits,
            applied: self.applied,
            holding: &self.holding,
            directory: &self.directory,
            leaving: &self.leaving,
            arriving: &self.arriving,
        };
        let agents = self.agents.iter().map(|(&id, record)| BorrowedAgent { id, record });
        let agents: Vec<BorrowedAgent<'_>> = agents.collect();
        let bytes = postcard::to_extend(&(rest, agents), vec![FORMAT]);
        bytes.expect("every state has a form").into()
    }

    /// The state that has these bytes. Whatever comes in, it does not panic.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn restore(bytes: &[u8]) -> Result<ShardState, SnapshotError> {
        let (&format, body) = bytes.split_first().ok_or(SnapshotError::Damaged)?;
        if format != FORMAT {
            return Err(SnapshotError::Format { format });
        }
        let (rest, Agents(agents)): (Read, Agents) =
            codec::read(body).ok_or(SnapshotError::Damaged)?;
        let is_held = |agent: &Agent| rest.holding.phase(Slot::of(agent.id)).0 != Phase::Absent;
        if !part::are_sound(&agents) || !agents.iter().all(is_held) {
            return Err(SnapshotError::Damaged);
        }
        let mut state = ShardState::with_limits(rest.holding, rest.limits);
        state.applied = rest.applied;
        state.directory = rest.directory;
        state.leaving = rest.leaving;
        state.arriving = rest.arriving;
        state.agents = agents.into_iter().map(|agent| (agent.id, agent.record)).collect();
        state.draw_up_agenda();
        Ok(state)
    }
}

/// Why bytes are no snapshot. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A later version of Nexus wrote it. Update this node.
    #[error("a snapshot of format {format}; this node reads {FORMAT}")]
    Format {
        /// Which.
        format: u8,
    },
    /// It was damaged on its way, or whoever wrote it is broken. Fetch another.
    #[error("the bytes are no snapshot of a shard")]
    Damaged,
}
