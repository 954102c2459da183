//! In each term each group has at most one leader.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 3, "Election Safety".

use nexus_base::{FixedMap, Time};
use nexus_cluster::raft::{Standing, Term};
use nexus_cluster::{GroupId, NodeId};
use nexus_node::Saw;

use super::{Checker, Seen};

/// Who led which group in which term.
#[derive(Default)]
pub(super) struct ElectionSafety {
    leaders: FixedMap<(GroupId, Term), NodeId>,
}

impl Checker for ElectionSafety {
    fn name(&self) -> &'static str {
        "election-safety"
    }

    fn see(&mut self, _: Time, node: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        let Seen::Node(Saw::Role { group, role }) = seen else { return Ok(()) };
        if role.is != Standing::Leader {
            return Ok(());
        }
        let first = *self.leaders.entry((*group, role.term)).or_insert(node);
        if first == node {
            return Ok(());
        }
        Err(format!("leads {group} in term {}, as {first} does", role.term.0))
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("elections", self.leaders.len() as u64)]
    }
}
