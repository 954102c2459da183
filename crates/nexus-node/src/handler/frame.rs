//! A frame from another node.

use bytes::Bytes;
use nexus_cluster::raft::Message;
use nexus_cluster::shard::Leader;
use nexus_cluster::wire::{Content, decode};
use nexus_cluster::{GroupId, NodeId};

use crate::Node;
use crate::delivery::Back;
use crate::group::{group_of, shard_of};
use crate::locks::{LockAsked, LockBack};
use crate::mail::{Mail, News};

impl Node {
    pub(crate) fn handle_frame(&mut self, bytes: &Bytes) {
        let Ok((envelope, content)) = decode(bytes) else {
            self.counts.damaged += 1;
            return;
        };
        let from = envelope.from;
        if envelope.to != self.spec.id || from == self.spec.id {
            self.counts.stray += 1;
            return;
        }
        match content {
            Content::Raft(message) => self.handle_raft(envelope.group, from, message),
            Content::Mail(bytes) => match Mail::read(&bytes) {
                Some(mail) => self.handle_mail(from, mail),
                None => self.counts.damaged += 1,
            },
            Content::Directory(bytes) => match News::read(&bytes) {
                Some(news) => self.handle_news(from, news),
                None => self.counts.damaged += 1,
            },
            _ => self.counts.stray += 1,
        }
    }

    fn handle_raft(&mut self, group: GroupId, from: NodeId, message: Message) {
        let is_known = match shard_of(group) {
            // Whoever answers may come to keep the map, and is told so by the group's leader.
            None => true,
            Some(shard) => !self.ended.contains(group) && self.map().may_be(shard),
        };
        // A member that is new to the group learns of the others from the leader.
        if is_known && !self.groups.contains_key(&group) {
            self.come_back(group);
        }
        let Some(member) = self.groups.get_mut(&group) else {
            self.counts.stray += 1;
            return;
        };
        // It is of the group perhaps: what was asked before is of the past.
        self.leaving.remove(&group);
        member.raft.handle_message(self.now, from, message);
        self.touched.insert(group);
    }

    fn handle_mail(&mut self, from: NodeId, mail: Mail) {
        match mail {
            Mail::Ask(asked) => {
                let back = Back::There { node: from, call: asked.call };
                let deadline = self.now.after(asked.within);
                match asked.direct {
                    Some(direct) => self.arrive_directly(asked, direct, deadline, back),
                    None => {
                        let id = asked.to.id(&self.spec.secret);
                        self.arrive(asked, id, deadline, back);
                    }
                }
            }
            Mail::Answer { call, outcome } => self.call_came(call, Some(from), outcome),
            Mail::Lock(asked) => {
                let LockAsked { call, attempt, what, from: (life, number) } = asked;
                if self.lock_arrivals.is_first(from, life, number) {
                    self.lock_arrives(what, LockBack { node: from, call, attempt });
                }
            }
            Mail::LockAnswer { call, attempt, outcome } => {
                self.lock_came(from, (call, attempt), outcome);
            }
        }
    }

    pub(crate) fn handle_news(&mut self, from: NodeId, news: News) {
        match news {
            News::MapAsked { version } => self.tell_map(from, version),
            News::Map { bytes } => self.learn_map(&bytes),
            News::Led { shard, term, voters } => {
                let leader = Leader { node: from, term };
                self.note_leader(shard, leader, voters);
            }
            News::Due { shard, handoff, step, slots, from } => {
                self.handoff_due(group_of(shard), handoff, step, slots, from);
            }
            News::Done { handoff, step } => self.handoff_done(handoff, step),
            News::PartAsked { shard, to, handoff, slots, number } => {
                self.tell_part(from, group_of(shard), to, handoff, slots, number);
            }
            News::Part { to, handoff, slots, count, part } => {
                self.part_came(group_of(to), handoff, slots, count, part);
            }
            News::KeptAsked { group, number } => self.kept_asked(from, group, number),
            News::NotKept { group, number, term } => self.not_kept(group, number, term),
            News::Yield { shard, to } => self.yield_shard(group_of(shard), to),
        }
    }
}
