//! No queue is ever longer than was promised.
//!
//! # Source
//! `docs/simulation.md`, "Every queue bounded"; the bounds are those of
//! `nexus_cluster::raft::Spec`.

use nexus_base::Time;

use super::{Checker, Place, Seen};

/// Nothing to remember.
#[derive(Default)]
pub(super) struct QueuesBounded;

impl Checker for QueuesBounded {
    fn name(&self) -> &'static str {
        "queues-bounded"
    }

    fn see(&mut self, _: Time, _: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Queue { name, len, len_max } if len > len_max => {
                Err(format!("{name} has {len}, and at most {len_max} were promised"))
            }
            _ => Ok(()),
        }
    }
}
