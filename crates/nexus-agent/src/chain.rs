//! The call chain: who asked whom to get here.
//!
//! In place the chain is simply the stack of turns. Only when an ask leaves
//! the stack, into a queue or because the callee is suspended, is it written
//! down as a list of links that share their beginnings.

use std::sync::{Arc, OnceLock};
use std::task::Waker;

use compact_str::CompactString;
use nexus_base::AgentId;

/// Asks inside asks, at most; one more is refused. A guess: real chains have a handful.
pub(crate) const CHAIN_LEN_MAX: u32 = 1_024;

/// Whoever waits for an answer.
pub(crate) trait Asker: Send + Sync {
    /// Whether it has stopped waiting before the answer came.
    fn gave_up(&self) -> bool;

    /// The same; if not, `waker` is woken when it does.
    fn watch(&self, waker: &Waker) -> bool;
}

/// One agent on a call chain, and those before it.
pub(crate) struct Link {
    pub(crate) id: AgentId,
    pub(crate) kind: &'static str,
    pub(crate) key: CompactString,
    pub(crate) len: u32,
    /// Whoever asked, and those before; see [`Self::asker`].
    pub(crate) parent: Option<Arc<Link>>,
    /// Where the parent waits; nothing while it is below on the same stack.
    pub(crate) waits: OnceLock<Arc<dyn Asker>>,
}

impl Link {
    /// Whoever still waits for this agent's answer. One that gave up is free
    /// for others, so no cycle goes through it.
    fn asker(&self) -> Option<&Link> {
        let gave_up = self.waits.get().is_some_and(|asker| asker.gave_up());
        self.parent.as_deref().filter(|_| !gave_up)
    }

    /// Everybody on the chain who waits, the latest first.
    pub(crate) fn walk(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(Some(self), |link| link.asker())
    }

    /// `kind/key`, as people write it.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.kind, self.key)
    }

    /// The way from `id` to the end of the chain, if `id` is on it and waits.
    pub(crate) fn path_from(&self, id: AgentId) -> Option<Vec<String>> {
        // First without a look at who still waits, which takes locks.
        let mut all = std::iter::successors(Some(self), |link| link.parent.as_deref());
        if !all.any(|link| link.id == id) {
            return None;
        }
        let len = self.walk().position(|link| link.id == id)? + 1;
        let mut path: Vec<String> = self.walk().take(len).map(Link::name).collect();
        path.reverse();
        Some(path)
    }
}
