//! Who is alive.

use nexus_cluster::membership::{Address, Effect as Heard, Member};

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
