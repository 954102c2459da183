//! The call chain: who asked whom to get here.
//!
//! In place the chain is simply the stack of turns. Only when an ask leaves
//! the stack, into a queue or because the callee is suspended, is it written
//! down as a list of links that share their beginnings.

use std::sync::Arc;

use compact_str::CompactString;
use nexus_base::AgentId;

/// Asks inside asks, at most; one more is refused. A guess: real chains have a handful.
pub(crate) const CHAIN_LEN_MAX: u32 = 1_024;

/// One agent on a call chain, and those before it.
pub(crate) struct Link {
    pub(crate) id: AgentId,
    pub(crate) kind: &'static str,
    pub(crate) key: CompactString,
    pub(crate) len: u32,
    pub(crate) parent: Option<Arc<Link>>,
}

impl Link {
    /// Everybody on the chain, the latest first.
    pub(crate) fn walk(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(Some(self), |link| link.parent.as_deref())
    }

    /// `kind/key`, as people write it.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.kind, self.key)
    }

    /// The way from `id` to the end of the chain, if `id` is on it.
    pub(crate) fn path_from(&self, id: AgentId) -> Option<Vec<String>> {
        let len = self.walk().position(|link| link.id == id)? + 1;
        let mut path: Vec<String> = self.walk().take(len).map(Link::name).collect();
        path.reverse();
        Some(path)
    }
}
