//! At any point of a shard's log one node is accepted as its writer.
//!
//! Every command names the node that took it on. Terms never go down in a log, and all
//! commands of one term must come from one node: then writers take turns, and never two
//! are accepted at once, whatever they believe.
//!
//! # Source
//! `docs/simulation.md`, "One accepted writer"; fencing by term, after Gray and Cheriton,
//! "Leases: An Efficient Fault-Tolerant Mechanism for Distributed File Cache Consistency",
//! 1989, and the fencing tokens of Chubby (Burrows, 2006, "sequencers").

use nexus_base::{FixedMap, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::Term;

use super::{Checker, Place, Seen};

/// Who writes one shard.
#[derive(Default)]
struct Writers {
    /// The last entry that was seen.
    index: u64,
    term: Term,
    /// All that were accepted in that term.
    nodes: Vec<NodeId>,
}

/// Who writes which shard.
#[derive(Default)]
pub(super) struct OneWriter {
    shards: FixedMap<u32, Writers>,
    count_max: u64,
}

impl Checker for OneWriter {
    fn name(&self) -> &'static str {
        "one-accepted-writer"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        let Seen::Applied { entry, command, .. } = seen else { return Ok(()) };
        let writers = self.shards.entry(place.shard).or_default();
        if entry.index.0 <= writers.index {
            return Ok(());
        }
        writers.index = entry.index.0;
        if entry.term < writers.term {
            let (term, before) = (entry.term.0, writers.term.0);
            return Err(format!("entry {} is of term {term}, after {before}", entry.index.0));
        }
        if entry.term > writers.term {
            writers.term = entry.term;
            writers.nodes.clear();
        }
        let Some(command) = command else { return Ok(()) };
        if !writers.nodes.contains(&command.proposer) {
            writers.nodes.push(command.proposer);
        }
        self.count_max = self.count_max.max(writers.nodes.len() as u64);
        if writers.nodes.len() > 1 {
            return Err(format!("term {} has writers {:?}", entry.term.0, writers.nodes));
        }
        Ok(())
    }

    fn figure(&self) -> Option<(&'static str, u64)> {
        Some(("accepted-writers-max", self.count_max))
    }
}
