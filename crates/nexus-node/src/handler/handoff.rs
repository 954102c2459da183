//! Steps of handoffs, as the leader of a shard does them; see [`nexus_cluster::shard`].

use std::collections::btree_map::Entry;

use nexus_base::AgentId;
use nexus_cluster::ring::Slot;
use nexus_cluster::shard::{HandoffId, Phase, ShardId, SlotSet, Step};
use nexus_cluster::{GroupId, NodeId};

use crate::Node;
use crate::group::{group_of, shard_of};
use crate::hosting::Fetch;
use crate::mail::{News, UNSURE};
use crate::shard::{Applied, Command, Part};

impl Node {
    /// A step of a handoff is due in a shard that is led here.
    pub(crate) fn handoff_due(
        &mut self,
        group: GroupId,
        handoff: HandoffId,
        step: Step,
        slots: SlotSet,
        from: ShardId,
    ) {
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        if step != Step::Install {
            return self.propose_handoff(group, handoff, step, slots, 0);
        }
        let shard = self.groups.get(&group).and_then(|member| member.shard());
        let first = slots.iter().next();
        let phase = shard.zip(first).map(|(shard, slot)| shard.holding().phase(slot));
        if let Some((Phase::Installed | Phase::Open, at)) = phase
            && at == handoff
        {
            return self.tell_control(News::Done { handoff, step });
        }
        hosting.fetches.entry(handoff).or_insert_with(|| Fetch::new(slots, from));
        self.ask_for_part(group, handoff);
    }

    fn propose_handoff(
        &mut self,
        group: GroupId,
        handoff: HandoffId,
        step: Step,
        slots: SlotSet,
        parts: u32,
    ) {
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        if hosting.proposed.contains_key(&(handoff, step)) {
            return;
        }
        let command = Command::Handoff { handoff, step, slots, parts };
        let Ok(bytes) = command.encode() else { return };
        // Refused while the leader is busy or hands over: it is due again soon.
        if let Ok((_, index)) = member.raft.propose(self.now, bytes) {
            hosting.proposed.insert((handoff, step), index);
            self.touched.insert(group);
        }
    }

    /// Asks the shard that has sealed the slots for the next part of what it holds.
    fn ask_for_part(&mut self, group: GroupId, handoff: HandoffId) {
        let (Some(to), Some(hosting)) = (shard_of(group), self.hostings.get(&group)) else {
            return;
        };
        let Some(fetch) = hosting.fetches.get(&handoff) else { return };
        if fetch.proposed {
            return;
        }
        let (shard, number) = (fetch.from, fetch.next);
        let news = News::PartAsked { shard, to, handoff, slots: fetch.slots.clone(), number };
        if let Some(leader) = self.leader_of(shard) {
            self.tell(leader, news);
        }
    }

    /// Tells who asks what sealed slots hold. That is final, so it does not matter whether
    /// another leads the shard by now.
    pub(crate) fn tell_part(
        &mut self,
        asker: NodeId,
        group: GroupId,
        to: ShardId,
        handoff: HandoffId,
        slots: SlotSet,
        number: u32,
    ) {
        // For all slots of the handoff, or what is installed would lack some.
        if self.map_has(handoff, &slots) != Some(true) {
            return;
        }
        let (Some(member), Some(hosting)) =
            (self.groups.get(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        let cut = || member.shard().and_then(|shard| shard.parts(handoff, &slots));
        let parts = match hosting.cuts.entry(handoff) {
            Entry::Occupied(parts) => parts.into_mut(),
            Entry::Vacant(place) => match cut() {
                Some(parts) => place.insert(parts),
                None => return,
            },
        };
        let part = parts.get(number as usize).cloned();
        if part.is_none() && !parts.is_empty() {
            return;
        }
        let count = parts.len() as u32;
        self.tell(asker, News::Part { to, handoff, slots, count, part });
    }

    /// Whether these are the slots of a handoff; none if it is not known here.
    fn map_has(&self, handoff: HandoffId, slots: &SlotSet) -> Option<bool> {
        self.map().handoff(handoff).map(|handoff| handoff.slots == *slots)
    }

    /// A part of what is to be installed has come.
    pub(crate) fn part_came(
        &mut self,
        group: GroupId,
        handoff: HandoffId,
        slots: SlotSet,
        count: u32,
        part: Option<Part>,
    ) {
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        let Some(fetch) = hosting.fetches.get_mut(&handoff) else { return };
        fetch.count = Some(count);
        let Some(part) = part else {
            return self.propose_handoff(group, handoff, Step::Install, slots, 0);
        };
        if fetch.proposed || part.number != fetch.next {
            return;
        }
        let Ok(bytes) = (Command::Part { handoff, slots, part }).encode() else { return };
        if member.raft.propose(self.now, bytes).is_ok() {
            fetch.proposed = true;
            self.touched.insert(group);
        }
    }

    pub(crate) fn part_applied(
        &mut self,
        group: GroupId,
        handoff: HandoffId,
        number: u32,
        applied: Applied,
    ) {
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        let Some(fetch) = hosting.fetches.get_mut(&handoff) else { return };
        if !applied.is_done() {
            return fetch.restart();
        }
        if number != fetch.next {
            return;
        }
        (fetch.next, fetch.proposed) = (number + 1, false);
        let (slots, count) = (fetch.slots.clone(), fetch.count);
        match count {
            Some(count) if fetch.next >= count => {
                self.propose_handoff(group, handoff, Step::Install, slots, count);
            }
            _ => self.ask_for_part(group, handoff),
        }
    }

    /// A step of a handoff was applied by the shard that is led here.
    pub(crate) fn handoff_applied(
        &mut self,
        group: GroupId,
        handoff: HandoffId,
        step: Step,
        slots: &SlotSet,
        applied: Applied,
    ) {
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        hosting.proposed.remove(&(handoff, step));
        if !applied.is_done() {
            if let Some(fetch) = hosting.fetches.get_mut(&handoff).filter(|_| step == Step::Install)
            {
                fetch.restart();
            }
            return;
        }
        match step {
            Step::Install | Step::Discard => drop(hosting.fetches.remove(&handoff)),
            Step::Drop | Step::Unseal => drop(hosting.cuts.remove(&handoff)),
            Step::Open => {}
            Step::Seal => {
                let agents = hosting.agents.keys().copied();
                let sealed: Vec<AgentId> =
                    agents.filter(|agent| slots.contains(Slot::of(*agent))).collect();
                for agent in sealed {
                    self.discard(group, agent, &UNSURE);
                }
            }
        }
        self.ring_soon();
        self.tell_control(News::Done { handoff, step });
    }

    /// Who leads a shard, as far as is known here.
    pub(crate) fn leader_of(&self, shard: ShardId) -> Option<NodeId> {
        let group = group_of(shard);
        if self.hostings.contains_key(&group) {
            return Some(self.spec.id);
        }
        let member = self.groups.get(&group).and_then(|member| member.leader());
        let said = || self.map().shard(shard)?.leader.map(|leader| leader.node);
        member.or_else(said)
    }
}
