//! Who a group consists of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// Voters, and those who only listen.
///
/// While a change is under way there are two sets of voters, and a decision needs a
/// majority of each.
///
/// # Source
/// Ongaro, "Consensus: Bridging Theory and Practice", 2014, 4.3 (joint consensus).
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Members {
    /// Who decides; the new ones while a change is under way.
    #[serde(with = "crate::bounded::nodes")]
    pub voters: BTreeSet<NodeId>,
    /// Who decided before the change that is under way; else empty.
    #[serde(with = "crate::bounded::nodes")]
    pub outgoing: BTreeSet<NodeId>,
    /// Who gets the log and decides nothing.
    #[serde(with = "crate::bounded::nodes")]
    pub learners: BTreeSet<NodeId>,
}
