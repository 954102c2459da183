//! A batch of writes is on disk.

use crate::Node;

impl Node {
    pub(crate) fn handle_written(&mut self, batch: u64) {
        for (group, sequence) in self.writes.written(batch).unwrap_or_default() {
            if let Some(left) = self.left.get_mut(&group) {
                left.is_kept = true;
            }
            if let Some(member) = self.groups.get_mut(&group) {
                member.raft.handle_written(self.now, sequence);
                self.touched.insert(group);
            }
        }
    }
}
