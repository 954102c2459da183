//! Who votes in a group: how its members follow the map, of a shard and of the map itself.
//!
//! A voter that has no log yet is one whose vote the group has to do without, and cannot
//! outvote. So whoever is new listens first, and votes once it has caught up; until then
//! those who voted before go on, also those whom the map names no more.

use nexus_cluster::GroupId;
use nexus_cluster::shard::placement;

use crate::Node;

/// Entries that a learner may lack and be made a voter. A guess: some milliseconds of a busy
/// shard, which are on their way to it; with none allowed, a busy one would never be ready.
const CAUGHT_UP_WITHIN: u64 = 256;

impl Node {
    /// Has the members of a group that is led here follow the map.
    pub(crate) fn keep_members(&mut self, group: GroupId) {
        let wanted = self.keepers_of(group).map(|keepers| keepers.iter().copied().collect());
        let Some(wanted) = wanted else { return };
        let Some(member) = self.groups.get_mut(&group) else { return };
        let now = member.raft.members();
        if now.is_joint() {
            return;
        }
        let has_log = |id| member.raft.has_caught_up(id, CAUGHT_UP_WITHIN);
        let next = placement::next(&wanted, &now.voters, has_log);
        if next != *now {
            // Refused while an earlier change is under way: it comes again.
            let changed = member.raft.change_members(self.now, next.voters, next.learners);
            if changed.is_ok() {
                self.touched.insert(group);
            }
        }
    }
}
