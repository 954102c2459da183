//! A leader counts only for entries of its own term, and what is committed stays.
//!
//! Both are what the other promises rest on, and both can be broken for long before one of
//! those is: an entry of an earlier term that a leader takes for committed is mostly not
//! overwritten after all, and an entry that a member drops is mostly sent again.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 3.6.2 and figure 3.7.

use nexus_base::{FixedMap, Time};
use nexus_cluster::raft::{Index, Standing, Term, Write};

use super::log::{Chain, LogMirror, Logs};
use super::{Checker, Place, Seen};

/// How far one member knows its log to be committed.
#[derive(Default)]
struct Member {
    commit: Index,
    /// The term that it is in.
    term: Term,
    /// The term that it leads.
    leads: Option<Term>,
}

/// Every log, and what is committed.
#[derive(Default)]
pub(super) struct Commit {
    logs: Logs,
    members: FixedMap<Place, Member>,
    committed: FixedMap<u32, Committed>,
}

impl Commit {
    fn writing(&mut self, place: Place, write: &Write) -> Result<(), String> {
        let committed = self.committed.entry(place.shard).or_default();
        let term = self.members.entry(place).or_default().term;
        // Who follows an earlier leader, which may not know that it is over, may have to drop
        // what a later one has committed: with others, who are not in that earlier term.
        let until = committed.by(write.vote.map_or(term, |vote| vote.term.max(term)));
        let had = agrees_until(self.logs.of(place), committed, until);
        self.logs.write(place, write);
        let log = self.logs.of(place);
        let has = agrees_until(log, committed, until);
        if has >= had || log.base() >= had {
            return Ok(());
        }
        Err(format!("drops entries {} to {}, which are committed", has.next().0, had.0))
    }

    fn committed(&mut self, place: Place, index: Index) -> Result<(), String> {
        let member = self.members.entry(place).or_default();
        let is_news = index > std::mem::replace(&mut member.commit, index);
        let log = self.logs.of(place);
        let Some((term, chain)) = log.at(index).filter(|_| is_news) else { return Ok(()) };
        let committed = self.committed.entry(place.shard).or_default();
        let Some(leads) = member.leads else {
            let agrees = committed.at(index).is_none_or(|agreed| agreed == chain);
            let words = || format!("commits an entry {} that is not what was committed", index.0);
            return if agrees { Ok(()) } else { Err(words()) };
        };
        committed.grow(log, index, leads);
        if term == leads {
            return Ok(());
        }
        Err(format!("leads term {} and commits entry {} of term {}", leads.0, index.0, term.0))
    }
}

/// What leaders have committed: for each entry from the first, the term of the first leader
/// that did, and what stands for the log up to it.
#[derive(Default)]
struct Committed(Vec<(Term, Chain)>);

impl Committed {
    fn at(&self, index: Index) -> Option<Chain> {
        Some(self.0.get(index.0.checked_sub(1)? as usize)?.1)
    }

    /// The last entry that a leader of `term`, or of one before, has committed.
    fn by(&self, term: Term) -> Index {
        let last = self.0.iter().rposition(|(by, _)| *by <= term);
        Index(last.map_or(0, |at| at as u64 + 1))
    }

    /// Takes in that the leader of `term` has committed its log so far.
    fn grow(&mut self, log: &LogMirror, until: Index, term: Term) {
        let next = self.0.len() as u64 + 1;
        let entries = (next..=until.0).map_while(|index| log.at(Index(index)));
        self.0.extend(entries.map(|entry| (term, entry.1)));
    }
}

/// Up to where a log is as what is committed, at most until an entry: logs that agree at an
/// entry agree before it.
fn agrees_until(log: &LogMirror, committed: &Committed, until: Index) -> Index {
    let agrees = |index: u64| {
        let here = log.at(Index(index)).map(|entry| entry.1);
        here == committed.at(Index(index))
    };
    let (mut low, mut high) = (log.base().0, log.last().1.0.min(until.0));
    while low < high {
        let middle = high - (high - low) / 2;
        if agrees(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Index(low)
}

impl Checker for Commit {
    fn name(&self) -> &'static str {
        "commit"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Started { vote, snapshot, entries } => {
                self.logs.start(place, *snapshot, entries);
                self.members.insert(place, Member { term: vote.term, ..Member::default() });
            }
            Seen::Role(role) => {
                let leads = (role.is == Standing::Leader).then_some(role.term);
                let member = self.members.entry(place).or_default();
                (member.term, member.leads) = (role.term, leads);
            }
            Seen::Writing(write) => return self.writing(place, write),
            Seen::Committed { index } => return self.committed(place, *index),
            _ => {}
        }
        Ok(())
    }
}
