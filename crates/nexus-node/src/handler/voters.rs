//! Who votes in a group: how its members follow the map, of a shard and of the map itself.
//!
//! A voter that has no log yet is one whose vote the group has to do without, and cannot
//! outvote. So whoever is new listens first, and votes once it has caught up; until then
//! those who voted before go on, also those whom the map names no more.

use nexus_cluster::GroupId;
use nexus_cluster::shard::placement::{self, Voting};

use crate::Node;

impl Node {
    /// Has the members of a group that is led here follow the map.
    pub(crate) fn keep_members(&mut self, group: GroupId) {
        let wanted = self.keepers_of(group).map(|keepers| keepers.iter().copied().collect());
        let Some(wanted) = wanted else { return };
        let Some(member) = self.groups.get(&group) else { return };
        let now = member.raft.members();
        if now.is_joint() {
            return;
        }
        let left = now.voters.iter().copied().filter(|node| self.has_left(*node)).collect();
        let vote = Voting { voters: &now.voters, leader: self.spec.id, left: &left };
        let next = placement::next(&wanted, &vote, |id| member.raft.has_caught_up(id));
        if next != *now {
            // Refused while an earlier change is under way: it comes again.
            let Some(member) = self.groups.get_mut(&group) else { return };
            let changed = member.raft.change_members(self.now, next.voters, next.learners);
            if changed.is_ok() {
                self.touched.insert(group);
            }
        }
    }
}
