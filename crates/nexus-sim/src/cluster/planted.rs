//! Bugs planted on purpose: those of the protocol, and those of whoever drives it.

use nexus_cluster::raft::Mutant;

/// A bug that a cluster is given, to see which checker finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// One of the protocol's.
    Raft(Mutant),
    /// A client is told that its write is done before it is committed.
    ReplyBeforeCommit,
}

impl Planted {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Planted> {
        let of_raft = Mutant::ALL.into_iter().map(Planted::Raft);
        of_raft.chain([Planted::ReplyBeforeCommit])
    }

    /// Its name: words with `-` between them.
    pub fn name(self) -> String {
        let camel = match self {
            Planted::Raft(mutant) => format!("{mutant:?}"),
            other => format!("{other:?}"),
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

    pub(crate) fn of_raft(self) -> Option<Mutant> {
        match self {
            Planted::Raft(mutant) => Some(mutant),
            _ => None,
        }
    }
}
