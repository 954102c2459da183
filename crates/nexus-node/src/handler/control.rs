//! The control group: who keeps the map and the locks, and how everybody finds them.
//!
//! What must stay true:
//!
//! 1. There is never more than one control group. It is begun once, by the founders, each of
//!    which does so only with an empty disk; whoever comes later is told of it by its leader,
//!    begins blank, and listens. Who keeps it changes by joint consensus alone.
//! 2. Who was removed does not disturb. It finds nobody who votes for it, since those who go
//!    on stand by their leader and have longer logs, and those who have left as well are bound
//!    by what they had (`leave.rs`). It gives up its files once the leader has said that it
//!    does not count.
//! 3. The map says who keeps it. That is a hint, and a wish: who decides is said by the group's
//!    own log alone, and follows the wish as the members of a shard follow the map
//!    (`voters.rs`).
//! 4. Whoever does not keep the map, or does not hear from its leader, asks those whom its own
//!    map names, and one more who answers, whoever that is. So it finds the map also if all
//!    whom it knew have been replaced, as long as it knows anybody who is alive.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use nexus_base::Time;
use nexus_cluster::shard::{Command, placement};
use nexus_cluster::{GroupId, NodeId};

use crate::Node;
use crate::control;
use crate::group::{CONTROL, shard_of};
use crate::mail::News;
use crate::node::Alarm;

/// How often a node that does not keep the map asks for a newer one. A guess: as long as an
/// election.
const MAP_EVERY: Duration = Duration::from_millis(500);

impl Node {
    /// Who shall keep what a group agrees on, as the map has it; none of a shard that it does
    /// not know.
    pub(crate) fn keepers_of(&self, group: GroupId) -> Option<&[NodeId]> {
        match shard_of(group) {
            None => Some(self.map().control()),
            Some(shard) => self.map().shard(shard).map(|shard| shard.replicas.as_slice()),
        }
    }

    /// Has the map kept where it should be. Only its leader does.
    pub(crate) fn keep_control(&mut self) {
        self.keep_members(CONTROL);
        let silent = self.silent_control();
        let now = self.map().control();
        let left = now.iter().copied().filter(|node| self.has_left(*node)).collect();
        let replicas = placement::control(now, &left, &silent, &self.alive);
        if let Some(replicas) = replicas.filter(|replicas| *replicas != *now) {
            self.wish(&Command::Control { replicas });
        }
    }

    /// Who of those who keep the map was not heard of for long.
    fn silent_control(&mut self) -> BTreeSet<NodeId> {
        let (now, me) = (self.now, self.spec.id);
        let keepers: BTreeSet<NodeId> = self.map().control().iter().copied().collect();
        let is_silent = |node: &NodeId| keepers.contains(node) && !self.alive.contains(node);
        self.silent_since.retain(|node, _| is_silent(node));
        for &node in keepers.iter().filter(|node| is_silent(node) && **node != me) {
            self.silent_since.entry(node).or_insert(now);
        }
        let is_long = |since: Time| now.since(since) >= self.spec.replace_after;
        let silent = self.silent_since.iter().filter(|(_, since)| is_long(**since));
        silent.map(|(node, _)| *node).collect()
    }

    /// Asks for a newer map where this node does not hear of it from the leader.
    pub(crate) fn ask_for_map(&mut self) {
        self.alarms.set(Alarm::Map, Some(self.now.after(MAP_EVERY)));
        if self.groups.get(&CONTROL).is_some_and(|member| member.leader().is_some()) {
            return;
        }
        let version = self.map().version();
        let (keepers, alive) = (self.map().control().to_vec(), self.alive.clone());
        for some in [keepers, alive.into_iter().collect()] {
            if let Some(node) = self.draw_other(some) {
                self.tell(node, News::MapAsked { version });
            }
        }
    }

    pub(crate) fn tell_map(&mut self, to: NodeId, version: u64) {
        if self.map().version() > version {
            let bytes = control::map_bytes(self.map());
            self.tell(to, News::Map { bytes });
        }
    }

    pub(crate) fn learn_map(&mut self, bytes: &Bytes) {
        let Some(map) = control::read_map(bytes) else {
            self.counts.damaged += 1;
            return;
        };
        if map.version() > self.map.version() {
            self.map = map;
            self.map_changed();
        }
    }

    /// Tells one of those who keep the map, the leader if it is known.
    pub(crate) fn tell_control(&mut self, news: News) {
        let leader = self.groups.get(&CONTROL).and_then(|member| member.leader());
        let to = leader.or_else(|| self.draw_other(self.map().control().to_vec()));
        if let Some(to) = to {
            self.tell(to, news);
        }
    }

    /// One of these who is not this node.
    fn draw_other(&mut self, mut of: Vec<NodeId>) -> Option<NodeId> {
        of.retain(|node| *node != self.spec.id);
        let count = of.len() as u64;
        (count > 0).then(|| of[self.rng.below(count) as usize])
    }

    pub(crate) fn tell(&mut self, to: NodeId, news: News) {
        if to == self.spec.id {
            self.handle_news(to, news);
        } else {
            self.send(to, GroupId::default(), &news.content());
        }
    }
}
