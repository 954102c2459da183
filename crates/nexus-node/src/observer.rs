//! What those see who watch a node: checkers, logs.

use nexus_base::{AgentId, Time};
use nexus_cluster::GroupId;
use nexus_cluster::membership::Member;
use nexus_cluster::raft::{Index, Role, Term};
use nexus_cluster::shard::ShardMap;

use crate::shard::{AgentName, Applied, Command, ShardState};

/// Sees what happens in a node. It changes nothing.
pub trait Observer: Send {
    /// Something has happened.
    fn saw(&mut self, now: Time, seen: &Saw<'_>);
}

/// What has happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Saw<'a> {
    /// A member of a group is something else now.
    Role {
        /// Of which group.
        group: GroupId,
        /// What.
        role: &'a Role,
    },
    /// A member of a shard has applied a command.
    Applied {
        /// Of which group.
        group: GroupId,
        /// In which term it was appended, and where.
        at: (Term, Index),
        /// What it said.
        command: &'a Command,
        /// What came of it.
        applied: Applied,
        /// The shard as it is now.
        state: &'a ShardState,
    },
    /// A member of a shard has taken its state from a snapshot.
    Restored {
        /// Of which group.
        group: GroupId,
        /// As of which entry.
        at: (Term, Index),
        /// The shard as it is now.
        state: &'a ShardState,
    },
    /// A newer map of shards is known.
    Map(&'a ShardMap),
    /// An agent was activated.
    Activated {
        /// Which.
        agent: AgentId,
        /// In which group.
        group: GroupId,
        /// In which term.
        term: Term,
    },
    /// An activation has ended.
    Ended {
        /// Which.
        agent: AgentId,
    },
    /// A local agent of this node has lost its name: others had taken this node for dead, and
    /// another has it now. The agent runs on, and nobody finds it.
    NameLost(&'a AgentName),
    /// A local agent of this node gives its name back: nobody is let in under it any more.
    NameGivenBack(&'a AgentName),
    /// Another node is alive, suspected, down or has left, as far as this one knows.
    Member(&'a Member),
}
