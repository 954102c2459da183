//! Where agents lie, and room made for them beforehand.

use std::sync::Arc;

use nexus_base::{AgentId, IdSecret};

use super::System;
use crate::{Agent, Driver, ReserveError, Worker};

impl System {
    /// As [`System::new`], on a machine whose memory is in `memory_nodes` places: agents
    /// made by a worker lie in its own, see [`Worker::on_memory_node`]; those
    /// made on other threads are spread by id.
    ///
    /// A page lies where it was first touched, so this separates memory of
    /// different nodes, and [`System::reserve`] from a thread of the node puts
    /// it there.
    pub fn on_memory_nodes(
        driver: Arc<dyn Driver>,
        secret: IdSecret,
        workers: usize,
        memory_nodes: usize,
    ) -> Arc<System> {
        let mut system = System::new(driver, secret, workers);
        let ours = Arc::get_mut(&mut system).expect("nobody else has it yet");
        ours.memory_nodes = memory_nodes.max(1);
        system
    }

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

    /// Makes room for the states of `agents` more of type `A` on `memory_node`,
    /// all of it touched by this thread; the bytes it took.
    ///
    /// Only room: spawning beyond it is as fine as before. Room for agents that
    /// have ended is not counted on. Takes a few hundredths of a second for a
    /// million small agents; others spawn meanwhile.
    ///
    /// # Errors
    /// [`ReserveError`]; room that had been made by then stays.
    pub fn reserve<A: Agent>(
        self: &Arc<System>,
        memory_node: usize,
        agents: usize,
    ) -> Result<usize, ReserveError> {
        let kind = self.kind_or_register::<A>().map_err(ReserveError::Kind)?;
        kind.slab().reserve(memory_node, agents).map_err(ReserveError::Memory)
    }

    /// Makes room in the registry for `agents` more, of whatever kinds. Who
    /// spawns or looks up meanwhile waits while a 256th of it grows.
    ///
    /// # Errors
    /// [`ReserveError::Memory`]; room that had been made by then stays.
    pub fn reserve_names(&self, agents: usize) -> Result<(), ReserveError> {
        let done = self.registry.reserve(agents);
        done.then_some(()).ok_or(ReserveError::Memory(std::io::ErrorKind::OutOfMemory.into()))
    }
}
