//! Who is coordinated.

use std::fmt;
use std::sync::Arc;

use nexus_agent::{Agent, Handle, System};

use crate::{Node, Pool};

/// Agents of one kind on one node: the members that a pool has now, or any others.
pub struct Agents<A: Agent> {
    pub(super) system: Arc<System>,
    pub(super) handles: Vec<Handle<A>>,
}

impl<A: Agent> Agents<A> {
    /// These agents of a node.
    pub fn of(node: &Node, handles: impl IntoIterator<Item = Handle<A>>) -> Agents<A> {
        Agents::of_system(node.system(), handles)
    }

    /// These agents of what something else than a [`Node`] runs: a simulated world.
    pub fn of_system(
        system: &Arc<System>,
        handles: impl IntoIterator<Item = Handle<A>>,
    ) -> Agents<A> {
        Agents { system: system.clone(), handles: handles.into_iter().collect() }
    }
}

impl<A: Agent> From<&Pool<A>> for Agents<A> {
    fn from(pool: &Pool<A>) -> Agents<A> {
        Agents::of_system(pool.system(), pool.members())
    }
}

impl<A: Agent> fmt::Debug for Agents<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agents({} of {})", self.handles.len(), A::KIND)
    }
}
