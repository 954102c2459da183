//! Nobody applies another entry at an index than somebody did, nobody skips one, and equal
//! logs make equal states, whether by applying or from a snapshot.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 3, "State Machine Safety".

use nexus_base::{FixedMap, Time};

use super::log::entry_hash;
use super::{Checker, Place, Seen};

/// What the first to apply an entry had, then.
#[derive(Clone, Copy)]
struct First {
    entry: u64,
    digest: u64,
}

/// What was applied in each shard, and how far each member is.
#[derive(Default)]
pub(super) struct StateMachineSafety {
    firsts: FixedMap<u32, Vec<First>>,
    applied: FixedMap<Place, u64>,
}

impl StateMachineSafety {
    fn apply(&mut self, place: Place, index: u64, here: First) -> Result<(), String> {
        let applied = self.applied.entry(place).or_default();
        if index != *applied + 1 {
            return Err(format!("applies entry {index} after entry {applied}"));
        }
        *applied = index;
        let firsts = self.firsts.entry(place.shard).or_default();
        let Some(first) = firsts.get(index as usize - 1) else {
            firsts.push(here);
            return Ok(());
        };
        if first.entry != here.entry {
            return Err(format!("applies another entry {index} than was applied before"));
        }
        if first.digest != here.digest {
            return Err(format!("has another state after entry {index} than was there before"));
        }
        Ok(())
    }

    fn restore(&mut self, place: Place, index: u64, digest: u64) -> Result<(), String> {
        self.applied.insert(place, index);
        if index == 0 {
            return Ok(());
        }
        let firsts = self.firsts.entry(place.shard).or_default();
        match firsts.get(index as usize - 1) {
            None => Err(format!("has a snapshot of entry {index}, which nobody applied")),
            Some(first) if first.digest != digest => {
                Err(format!("has a snapshot of entry {index} that is not the state of then"))
            }
            Some(_) => Ok(()),
        }
    }
}

impl Checker for StateMachineSafety {
    fn name(&self) -> &'static str {
        "state-machine-safety"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Started { .. } => {
                self.applied.insert(place, 0);
                Ok(())
            }
            Seen::Applied { entry, digest, .. } => {
                let here = First { entry: entry_hash(entry), digest: *digest };
                self.apply(place, entry.index.0, here)
            }
            Seen::Restored { snapshot, digest } => self.restore(place, snapshot.last.1.0, *digest),
            _ => Ok(()),
        }
    }
}
