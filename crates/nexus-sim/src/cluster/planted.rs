//! Bugs planted on purpose: those of the protocol, those of whoever drives it, and those of
//! whole nodes.

use nexus_cluster::lock;
use nexus_cluster::raft::Mutant;
use nexus_node::shard;

use super::spec::Kind;

/// A bug that a cluster is given, to see which checker finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// One of the protocol's.
    Raft(Mutant),
    /// A client is told that its write is done before it is committed.
    ReplyBeforeCommit,
    /// One of a whole node's.
    Node(nexus_node::Planted),
}

impl Planted {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Planted> {
        let of_raft = Mutant::ALL.into_iter().map(Planted::Raft);
        let of_shard = shard::Planted::ALL.into_iter().map(nexus_node::Planted::Shard);
        let of_lock = lock::Planted::ALL.into_iter().map(nexus_node::Planted::Lock);
        let of_node = nexus_node::Planted::OF_NODE.into_iter().chain(of_shard).chain(of_lock);
        of_raft.chain([Planted::ReplyBeforeCommit]).chain(of_node.map(Planted::Node))
    }

    /// In which kind of cluster it can be.
    pub const fn kind(self) -> Kind {
        match self {
            Planted::Raft(_) | Planted::ReplyBeforeCommit => Kind::Groups,
            Planted::Node(_) => Kind::Nodes,
        }
    }

    /// Its name: words with `-` between them.
    pub fn name(self) -> String {
        let camel = match self {
            Planted::Raft(mutant) => format!("{mutant:?}"),
            Planted::ReplyBeforeCommit => format!("{self:?}"),
            Planted::Node(nexus_node::Planted::Shard(planted)) => format!("Shard{planted:?}"),
            Planted::Node(nexus_node::Planted::Lock(planted)) => format!("Lock{planted:?}"),
            Planted::Node(planted) => format!("Node{planted:?}"),
        };
        let mut name = String::new();
        for letter in camel.chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    pub(crate) fn of_node(self) -> Option<nexus_node::Planted> {
        match self {
            Planted::Node(planted) => Some(planted),
            _ => None,
        }
    }

    pub(crate) fn of_raft(self) -> Option<Mutant> {
        match self {
            Planted::Raft(mutant) => Some(mutant),
            _ => None,
        }
    }
}
