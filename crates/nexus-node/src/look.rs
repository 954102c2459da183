//! What a node keeps and leads, for those who look at it from outside: checkers, reports.

use nexus_cluster::GroupId;
use nexus_cluster::raft::{Index, Members, Term};

use crate::Node;
use crate::shard::{AgentName, ShardState};

impl Node {
    /// All shards that it keeps, each with the last entry it has applied of it.
    pub fn shards(&self) -> impl Iterator<Item = (GroupId, (Term, Index), &ShardState)> {
        self.groups
            .iter()
            .filter_map(|(&id, group)| group.shard().map(|shard| (id, group.applied, shard)))
    }

    /// Who a group consists of, as far as this node's log of it says; none if it keeps none.
    pub fn members(&self, group: GroupId) -> Option<&Members> {
        self.groups.get(&group).map(|member| member.raft.members())
    }

    /// The shards that it leads and whose agents it hosts.
    pub fn led(&self) -> impl Iterator<Item = (GroupId, &ShardState)> {
        self.shards()
            .map(|(group, _, shard)| (group, shard))
            .filter(|(group, _)| self.hostings.contains_key(group))
    }

    /// The term in which it leads the shard that an agent of this name lives on, if it does
    /// as far as it knows.
    pub fn hosts(&self, name: &AgentName) -> Option<Term> {
        let group = self.open_here(name.id(&self.spec.secret))?;
        self.hostings.get(&group).map(|hosting| hosting.term)
    }
}
