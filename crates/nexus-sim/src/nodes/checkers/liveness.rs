//! Once nothing goes wrong any more, every client is answered again within a stated time,
//! and in the end all agents say what they have.
//!
//! # Source
//! Alpern and Schneider, "Defining Liveness", 1985; the times are in `nodes/spec.rs`.

use std::collections::{BTreeMap, BTreeSet};

use nexus_base::Time;
use nexus_cluster::NodeId;

use super::{Checker, Seen};
use crate::nodes::ClientId;

/// What came after healing.
#[derive(Default)]
pub(super) struct Liveness {
    by: Option<Time>,
    /// Who ever asked, and the operation that is under way.
    asked: BTreeMap<ClientId, u64>,
    waits: BTreeSet<ClientId>,
    /// Who was answered in time.
    answered: BTreeSet<ClientId>,
    given_up: u64,
    answered_last: Option<Time>,
    healed: Option<Time>,
}

impl Checker for Liveness {
    fn name(&self) -> &'static str {
        "liveness"
    }

    fn see(&mut self, at: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Invoked { client, number, .. } => {
                self.asked.insert(*client, *number);
                self.waits.insert(*client);
            }
            Seen::GaveUp { client, .. } => {
                self.given_up += 1;
                self.waits.remove(client);
            }
            Seen::Returned { client, .. } => {
                self.waits.remove(client);
                // The first one after healing counts.
                if self.by.is_some_and(|by| at <= by) && self.answered.insert(*client) {
                    self.answered_last = Some(at);
                }
            }
            Seen::Healed { by } => (self.by, self.healed) = (Some(*by), Some(at)),
            Seen::Over => {
                let Some(by) = self.by else { return Ok(()) };
                if let Some(waits) = self.waits.first() {
                    return Err(format!("client {} waits for an answer to the end", waits.0));
                }
                // The one who asks last begins after that time.
                let auditor = self.asked.keys().next_back().copied();
                let silent =
                    |one: &&ClientId| Some(**one) != auditor && !self.answered.contains(one);
                if let Some(silent) = self.asked.keys().find(silent) {
                    return Err(format!("client {} was not answered by {by}", silent.0));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        let after = self.healed.zip(self.answered_last).map_or(0, |(healed, last)| {
            u64::try_from(last.since(healed).as_millis()).unwrap_or(u64::MAX)
        });
        vec![("all-answered-ms-after-healing", after), ("operations-given-up", self.given_up)]
    }
}
