//! What is to be put on disk: one batch for all groups at a time.

use std::collections::BTreeMap;

use nexus_cluster::GroupId;
use nexus_cluster::raft::Write;

use crate::Effect;

/// Writes that wait, and those that are on their way. Bounded by what each group has under
/// way, see [`nexus_cluster::raft::Spec::uncommitted_bytes`].
#[derive(Default)]
pub(crate) struct Writes {
    waiting: Vec<(GroupId, Write)>,
    /// The batch under way, and the last write of each group in it.
    under_way: Option<BTreeMap<GroupId, u64>>,
    batch: u64,
}

impl Writes {
    pub(crate) fn push(&mut self, group: GroupId, write: Write) {
        self.waiting.push((group, write));
    }

    pub(crate) fn extend(&mut self, writes: Vec<(GroupId, Write)>) {
        self.waiting.extend(writes);
    }

    /// Drops what waits of a group that has ended, was left, or begins anew. What is under way
    /// of it is written, and nobody is told: the next member has handed out none of it.
    pub(crate) fn forget(&mut self, group: GroupId) {
        self.waiting.retain(|(of, _)| *of != group);
        if let Some(under_way) = &mut self.under_way {
            under_way.remove(&group);
        }
    }

    /// The next batch, unless one is under way.
    pub(crate) fn next_batch(&mut self) -> Option<Effect> {
        if self.under_way.is_some() || self.waiting.is_empty() {
            return None;
        }
        self.batch += 1;
        let writes = std::mem::take(&mut self.waiting);
        self.under_way =
            Some(writes.iter().map(|(group, write)| (*group, write.sequence)).collect());
        Some(Effect::Write { batch: self.batch, writes })
    }

    /// A batch is on disk: the last write of each group in it. None if it is not the one
    /// under way.
    pub(crate) fn written(&mut self, batch: u64) -> Option<BTreeMap<GroupId, u64>> {
        if batch == self.batch { self.under_way.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(sequence: u64) -> Write {
        let (vote, entries) = (None, Vec::new());
        Write { sequence, vote, cut_from: None, entries, snapshot: None, left: None }
    }

    #[test]
    fn a_member_that_begins_anew_is_not_told_of_writes_of_the_one_before() {
        let (one, other) = (GroupId(1), GroupId(2));
        let mut writes = Writes::default();
        writes.push(one, write(5));
        writes.push(other, write(7));
        assert!(matches!(writes.next_batch(), Some(Effect::Write { batch: 1, .. })));
        writes.push(one, write(6));
        writes.forget(one);
        writes.push(one, write(0));
        assert_eq!(writes.written(1), Some(BTreeMap::from([(other, 7)])));
        let Some(Effect::Write { batch: 2, writes: next }) = writes.next_batch() else {
            panic!("the new member's write waits");
        };
        assert_eq!(next, [(one, write(0))]);
        assert_eq!(writes.written(2), Some(BTreeMap::from([(one, 0)])));
    }
}
