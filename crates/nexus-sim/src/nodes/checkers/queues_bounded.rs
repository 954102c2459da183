//! No queue of a node grows beyond what is promised.
//!
//! # Source
//! The house rule that every queue has a named bound; the bounds are those of `nexus-node`.

use nexus_base::Time;
use nexus_cluster::NodeId;

use super::{Checker, Seen};

/// The longest queue that was seen.
#[derive(Default)]
pub(super) struct QueuesBounded {
    longest: u64,
}

impl Checker for QueuesBounded {
    fn name(&self) -> &'static str {
        "queues-bounded"
    }

    fn see(&mut self, _: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        let Seen::Queue { name, len, len_max } = *seen else { return Ok(()) };
        self.longest = self.longest.max(len as u64);
        if len <= len_max {
            return Ok(());
        }
        Err(format!("its queue of {name} is {len} long, at most {len_max} were promised"))
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("queue-longest", self.longest)]
    }
}
