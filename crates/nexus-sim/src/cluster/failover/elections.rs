//! When each shard has last elected a leader.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::raft::Standing;
use nexus_node::{Saw, shard_of};

use crate::cluster::{self, Place};
use crate::nodes;

/// Notes it, as a checker that is never broken, of either world.
#[derive(Clone)]
pub(crate) struct Elections(Arc<Mutex<Vec<Time>>>);

impl Elections {
    pub(crate) fn new(shards: u32) -> Elections {
        Elections(Arc::new(Mutex::new(vec![Time::ZERO; shards as usize])))
    }

    /// Zero if it never has.
    pub(crate) fn last(&self, shard: u32) -> Time {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.get(shard as usize).copied().unwrap_or_default()
    }

    fn elected(&self, shard: u32, at: Time) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = times.get_mut(shard as usize) {
            *last = at;
        }
    }
}

impl cluster::Checker for Elections {
    fn name(&self) -> &'static str {
        "elections"
    }

    fn see(&mut self, at: Time, place: Place, seen: &cluster::Seen<'_>) -> Result<(), String> {
        if let cluster::Seen::Role(role) = seen
            && role.is == Standing::Leader
        {
            self.elected(place.shard, at);
        }
        Ok(())
    }
}

impl nodes::Checker for Elections {
    fn name(&self) -> &'static str {
        "elections"
    }

    fn see(&mut self, at: Time, _: NodeId, seen: &nodes::Seen<'_>) -> Result<(), String> {
        if let nodes::Seen::Node(Saw::Role { group, role }) = seen
            && role.is == Standing::Leader
            && let Some(shard) = shard_of(*group)
        {
            self.elected(shard.0, at);
        }
        Ok(())
    }
}
