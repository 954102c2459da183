//! Once nothing goes wrong any more, every node sees every other one as up; and at no moment
//! has one been seen that never was.
//!
//! # Source
//! Chandra and Toueg, "Unreliable Failure Detectors for Reliable Distributed Systems", 1996;
//! see `nexus_cluster::membership::Accuracy`, which this feeds.

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::membership::Accuracy;
use nexus_node::Saw;

use super::{Checker, Seen};
use crate::nodes::{QUIET_FOR, SETTLE_WITHIN};

/// What nodes see, held against what is.
pub(super) struct MembershipAccuracy {
    accuracy: Accuracy,
}

impl Default for MembershipAccuracy {
    fn default() -> MembershipAccuracy {
        MembershipAccuracy { accuracy: Accuracy::new(SETTLE_WITHIN, QUIET_FOR) }
    }
}

impl Checker for MembershipAccuracy {
    fn name(&self) -> &'static str {
        "membership-accuracy"
    }

    fn see(&mut self, at: Time, node: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        let accuracy = &mut self.accuracy;
        let result = match seen {
            Seen::Started => {
                accuracy.start(at, node);
                Ok(())
            }
            Seen::Ended => {
                accuracy.stop(at, node);
                Ok(())
            }
            Seen::Troubled => {
                accuracy.disturb();
                Ok(())
            }
            Seen::Healed { .. } => {
                accuracy.quiet(at);
                accuracy.check(at)
            }
            Seen::Node(Saw::Member(member)) => {
                accuracy.see(at, node, member.node(), member.state())
            }
            Seen::Over => accuracy.check(at),
            _ => Ok(()),
        };
        result.map_err(|error| error.to_string())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("false-downs", self.accuracy.false_down_count())]
    }
}
