//! Names of agents that live on the node that made them.

use std::collections::BTreeMap;

use nexus_base::AgentId;
use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::ring::Slot;
use crate::shard::SlotSet;

/// Bytes of a name: kind and key.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Who has a name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// The whole of it, kind and key: two may have the same id.
    pub name: String,
    /// Where the agent lives.
    pub node: NodeId,
    /// In which life of that node.
    pub incarnation: u64,
}

/// The names whose ids are in the slots of one shard; part of the shard's state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Directory {
    names_max: usize,
    names: BTreeMap<AgentKey, Registration>,
    /// The latest life that is known to be over, by node.
    over: BTreeMap<NodeId, u64>,
}

/// An id as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
struct AgentKey(u128);

impl Directory {
    /// No names, of at most `names_max`.
    pub const fn new(names_max: usize) -> Directory {
        Directory { names_max, names: BTreeMap::new(), over: BTreeMap::new() }
    }

    /// Who has a name; none if nobody has, or the id is another name's.
    pub fn find(&self, id: AgentId, name: &str) -> Option<&Registration> {
        self.names.get(&AgentKey(id.as_u128())).filter(|entry| entry.name == name)
    }

    /// Who has the name with this id, whichever it is.
    pub fn holder(&self, id: AgentId) -> Option<&Registration> {
        self.names.get(&AgentKey(id.as_u128()))
    }

    /// Whether this life of a node is known to be over.
    pub fn is_over(&self, node: NodeId, incarnation: u64) -> bool {
        self.over.get(&node).is_some_and(|&over| incarnation <= over)
    }

    /// Names that are taken.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no name is taken.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Gives a name to an agent. What is registered already stays, and is no error.
    ///
    /// # Errors
    /// [`DirectoryError`]; nothing changed.
    pub fn register(&mut self, id: AgentId, entry: Registration) -> Result<(), DirectoryError> {
        if entry.name.is_empty() || entry.name.len() > NAME_BYTES_MAX {
            return Err(DirectoryError::BadName { bytes: entry.name.len() });
        }
        // What a node said before it died, and came after it was known to have.
        if self.is_over(entry.node, entry.incarnation) {
            return Err(DirectoryError::Over { node: entry.node });
        }
        match self.names.get(&AgentKey(id.as_u128())) {
            Some(known) if known.name != entry.name => {
                return Err(DirectoryError::Collision { id });
            }
            Some(known) if known.node != entry.node => {
                return Err(DirectoryError::Taken { by: known.node });
            }
            Some(known) if known.incarnation > entry.incarnation => {
                return Err(DirectoryError::Over { node: entry.node });
            }
            None if self.names.len() >= self.names_max => {
                return Err(DirectoryError::Full { names_max: self.names_max });
            }
            _ => {}
        }
        self.names.insert(AgentKey(id.as_u128()), entry);
        Ok(())
    }

    /// Takes a name back, if it is still had by that life of that node; whether it was.
    pub fn unregister(&mut self, id: AgentId, entry: &Registration) -> bool {
        let key = AgentKey(id.as_u128());
        let is_theirs = self.names.get(&key) == Some(entry);
        is_theirs && self.names.remove(&key).is_some()
    }

    /// A node has ended, or begun a new life: all names of its lives up to `incarnation` are
    /// free. How many there were.
    pub fn forget(&mut self, node: NodeId, incarnation: u64) -> usize {
        let over = self.over.entry(node).or_default();
        *over = incarnation.max(*over);
        let (before, over) = (self.names.len(), *over);
        self.names.retain(|_, entry| entry.node != node || entry.incarnation > over);
        before - self.names.len()
    }

    /// Takes out the names whose ids are in `slots`, with what is known of lives that are
    /// over: what the next owner of the slots is to know.
    #[must_use]
    pub fn split_off(&mut self, slots: &SlotSet) -> Directory {
        let inside = |key: &AgentKey| slots.contains(Slot::of(AgentId::from_u128(key.0)));
        let (gone, kept) = std::mem::take(&mut self.names)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(key, _)| inside(key));
        self.names = kept;
        Directory { names_max: self.names_max, names: gone, over: self.over.clone() }
    }

    /// Takes in what [`Self::split_off`] took out, here or elsewhere. Names of lives that
    /// are over by what either knows are free. The limit is for new names: what was given
    /// elsewhere is not refused.
    pub fn absorb(&mut self, other: Directory) {
        self.names.extend(other.names);
        for (node, incarnation) in other.over {
            let over = self.over.entry(node).or_default();
            *over = incarnation.max(*over);
        }
        let over = &self.over;
        let is_over = |entry: &Registration| {
            over.get(&entry.node).is_some_and(|&over| entry.incarnation <= over)
        };
        self.names.retain(|_, entry| !is_over(entry));
    }

    /// A node that has left for good: nothing has to be remembered of its lives.
    pub fn remove_member(&mut self, node: NodeId) {
        self.forget(node, u64::MAX);
        self.over.remove(&node);
    }
}

/// Why a name was not given. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// Choose another name, or ask that agent to stop.
    #[error("the name is taken by an agent on {by}")]
    Taken {
        /// Where that lives.
        by: NodeId,
    },
    /// Two names have one id. Choose another name.
    #[error("another name has the same id, {id}")]
    Collision {
        /// The id.
        id: AgentId,
    },
    /// It came late. Nothing is to be done.
    #[error("that life of {node} is over")]
    Over {
        /// Whose.
        node: NodeId,
    },
    /// Choose another name.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes, not {bytes}")]
    BadName {
        /// How many it has.
        bytes: usize,
    },
    /// Trying again helps once some are free.
    #[error("the directory holds {names_max} names, which is the most")]
    Full {
        /// The limit.
        names_max: usize,
    },
}
