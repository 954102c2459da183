//! Two logs with an entry of one index and term are equal up to there.
//!
//! Checked as entries are added: what stands for a log up to an entry is the same wherever
//! that entry was ever added.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 3, "Log Matching".

use nexus_base::{FixedMap, Time};
use nexus_cluster::raft::{Entry, Index, Term};

use super::log::{Chain, Known, LogMirror};
use super::{Checker, Place, Seen};

/// Every log, and every entry that was ever in one.
#[derive(Default)]
pub(super) struct LogMatching {
    known: Known,
    logs: FixedMap<Place, LogMirror>,
}

impl LogMatching {
    fn know(
        known: &mut Known,
        place: Place,
        (index, term): (Index, Term),
        chain: Chain,
    ) -> Result<(), String> {
        let first = *known.entry((place.shard, index, term)).or_insert(chain);
        if first == chain {
            return Ok(());
        }
        Err(format!(
            "has entry {} of term {} in its log, and another log with that entry differs at or \
             before it",
            index.0, term.0
        ))
    }

    fn start(&mut self, place: Place, log: LogMirror, entries: &[Entry]) -> Result<(), String> {
        let mut log = log;
        for entry in entries {
            let chain = log.append(entry);
            LogMatching::know(&mut self.known, place, (entry.index, entry.term), chain)?;
        }
        self.logs.insert(place, log);
        Ok(())
    }
}

impl Checker for LogMatching {
    fn name(&self) -> &'static str {
        "log-matching"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Started { snapshot, entries, .. } => {
                let log = LogMirror::after(*snapshot, place.shard, &self.known);
                self.start(place, log, entries)
            }
            Seen::Writing(write) => {
                let log = self.logs.entry(place).or_default();
                let expected = write.entries.first().map(|entry| entry.index);
                let mut added = Vec::new();
                log.write(write, place.shard, &self.known, |entry, chain| {
                    added.push((entry.index, entry.term, chain));
                });
                let last = log.last().1.0;
                if expected.is_some_and(|first| first.0 + added.len() as u64 != last + 1) {
                    return Err(format!("leaves a gap in its log, which now ends at {last}"));
                }
                added.into_iter().try_for_each(|(index, term, chain)| {
                    LogMatching::know(&mut self.known, place, (index, term), chain)
                })
            }
            _ => Ok(()),
        }
    }
}
