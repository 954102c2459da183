//! Files go: a node that keeps a shard or the map no more gives up what it has of it.
//!
//! What must stay true:
//!
//! 1. Nobody gives up what could still be needed for a majority. A node gives up its files of
//!    a group only if the map names it no more, **and** one who leads the group, with the
//!    configuration settled and committed, has said that the node is not in it: then a
//!    majority without it has all that came before.
//! 2. That word is not of the past. It counts only if no frame of the group has come between
//!    question and answer, and if it is of the term that the node is in or of a later one:
//!    whoever is in the group again and was heard of, has it in a frame or in a later term;
//!    and of whoever was not heard of, nothing was acknowledged to anybody.
//! 3. What it has promised stays on its disk, in the same write that gives up the rest (see
//!    `raft/promise.rs`): the vote with its term, and where the log ended. Should it come
//!    back it begins from these, blank, as a learner, and is of use for elections only once
//!    it has all that it ever had.
//! 4. Until that write is on disk it takes no part in the group again.

use std::time::Duration;

use nexus_cluster::raft::{Stored, Term, Write};
use nexus_cluster::shard::ShardId;
use nexus_cluster::{GroupId, NodeId};

use crate::Node;
use crate::group::{CONTROL, Group, shard_of};
use crate::mail::News;
use crate::node::Alarm;

/// How often it is asked. A guess: files that stay a little longer do no harm.
const LEAVE_EVERY: Duration = Duration::from_secs(2);

/// What is left of a group that was given up.
pub(crate) struct Left {
    pub(crate) promise: Stored,
    /// Whether that is on disk.
    pub(crate) is_kept: bool,
}

impl Node {
    /// Asks who leads them whether this node still counts in groups that the map does not
    /// have it keep.
    pub(crate) fn ask_to_leave(&mut self) {
        if self.now < self.leaves_at {
            return;
        }
        self.leaves_at = self.now.after(LEAVE_EVERY);
        let follows = |(group, member): (&GroupId, &Group)| (!member.leads()).then_some(*group);
        let kept: Vec<GroupId> = self.groups.iter().filter_map(follows).collect();
        for group in kept {
            let keepers = self.keepers_without_this(group);
            // Drawn, since an answer may be late by a whole life of this node.
            let number = self.rng.next_u64();
            self.leaving.insert(group, number);
            for keeper in keepers {
                self.tell(keeper, News::KeptAsked { group, number });
            }
        }
    }

    /// Who keeps what a group agrees on, if the map says that this node does not.
    fn keepers_without_this(&self, group: GroupId) -> Vec<NodeId> {
        let me = self.spec.id;
        let Some(keepers) = self.keepers_of(group).filter(|keepers| !keepers.contains(&me)) else {
            return Vec::new();
        };
        let shard = shard_of(group).and_then(|shard| self.map().shard(shard));
        let leader = shard.and_then(|shard| shard.leader).map(|leader| leader.node);
        let more = leader.filter(|leader| !keepers.contains(leader) && *leader != me);
        keepers.iter().copied().chain(more).collect()
    }

    /// Another node asks whether it still counts in a group. Only who leads it answers, and
    /// only if it does not.
    pub(crate) fn kept_asked(&mut self, from: NodeId, group: GroupId, number: u64) {
        let Some(member) = self.groups.get(&group).filter(|member| member.is_ready()) else {
            return;
        };
        if member.raft.is_settled() && !member.raft.members().contains(from) {
            let term = member.role.term;
            self.tell(from, News::NotKept { group, number, term });
        }
    }

    /// This node does not count in a group any more.
    pub(crate) fn not_kept(&mut self, group: GroupId, number: u64, term: Term) {
        let is_answer = self.leaving.get(&group) == Some(&number);
        let Some(member) = self.groups.get(&group).filter(|_| is_answer) else { return };
        let is_past = member.raft.term() > term || member.leads();
        if is_past || self.keepers_without_this(group).is_empty() {
            return;
        }
        let promise = member.raft.promise();
        if group == CONTROL {
            // What its own log said of the map goes with the log.
            self.map = self.map().clone();
        }
        let (vote, left) = (Some(promise.vote), promise.left);
        self.drop_group(group);
        let write =
            Write { sequence: 0, vote, cut_from: None, entries: Vec::new(), snapshot: None, left };
        self.writes.push(group, write);
        self.left.insert(group, Left { promise, is_kept: false });
        self.counts.left += 1;
    }

    /// Lets go of a group in memory, and of what waits to be written of it.
    pub(crate) fn drop_group(&mut self, group: GroupId) {
        self.stop_hosting(group);
        self.groups.remove(&group);
        self.leaving.remove(&group);
        self.touched.remove(&group);
        self.writes.forget(group);
        self.alarms.set(Alarm::Group(group), None);
    }

    /// Begins to take part in a group that is led elsewhere, with what was promised in it
    /// before, if anything was. Who has left waits for the map to name it again, and for what
    /// it has promised to be on disk.
    pub(crate) fn come_back(&mut self, group: GroupId) {
        // By a map that knows the shard: one from before it was split off names nobody.
        let is_named =
            self.keepers_of(group).is_some_and(|keepers| keepers.contains(&self.spec.id));
        if self.left.get(&group).is_some_and(|left| !left.is_kept || !is_named) {
            return;
        }
        let promise = self.left.remove(&group).map(|left| left.promise);
        // The spec was good for the groups before it.
        let _ = self.start_group(group, promise.unwrap_or_default());
    }

    /// Groups of shards that it has left and that have ended since.
    pub(crate) fn left_and_over(&self) -> Vec<GroupId> {
        self.left.keys().copied().filter(|group| self.is_over(*group)).collect()
    }

    /// The shards that it keeps no more, and has promised something in.
    pub fn left(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.left.keys().filter_map(|group| shard_of(*group))
    }
}
