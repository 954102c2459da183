//! What is committed in a term is in the log of the leader of every later term.
//!
//! That an entry is committed is known here once some member applies it; that member's term
//! is then at least the one it was committed in. So a leader of a later term than that
//! must have it.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 3, "Leader Completeness".

use nexus_base::{FixedMap, Time};
use nexus_cluster::raft::{Entry, Index, Standing, Term};

use super::log::{Chain, Logs, entry_hash};
use super::{Checker, Place, Seen};
use crate::mix::Mix;

/// What of one shard was applied anywhere.
#[derive(Default)]
struct Committed {
    /// For each entry from the first: what stands for the log up to it, and the term of the
    /// first to apply it.
    entries: Vec<(Chain, Term)>,
}

/// Every log, and what is committed.
#[derive(Default)]
pub(super) struct LeaderCompleteness {
    logs: Logs,
    terms: FixedMap<Place, Term>,
    committed: FixedMap<u32, Committed>,
}

impl LeaderCompleteness {
    fn applied(&mut self, place: Place, entry: &Entry) {
        let term = self.terms.get(&place).copied().unwrap_or_default().max(entry.term);
        let committed = &mut self.committed.entry(place.shard).or_default().entries;
        if entry.index.0 == committed.len() as u64 + 1 {
            let before = committed.last().map_or(0, |last| last.0);
            let chain = Mix::new().word(before).word(entry_hash(entry)).finish();
            committed.push((chain, term));
        }
    }

    fn leads(&mut self, place: Place, term: Term) -> Result<(), String> {
        let Some(committed) = self.committed.get(&place.shard) else { return Ok(()) };
        let log = self.logs.of(place);
        // The latest that was committed in an earlier term; those before it follow from it.
        let earlier = committed.entries.iter().rposition(|one| one.1 < term);
        let Some(latest) = earlier else { return Ok(()) };
        let index = Index(latest as u64 + 1);
        let has = log.at(index).map(|here| here.1) == Some(committed.entries[latest].0);
        if has || log.base() > index {
            return Ok(());
        }
        Err(format!(
            "leads term {} without entry {} as it was committed in term {} or before",
            term.0, index.0, committed.entries[latest].1.0
        ))
    }
}

impl Checker for LeaderCompleteness {
    fn name(&self) -> &'static str {
        "leader-completeness"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Started { snapshot, entries, .. } => self.logs.start(place, *snapshot, entries),
            Seen::Writing(write) => self.logs.write(place, write),
            Seen::Applied { entry, .. } => self.applied(place, entry),
            Seen::Role(role) => {
                self.terms.insert(place, role.term);
                if role.is == Standing::Leader {
                    return self.leads(place, role.term);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
