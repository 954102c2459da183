//! Shards that were here and have ended.
//!
//! Something has to stay of each on the disk. A member that knows nothing of a group would
//! begin it once more, or learn of it, when an old map or an old frame says that it is new,
//! and vote in terms in which it has voted.
//!
//! What must stay true:
//!
//! 1. A shard that has been here and has ended never begins here again.
//! 2. What stays is bounded by the shards that there are, however many have ended. The numbers
//!    of shards only grow, and the map, which a majority has agreed on, knows of each number
//!    whether its shard has ended. So one *tombstone* stands for a whole row of numbers that
//!    have ended; between two rows there is a shard: at most one row more than shards.
//! 3. A tombstone that stands for more is on the disk before those that it takes the place of
//!    go.

use std::collections::BTreeMap;

use nexus_cluster::GroupId;
use nexus_cluster::raft::{Index, Stored, Term, Vote, Write};
use nexus_cluster::shard::{SHARDS_MAX, ShardId, ShardMap};

use crate::group::{group_of, shard_of};

/// The term of a group that has ended here, beyond all in which anybody is elected.
const ENDED: Vote = Vote { term: Term(u64::MAX), voted_for: None };

/// Tombstones at most: one more than there may be shards.
pub(crate) const ENDED_MAX: usize = SHARDS_MAX + 1;

/// Rows of shards that have ended, each from its first number to its last.
#[derive(Default, Debug)]
pub(crate) struct Ended {
    rows: BTreeMap<ShardId, ShardId>,
}

impl Ended {
    /// Whether the group is of a shard that was here and has ended, or that is in a row with one.
    pub(crate) fn contains(&self, group: GroupId) -> bool {
        let row = |shard| self.rows.range(..=shard).next_back().is_some_and(|row| *row.1 >= shard);
        shard_of(group).is_some_and(row)
    }

    /// How many tombstones there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// A shard that was here has ended: what is to be written, in this order, of it and of
    /// those that it is in a row with now.
    pub(crate) fn end(&mut self, shard: ShardId, map: &ShardMap) -> Vec<(GroupId, Write)> {
        let (first, last) = map.ended_around(shard).unwrap_or((shard, shard));
        let mut gone = self.put(first, last);
        if shard != first && !gone.contains(&shard) {
            gone.push(shard);
        }
        let tombstone = (group_of(first), tombstone(last));
        let gone = gone.into_iter().map(|shard| (group_of(shard), Write::forget()));
        [tombstone].into_iter().chain(gone).collect()
    }

    /// Shards that were between rows have ended: what is to be written, so that they are one.
    pub(crate) fn join(&mut self, map: &ShardMap) -> Vec<(GroupId, Write)> {
        let mut writes = Vec::new();
        let mut next = self.rows.first_key_value().map(|(first, _)| *first);
        while let Some(first) = next {
            let around = map.ended_around(first).unwrap_or((first, first));
            if self.rows.range(around.0..=around.1).nth(1).is_some() {
                writes.extend(self.end(first, map));
            }
            let above = ShardId(around.1.0.saturating_add(1));
            next = self.rows.range(above..).next().map(|(first, _)| *first);
        }
        writes
    }

    /// Takes in what the disk holds of a group, if it is a tombstone: what is to be written
    /// then, or none if it is no tombstone.
    pub(crate) fn take_in(
        &mut self,
        group: GroupId,
        stored: &Stored,
    ) -> Option<Vec<(GroupId, Write)>> {
        if stored.vote != ENDED {
            return None;
        }
        let Some(first) = shard_of(group) else { return Some(Vec::new()) };
        let upto = stored.left.filter(|(term, _)| *term == ENDED.term);
        let last = upto.and_then(|(_, last)| shard_of(GroupId(last.0))).unwrap_or(first).max(first);
        // The node stopped before one that another took the place of was gone.
        if self.contains(group) && self.contains(group_of(last)) {
            return Some(vec![(group, Write::forget())]);
        }
        self.put(first, last);
        Some(Vec::new())
    }

    /// Has a row be there; the rows that it takes the place of.
    fn put(&mut self, first: ShardId, last: ShardId) -> Vec<ShardId> {
        let within = |row: &ShardId| *row != first;
        let gone: Vec<ShardId> =
            self.rows.range(first..=last).map(|(row, _)| *row).filter(within).collect();
        for row in &gone {
            self.rows.remove(row);
        }
        self.rows.insert(first, last);
        gone
    }
}

/// What takes the place of all there is of a group on the disk: its shard has ended, and all
/// of the numbers after it up to `last`.
fn tombstone(last: ShardId) -> Write {
    let left = Some((ENDED.term, Index(group_of(last).0)));
    let (vote, entries) = (Some(ENDED), Vec::new());
    Write { sequence: 0, vote, cut_from: None, entries, snapshot: None, left }
}

#[cfg(test)]
mod tests;
