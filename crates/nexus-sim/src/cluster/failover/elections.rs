//! When each shard has last elected a leader.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::raft::Standing;
use nexus_node::{Saw, shard_of};

use crate::cluster::{self, Place};
use crate::nodes;

/// Notes it, as a checker that is never broken, of either world.
#[derive(Clone, Default)]
pub(crate) struct Elections(Arc<Mutex<BTreeMap<u32, Time>>>);

impl Elections {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Zero if it never has.
    pub(crate) fn last(&self, shard: u32) -> Time {
        self.lock().get(&shard).copied().unwrap_or_default()
    }

    fn elected(&self, shard: u32, at: Time) {
        self.lock().insert(shard, at);
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
