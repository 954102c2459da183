//! Once nothing goes wrong any more, every shard answers again within a stated time, and
//! all of its members come to the same state.
//!
//! # Source
//! Alpern and Schneider, "Defining Liveness", 1985; the time is `SETTLE_WITHIN` in
//! `cluster/spec.rs`.

use std::collections::{BTreeMap, BTreeSet};

use nexus_base::Time;

use super::{Checker, Place, Seen};
use crate::cluster::kv::ClientId;

/// What came after healing.
#[derive(Default)]
pub(super) struct Liveness {
    by: Option<Time>,
    /// Operations begun since, by client.
    begun: BTreeMap<ClientId, u64>,
    /// Shards that have answered one of them in time.
    answered: BTreeSet<u32>,
    /// For each shard, a member that belongs, how far it is, and its state.
    ends: BTreeMap<u32, (Place, u64, u64)>,
}

impl Checker for Liveness {
    fn name(&self) -> &'static str {
        "liveness"
    }

    fn see(&mut self, at: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        let Some(by) = self.by else {
            if let Seen::Healed { by } = seen {
                self.by = Some(*by);
            }
            return Ok(());
        };
        match seen {
            Seen::Invoked { client, number, .. } => {
                self.begun.entry(*client).or_insert(*number);
            }
            Seen::Returned { client, number, .. } => {
                let begun = self.begun.get(client).is_some_and(|first| first <= number);
                if begun && at <= by {
                    self.answered.insert(place.shard);
                }
            }
            Seen::Final { kv, belongs: true, applied } => {
                let first = *self.ends.entry(place.shard).or_insert((place, *applied, kv.digest()));
                if (first.1, first.2) != (*applied, kv.digest()) {
                    return Err(format!(
                        "ends with entry {applied} applied, and {} with entry {}, or in another \
                         state",
                        first.0.node, first.1
                    ));
                }
            }
            Seen::Over { shards } => {
                let silent: Vec<u32> =
                    (0..*shards).filter(|shard| !self.answered.contains(shard)).collect();
                if !silent.is_empty() {
                    return Err(format!("shards {silent:?} did not answer by {by}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
