//! What a simulated cluster is like, and how long it runs.

use std::time::Duration;

use super::family::Families;

/// How long a cluster has to be well again once nothing goes wrong any more.
/// Source: the longest election timeout is 600 ms, and a round of them is enough as a rule;
/// ten rounds, and the time that a full resend of everything takes, are a guess.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(15);

/// How long it then has, without clients, for all members to come to one state.
pub(crate) const QUIET_FOR: Duration = Duration::from_secs(5);

/// Members of each shard's group when it begins.
/// Source: the design; two of three are a majority, so one may be lost.
pub(crate) const REPLICAS: u32 = 3;

/// Clients of each shard. Few, so that an answer is soon followed by another question, and
/// more than one, so that they meet.
pub(crate) const CLIENTS_PER_SHARD: u32 = 3;

/// The mean time between two operations of one client.
pub(crate) const THINK_MEAN: Duration = Duration::from_millis(900);

/// Which checkers watch a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// All that there are.
    All,
    /// The one of this name: to see whether it would find a bug that others find earlier.
    Only(&'static str),
    /// None: to see what they cost.
    Nobody,
}

/// What a simulated cluster consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Groups that agree on logs, see [`crate::cluster`].
    Groups,
    /// Whole nodes, whose agents are found by name, see [`crate::nodes`].
    Nodes,
}

impl Kind {
    /// Its name in rows and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Groups => "groups",
            Kind::Nodes => "nodes",
        }
    }
}

impl Watch {
    /// Whether the checker of this name watches.
    pub(crate) fn has(self, name: &str) -> bool {
        match self {
            Watch::All => true,
            Watch::Only(only) => name == only,
            Watch::Nobody => false,
        }
    }
}

/// What a simulated cluster is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterSpec {
    /// What it consists of. A world of the other kind takes no notice of it.
    pub kind: Kind,
    /// Where chance begins.
    pub seed: u64,
    /// How many nodes there are, from 3 to 64.
    pub nodes: u32,
    /// How many shards, each a group of three members, from 1 to 1,024.
    pub shards: u32,
    /// For how long things may go wrong.
    pub faults_for: Duration,
    /// What may go wrong; a seed draws some of it.
    pub families: Families,
    /// Who watches.
    pub watch: Watch,
    /// The bug that is planted.
    #[cfg(feature = "mutants")]
    pub planted: Option<super::planted::Planted>,
}

/// The most nodes of a cluster: what its checks take grows with their square.
pub const NODES_MAX: u32 = 64;
/// The most shards.
pub const SHARDS_MAX: u32 = 1_024;
/// The longest run.
pub const MINUTES_MAX: u32 = 24 * 60;

impl ClusterSpec {
    /// Five nodes, eight shards, ten minutes, and all that can go wrong.
    pub fn new(seed: u64) -> ClusterSpec {
        ClusterSpec {
            kind: Kind::Groups,
            seed,
            nodes: 5,
            shards: 8,
            faults_for: Duration::from_secs(600),
            families: Families::ALL,
            watch: Watch::All,
            #[cfg(feature = "mutants")]
            planted: None,
        }
    }
}
