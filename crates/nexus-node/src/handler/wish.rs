//! What somebody asks of a node beyond slots: another leader for a shard, other nodes to keep it or
//! the map.
//!
//! Wishes, not orders: whoever decides about the map goes on to place and spread shards as it
//! finds right, and may take a wish back as soon as it is fulfilled.

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::raft::{ProposeError, TransferError};
use nexus_cluster::shard::{Command, ShardId};

use crate::Node;
use crate::group::group_of;

impl Node {
    /// Hands leadership of a shard that is led here to another of its voters. Writes wait
    /// until that leads, or until it is given up after an election timeout.
    ///
    /// # Errors
    /// [`TransferError`]; nothing has changed.
    pub fn transfer(&mut self, now: Time, shard: ShardId, to: NodeId) -> Result<(), TransferError> {
        self.now = self.now.max(now);
        let group = group_of(shard);
        let Some(member) = self.groups.get_mut(&group) else {
            let leader = self.leader_of(shard);
            return Err(TransferError::NotLeader { leader });
        };
        member.raft.transfer(self.now, to)?;
        self.touched.insert(group);
        Ok(())
    }

    /// Has a shard kept on other nodes. It is so once the control group has it, which
    /// [`Self::map`] shows, and its members have followed.
    ///
    /// # Errors
    /// [`ProposeError`]; nothing has changed. What makes no sense is refused later, by the map.
    pub fn keep(
        &mut self,
        now: Time,
        shard: ShardId,
        replicas: Vec<NodeId>,
    ) -> Result<(), ProposeError> {
        self.now = self.now.max(now);
        self.propose_map(&Command::Keep { shard, replicas })
    }

    /// Has the map itself kept on other nodes, and the locks; see [`Self::keep`].
    ///
    /// # Errors
    /// [`ProposeError`]; nothing has changed.
    pub fn keep_map(&mut self, now: Time, replicas: Vec<NodeId>) -> Result<(), ProposeError> {
        self.now = self.now.max(now);
        self.propose_map(&Command::Control { replicas })
    }
}
