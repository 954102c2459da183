//! A vote and an entry are on disk before anybody is told of them.
//!
//! What was told and then forgotten is mostly never missed: two machines must lose their
//! power at the wrong moments for that. So it is not waited for.
//!
//! # Source
//! Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014,
//! figure 2: "Updated on stable storage before responding to RPCs".

use std::collections::VecDeque;

use nexus_base::{FixedMap, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::{Body, Index, Message, Vote, Write};

use super::{Checker, Place, Seen};

/// What one member has on disk, and what is on the way there.
#[derive(Default)]
struct Stable {
    vote: Vote,
    /// The last entry that is on disk as it is in memory.
    durable: Index,
    /// The last entry in memory.
    last: Index,
    under_way: VecDeque<UnderWay>,
}

/// A write that is not known to be done.
struct UnderWay {
    sequence: u64,
    vote: Option<Vote>,
    last: Index,
}

impl Stable {
    fn writing(&mut self, write: &Write) {
        if let Some(snapshot) = &write.snapshot {
            self.last = self.last.max(snapshot.last.1);
        }
        if let Some(from) = write.cut_from {
            // A snapshot that comes with the cut takes the place of what is cut.
            let base = write.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.last.1);
            let kept = Index(from.0.saturating_sub(1)).max(base);
            self.last = self.last.min(kept);
            self.durable = self.durable.min(kept);
            self.under_way.iter_mut().for_each(|earlier| earlier.last = earlier.last.min(kept));
        }
        self.last = write.entries.last().map_or(self.last, |entry| entry.index);
        let Write { sequence, vote, .. } = *write;
        self.under_way.push_back(UnderWay { sequence, vote, last: self.last });
    }

    fn written(&mut self, sequence: u64) {
        while let Some(done) = self.under_way.pop_front_if(|write| write.sequence <= sequence) {
            self.durable = self.durable.max(done.last);
            self.vote = done.vote.unwrap_or(self.vote);
        }
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
        match message.body {
            Body::Appended { matched, .. } if matched > self.durable => Err(format!(
                "tells {to} that it has entry {}; its disk has them to {}",
                matched.0, self.durable.0
            )),
            _ => Ok(()),
        }
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
                let stable = Stable { vote: *vote, durable: last, last, ..Stable::default() };
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
