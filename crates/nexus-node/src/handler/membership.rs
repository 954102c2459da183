//! Who is alive.

use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_cluster::membership::{Address, Effect as Heard, Member, MemberState, Standing};

use crate::group::CONTROL;
use crate::node::Alarm;
use crate::{Effect, Node, Saw, names};

impl Node {
    pub(crate) fn join_members(&mut self) {
        let seeds = self.spec.membership.as_ref().map(|with| with.seeds.clone());
        if let (Some(membership), Some(seeds)) = (&mut self.membership, seeds) {
            membership.join(self.now, &seeds);
        }
        self.hear_members();
    }

    /// Says that this node leaves the cluster for good, as far as it finds out who is there at
    /// all. Others keep its shards from now on. It goes on until they do: once
    /// [`Node::shards`] are none it may be stopped and its disk be thrown away. If it is
    /// started again later, it comes as a new one.
    pub fn leave(&mut self, now: Time) {
        self.now = self.now.max(now);
        if let Some(membership) = &mut self.membership {
            membership.leave(self.now);
        }
        self.hear_members();
    }

    /// Whether a node has said that it leaves for good. That it is down is an opinion; this is
    /// not.
    pub(crate) fn has_left(&self, node: NodeId) -> bool {
        let Some(membership) = &self.membership else { return false };
        if node == self.spec.id {
            return membership.standing() == Standing::Left;
        }
        membership.member(node).is_some_and(|member| member.state() == MemberState::Left)
    }

    /// Whether this node decides about the map, has left, and hands that over: it hears no more
    /// of who is there. If nobody else votes about it, it goes on until somebody does.
    pub(crate) fn hands_the_map_over(&mut self) -> bool {
        if !self.has_left(self.spec.id) {
            return false;
        }
        let Some(member) = self.groups.get_mut(&CONTROL) else { return false };
        let mut voters = member.raft.members().voters.iter().copied();
        let other = |node: &NodeId| *node != self.spec.id && self.alive.contains(node);
        let to = voters.find(other);
        // Refused while it is under way, and tried again.
        if to.is_some_and(|to| member.raft.transfer(self.now, to).is_ok()) {
            self.touched.insert(CONTROL);
        }
        to.is_some()
    }

    pub(crate) fn handle_datagram(&mut self, from: &Address, bytes: &[u8]) {
        let Some(membership) = &mut self.membership else { return };
        if membership.handle_datagram(self.now, from, bytes).is_err() {
            self.counts.datagrams_refused += 1;
        }
        self.hear_members();
    }

    pub(crate) fn handle_membership_timeout(&mut self) {
        if let Some(membership) = &mut self.membership {
            membership.handle_timeout(self.now);
        }
        self.hear_members();
    }

    fn hear_members(&mut self) {
        let Some(membership) = &mut self.membership else { return };
        let mut heard = Vec::new();
        while let Some(effect) = membership.poll_effect() {
            heard.push(effect);
        }
        self.alarms.set(Alarm::Membership, membership.next_timeout());
        for effect in heard {
            match effect {
                Heard::Send { to, bytes } => self.effects.push_back(Effect::Datagram { to, bytes }),
                Heard::Up(member) => self.note_member(&member, true),
                // It has some time to clear itself.
                Heard::Suspect(member) => self.note_member(&member, true),
                Heard::Down(member) | Heard::Left(member) => self.note_member(&member, false),
                Heard::Rejoined(life) => self.live_again(names::life(life.start, life.renewal)),
                Heard::Conflict(_) => self.counts.conflicts += 1,
            }
        }
    }

    fn note_member(&mut self, member: &Member, alive: bool) {
        if let Some(observer) = &mut self.observer {
            observer.saw(self.now, &Saw::Member(member));
        }
        self.note_life(member, alive);
        let node = member.node();
        if alive {
            self.alive.insert(node);
        } else if node != self.spec.id {
            self.alive.remove(&node);
        }
    }
}
