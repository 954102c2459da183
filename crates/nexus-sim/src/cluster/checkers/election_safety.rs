//! A term has at most one leader.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 3, "Election Safety".

use nexus_base::{FixedMap, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::{Standing, Term};

use super::{Checker, Place, Seen};

/// Who has led which term of which shard.
#[derive(Default)]
pub(super) struct ElectionSafety {
    leaders: FixedMap<(u32, Term), NodeId>,
}

impl Checker for ElectionSafety {
    fn name(&self) -> &'static str {
        "election-safety"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        let Seen::Role(role) = seen else { return Ok(()) };
        if role.is != Standing::Leader {
            return Ok(());
        }
        let leader = *self.leaders.entry((place.shard, role.term)).or_insert(place.node);
        if leader == place.node {
            return Ok(());
        }
        Err(format!("leads term {}, which {leader} leads or led", role.term.0))
    }
}
