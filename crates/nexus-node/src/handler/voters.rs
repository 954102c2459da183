//! Who votes in the group of a shard: how the members of a group follow the map.
//!
//! A voter that has no log yet is one whose vote the group has to do without, and cannot
//! outvote. So whoever is new listens first, and votes once it has caught up; until then
//! those who voted before go on, also those whom the map names no more.

use nexus_cluster::GroupId;
use nexus_cluster::shard::placement;

use crate::Node;
use crate::group::shard_of;

/// Entries that a learner may lack and be made a voter. A guess: some milliseconds of a busy
/// shard, which are on their way to it; with none allowed, a busy one would never be ready.
const CAUGHT_UP_WITHIN: u64 = 256;

impl Node {
    /// Has the members of a group that is led here follow the map.
    pub(crate) fn keep_members(&mut self, group: GroupId) {
        let wanted = shard_of(group).and_then(|shard| self.map().shard(shard));
        let Some(wanted) = wanted.map(|shard| shard.replicas.iter().copied().collect()) else {
            return;
        };
        let Some(member) = self.groups.get_mut(&group) else { return };
        let now = member.raft.members();
        if now.is_joint() {
            return;
        }
        let mut voters = placement::voters(&wanted, &now.voters);
        let has_log =
            |id| now.voters.contains(id) || member.raft.has_caught_up(*id, CAUGHT_UP_WITHIN);
        // All at once, and nobody leaves before: the fewer changes, the fewer pauses.
        if !voters.iter().all(has_log) {
            voters.clone_from(&now.voters);
        }
        let learners = wanted.difference(&voters).copied().collect();
        if (&voters, &learners) != (&now.voters, &now.learners) {
            // Refused while an earlier change is under way: it comes again.
            let changed = member.raft.change_members(self.now, voters, learners);
            if changed.is_ok() {
                self.touched.insert(group);
            }
        }
    }
}
