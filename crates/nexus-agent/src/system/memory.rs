//! Where agents lie, and room made for them beforehand.

use std::sync::Arc;

use nexus_base::AgentId;

use super::System;
use crate::{Agent, KindSpec, ReserveError, Worker};

impl System {
    /// Places the machine's memory is in, as the system was told.
    pub fn memory_nodes(&self) -> usize {
        self.memory_nodes
    }

    /// Where the cell of an agent that this thread makes belongs.
    pub(crate) fn memory_node_of(&self, id: AgentId) -> usize {
        if self.memory_nodes == 1 {
            return 0;
        }
        let spread = || (id.low() % self.memory_nodes as u64) as usize;
        self.with_worker(|worker| worker.map_or_else(spread, Worker::memory_node))
    }

    /// Makes room for `agents` more of type `A` on `memory_node`, all of it
    /// touched by this thread, in the places of their states and in the
    /// registry. Bytes it took for the states.
    ///
    /// Only room: spawning beyond it is as fine as before. Room for agents that
    /// have ended is not counted on. Takes about a second for ten million
    /// agents; others spawn meanwhile, but wait where a part of the registry grows.
    ///
    /// # Errors
    /// [`ReserveError`]; room that had been made by then stays.
    pub fn reserve<A: Agent>(
        self: &Arc<System>,
        memory_node: usize,
        agents: usize,
    ) -> Result<usize, ReserveError> {
        let kind = self.kind_or_register(KindSpec::<A>::default).map_err(ReserveError::Kind)?;
        let bytes = kind.slab().reserve(memory_node, agents).map_err(ReserveError::Memory)?;
        if !self.registry.reserve(agents) {
            return Err(ReserveError::Memory(std::io::ErrorKind::OutOfMemory.into()));
        }
        Ok(bytes)
    }
}
