//! A vote, a term and an entry are on disk before anybody is told of them.
//!
//! What was told and then forgotten is mostly never missed: two machines must lose their
//! power at the wrong moments for that. So it is not waited for.
//!
//! What is told in a term is about the log of that term. A member that has followed a later
//! leader since may have cut that log off in memory, while its disk still has it and the
//! answer that waited for the disk goes out: that answer is true, and is judged without the
//! cuts of later terms.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 2: "Updated on stable storage before responding to RPCs".

use std::collections::VecDeque;

use nexus_base::{FixedMap, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::{Body, Index, Message, Term, Vote, Write};

use super::{Checker, Place, Seen};

/// What one member has on disk, and what is on the way there.
#[derive(Default)]
struct Stable {
    vote: Vote,
    /// The last entry on disk.
    last: Index,
    under_way: VecDeque<UnderWay>,
}

/// A write that is not known to be done.
struct UnderWay {
    sequence: u64,
    /// The vote once it is done; its term is the one the write was made in.
    vote: Vote,
    /// The last entry of what was there before that stays.
    kept: Index,
    /// The last entry once it is done.
    last: Index,
}

impl Stable {
    fn writing(&mut self, write: &Write) {
        let on_disk = (self.vote, self.last);
        let (vote, last) = self.under_way.back().map_or(on_disk, |write| (write.vote, write.last));
        // A snapshot that comes with the cut takes the place of what is cut.
        let base = write.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.last.1);
        let kept = write.cut_from.map_or(Index(u64::MAX), |from| from.prev().max(base));
        let last = last.min(kept).max(base);
        self.under_way.push_back(UnderWay {
            sequence: write.sequence,
            vote: write.vote.unwrap_or(vote),
            kept,
            last: write.entries.last().map_or(last, |entry| entry.index),
        });
    }

    fn written(&mut self, sequence: u64) {
        while let Some(done) = self.under_way.pop_front_if(|write| write.sequence <= sequence) {
            (self.vote, self.last) = (done.vote, done.last);
        }
    }

    /// The last entry that is on disk as it was in memory at the end of a term.
    fn durable(&self, term: Term) -> Index {
        let made = self.under_way.iter().take_while(|write| write.vote.term <= term);
        made.map(|write| write.kept).fold(self.last, Index::min)
    }

    fn sent(&self, me: NodeId, to: NodeId, message: &Message) -> Result<(), String> {
        let (term, vote) = (message.term, self.vote);
        // Of a term that is over by its own disk: it was held back, and was true then.
        if term < vote.term {
            return Ok(());
        }
        let told = match message.body {
            Body::Voted { granted: true } => Some(to),
            Body::Vote { .. } => Some(me),
            _ => None,
        };
        if told.is_some() && (vote.term, vote.voted_for) != (term, told) {
            return Err(format!(
                "tells {to} of its vote in term {}; its disk has {vote:?}",
                term.0
            ));
        }
        let Body::Appended { matched, .. } = message.body else { return Ok(()) };
        if term > vote.term {
            return Err(format!(
                "tells {to} what it has in term {}; its disk is in term {}",
                term.0, vote.term.0
            ));
        }
        let durable = self.durable(term);
        if matched > durable {
            return Err(format!(
                "tells {to} that it has entry {}; its disk has them to {}",
                matched.0, durable.0
            ));
        }
        Ok(())
    }
}

/// Every disk, as far as members know.
#[derive(Default)]
pub(super) struct DiskFirst {
    members: FixedMap<Place, Stable>,
}

impl Checker for DiskFirst {
    fn name(&self) -> &'static str {
        "disk-first"
    }

    fn see(&mut self, _: Time, place: Place, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Started { vote, snapshot, entries } => {
                let last = entries.last().map(|entry| entry.index);
                let last = last.or(snapshot.map(|snapshot| snapshot.last.1)).unwrap_or_default();
                let stable = Stable { vote: *vote, last, ..Stable::default() };
                self.members.insert(place, stable);
            }
            Seen::Writing(write) => self.members.entry(place).or_default().writing(write),
            Seen::Written { sequence } => {
                self.members.entry(place).or_default().written(*sequence);
            }
            Seen::Sent { to, message } => {
                return self.members.entry(place).or_default().sent(place.node, *to, message);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
