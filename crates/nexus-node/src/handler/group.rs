//! What a group wants done.

use std::collections::btree_map::Entry;

use nexus_cluster::GroupId;
use nexus_cluster::raft::{self, Effect, Role, Snapshot};
use nexus_cluster::wire::Content;

use crate::group::{CONTROL, Came, Machine};
use crate::hosting::Hosting;
use crate::locks::LockDesk;
use crate::node::Alarm;
use crate::{Node, Planted, Saw};

impl Node {
    pub(crate) fn handle_group_timeout(&mut self, group: GroupId) {
        if let Some(member) = self.groups.get_mut(&group) {
            member.raft.handle_timeout(self.now);
            self.touched.insert(group);
        }
    }

    /// Carries out all that a group wants done.
    pub(crate) fn poll_group(&mut self, group: GroupId) {
        loop {
            let Some(member) = self.groups.get_mut(&group) else { return };
            let Some(effect) = member.raft.poll_effect() else { break };
            match effect {
                Effect::Send { to, message } => self.send(to, group, &Content::Raft(message)),
                Effect::Write(write) => self.writes.push(group, write),
                Effect::Apply(entries) => entries.iter().for_each(|entry| self.apply(group, entry)),
                Effect::Restore(snapshot) => self.restore(group, &snapshot),
                Effect::ReadReady { ticket, .. } => self.read_ready(group, ticket),
                Effect::ReadRefused { ticket } => self.read_refused(group, ticket),
                Effect::Role(role) => self.role_changed(group, role),
            }
        }
        let (now, every) = (self.now, self.spec.snapshot_every);
        let Some(member) = self.groups.get_mut(&group) else { return };
        if member.compact(now, every) {
            self.touched.insert(group);
        }
        let next = member.raft.next_timeout();
        // One that is due already is due again at once, but not before others had their turn.
        self.alarms.set(Alarm::Group(group), next);
        self.host_if_ready(group);
    }

    fn apply(&mut self, group: GroupId, entry: &raft::Entry) {
        let Some(member) = self.groups.get_mut(&group) else { return };
        match member.apply(entry) {
            Came::Nothing => {}
            Came::Map => self.map_changed(),
            Came::Lock(op, answer) => self.lock_applied((entry.term, entry.index), &op, answer),
            Came::Shard(command, applied) => {
                if let (Some(observer), Machine::Shard(state)) =
                    (&mut self.observer, &member.machine)
                {
                    let at = (entry.term, entry.index);
                    let command = &*command;
                    observer.saw(self.now, &Saw::Applied { group, at, command, applied, state });
                }
                self.command_applied(group, (entry.term, entry.index), &command, applied);
            }
        }
        self.host_if_ready(group);
    }

    fn restore(&mut self, group: GroupId, snapshot: &Snapshot) {
        let Some(member) = self.groups.get_mut(&group) else { return };
        assert!(
            member.restore(snapshot),
            "the snapshot of {group} at {:?} cannot be read: this node must not go on without it",
            snapshot.last
        );
        if let (Some(observer), Machine::Shard(state)) = (&mut self.observer, &member.machine) {
            observer.saw(self.now, &Saw::Restored { group, at: snapshot.last, state });
        }
        if group == CONTROL {
            self.map_changed();
        }
    }

    fn role_changed(&mut self, group: GroupId, role: Role) {
        let Some(member) = self.groups.get_mut(&group) else { return };
        member.role = role;
        if let Some(observer) = &mut self.observer {
            observer.saw(self.now, &Saw::Role { group, role: &role });
        }
        let leads = member.leads();
        let is_over = |desk: &LockDesk| !leads || desk.term != role.term;
        if group == CONTROL && self.lock_desk.as_ref().is_some_and(is_over) {
            self.close_lock_desk();
        }
        if self.is(Planted::KeepsActivations) {
            if let Some(hosting) = self.hostings.get_mut(&group) {
                hosting.term = role.term;
            }
        } else if self
            .hostings
            .get(&group)
            .is_some_and(|hosting| !leads || hosting.term != role.term)
        {
            self.stop_hosting(group);
        }
    }

    /// Begins to host a shard's agents once it leads and knows all that was committed.
    fn host_if_ready(&mut self, group: GroupId) {
        let Some(member) = self.groups.get(&group) else { return };
        if !member.is_ready() {
            return;
        }
        let term = member.role.term;
        if group == CONTROL {
            if self.lock_desk.is_none() {
                self.open_lock_desk(term);
            }
        } else if let Entry::Vacant(place) = self.hostings.entry(group) {
            place.insert(Hosting::new(term));
            self.ring_soon();
        }
    }
}
