//! What a client was told is done was committed before, and is there in the end.
//!
//! # Source
//! `docs/simulation.md`, "No acknowledged step lost": durability as databases promise it,
//! Gray and Reuter, "Transaction Processing", 1993, chapter 1.

use std::collections::BTreeMap;

use nexus_base::Time;

use super::{Checker, Place, Seen};
use crate::cluster::kv::ClientId;

/// How far each client's operations are known to be.
#[derive(Default)]
pub(super) struct AcknowledgedKept {
    /// The shard of a client, and its last write that was applied anywhere.
    applied: BTreeMap<ClientId, u64>,
    /// Its last write that it was told is done.
    told: BTreeMap<(u32, ClientId), u64>,
}

impl Checker for AcknowledgedKept {
    fn name(&self) -> &'static str {
        "acknowledged-kept"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Applied { command: Some(command), .. } => {
                let applied = self.applied.entry(command.client).or_default();
                *applied = command.number.max(*applied);
                Ok(())
            }
            Seen::Returned { client, number, op, .. } if !op.is_read() => {
                self.told.insert((place.shard, *client), *number);
                if self.applied.get(client).is_some_and(|applied| applied >= number) {
                    return Ok(());
                }
                let client = client.0;
                Err(format!(
                    "client {client} is told that its write {number} is done, and nobody has applied it"
                ))
            }
            Seen::Final { kv, belongs: true, .. } => {
                let shard = place.shard;
                let of_shard = (shard, ClientId(0))..=(shard, ClientId(u32::MAX));
                for ((_, client), told) in self.told.range(of_shard) {
                    let last = kv.last_of(*client);
                    if last < *told {
                        let client = client.0;
                        return Err(format!(
                            "ends with write {last} of client {client}, which was told that {told} is done"
                        ));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
