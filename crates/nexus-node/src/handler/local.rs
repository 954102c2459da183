//! Asks of local agents: who has the name, and what comes of it where that lives.
//!
//! Local agents do not know requests, so a message goes to their node once and never again:
//! what can be tried again is the look-up before. Where an agent was found is remembered; if
//! that is wrong, its node says so, and the next look-up is of the directory.

use bytes::Bytes;
use nexus_agent::{AskError, Changed};
use nexus_base::{AgentId, Time};
use nexus_cluster::GroupId;
use nexus_cluster::raft::Term;

use crate::call::Asks;
use crate::delivery::Back;
use crate::hosting::Lookup;
use crate::mail::{Asked, Direct, Mail, Outcome, What};
use crate::names::{Place, is_one_process};
use crate::node::Alarm;
use crate::shard::AgentName;
use crate::{Node, Planted};

/// Look-ups of one shard that wait to be told that nobody has the name. Beyond it they are to
/// come again. A guess: some megabytes.
const LOOKUPS_MAX: usize = 16_384;

impl Node {
    /// Somebody asks for an agent that is not strict; the slot of its name is open here.
    pub(crate) fn look_up(&mut self, group: GroupId, id: AgentId, name: AgentName, back: Back) {
        if let Some(found) = self.registered(group, id, &name) {
            return self.give_back(back, found);
        }
        // That nobody has it is final, so it must not be said by one who led the shard once.
        let ticket = self.next_number();
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        let is_full = hosting.lookups.len() >= LOOKUPS_MAX;
        if is_full || member.raft.read(self.now, ticket).is_err() {
            return self.give_back(back, Outcome::Again { unsure: false });
        }
        hosting.lookups.insert(ticket, Lookup { id, name, back });
        self.touched.insert(group);
    }

    /// Nobody else leads the shard: what the directory has now is so.
    pub(crate) fn looked_up(&mut self, group: GroupId, lookup: Lookup) {
        let Lookup { id, name, back } = lookup;
        if self.open_here(id) != Some(group) {
            return self.give_back(back, Outcome::Again { unsure: false });
        }
        let outcome = self.registered(group, id, &name).unwrap_or_else(|| {
            let AgentName { kind, .. } = &name;
            let reason = if self.system.residence_of(kind).is_some() {
                format!("no agent has the name {name}")
            } else {
                format!("no agent has the name {name}, and this node knows no kind {kind}")
            };
            Outcome::Refused { reason }
        });
        self.give_back(back, outcome);
    }

    fn registered(&self, group: GroupId, id: AgentId, name: &AgentName) -> Option<Outcome> {
        let shard = self.groups.get(&group)?.shard()?;
        let entry = shard.directory().find(id, &name.to_string())?;
        Some(Outcome::At { node: entry.node, life: entry.incarnation })
    }

    /// Where an agent was when it was looked up last, unless that is known to be over.
    pub(crate) fn place_of(&mut self, agent: AgentId) -> Option<Place> {
        self.places.find(agent).filter(|place| !self.over.is_over(place.node, place.life))
    }

    /// The directory has named the node of the agent that an ask is for.
    pub(crate) fn call_is_for(&mut self, number: u64, place: Place) {
        let Some(call) = self.calls.get_mut(number) else { return };
        if matches!(call.what, Asks::Naming { .. }) {
            return;
        }
        call.waits = false;
        // Who keeps the directory will know it soon.
        if self.over.is_over(place.node, place.life) {
            return self.pause_call(number);
        }
        self.places.learn(call.id, place);
        self.ask_directly(number, place);
    }

    /// Sends an ask to the node of a local agent, and waits for that alone.
    pub(crate) fn ask_directly(&mut self, number: u64, place: Place) {
        let me = self.spec.id;
        self.alarms.set(Alarm::Call(number), None);
        // Answers to look-ups of before may yet come. They are of no account any more.
        let Some(number) = self.calls.renumber(number) else { return };
        let direct = Direct { to: place.life, from: self.spec.start() };
        let Some(asked) = self.asked(number, Some(direct)) else { return };
        let Some(call) = self.calls.get_mut(number) else { return };
        let deadline = call.deadline;
        call.asked = (place.node != me).then_some(place.node);
        (call.direct, call.waits) = (true, true);
        self.alarms.set(Alarm::Call(number), Some(deadline));
        if place.node == me {
            self.arrive_directly(asked, direct, deadline, Back::Here { call: number });
        } else {
            self.send(place.node, GroupId::default(), &Mail::Ask(asked).content());
        }
    }

    /// A message has come for a local agent of this node.
    pub(crate) fn arrive_directly(
        &mut self,
        asked: Asked,
        direct: Direct,
        deadline: Time,
        back: Back,
    ) {
        if let Back::There { node, call } = back
            && !self.arrivals.is_first(node, direct.from, call)
        {
            // It gets the answer of the first.
            return;
        }
        let What::Message { message, bytes, .. } = asked.what else { return };
        let is_of_this_process = is_one_process(direct.to, self.life);
        let is_meant = is_of_this_process && self.names.holds(&asked.to);
        if !is_meant && !self.is(Planted::StaleEntry) {
            self.give_back(back, Outcome::NotHere);
            if is_of_this_process {
                self.give_up_name(asked.to);
            }
            return;
        }
        if self.deliveries.is_full() {
            return self.give_back(back, Outcome::Again { unsure: false });
        }
        let number = self.deliveries.add_local(back);
        self.hand_in(&asked.to, (&message, &bytes), deadline, number);
    }

    /// A local agent has answered.
    pub(crate) fn local_answered(&mut self, back: Back, reply: Option<Result<Vec<u8>, AskError>>) {
        let outcome = match reply {
            // It is of no term: it lives as long as its agent does.
            Some(Ok(reply)) => Outcome::Done { reply: reply.into(), term: Term(0) },
            Some(Err(error)) => Outcome::Failed { reason: error.to_string() },
            None => Outcome::Done { reply: Bytes::new(), term: Term(0) },
        };
        self.give_back(back, outcome);
    }

    /// A message for a local agent was not handled, or its handler came to no end.
    pub(crate) fn local_failed(&mut self, back: Back, error: &AskError) {
        let outcome = match error {
            AskError::NotRunning
            | AskError::ShuttingDown
            | AskError::Stopped { changed: Changed::No } => Outcome::NotHere,
            AskError::Crashed(crash) => Outcome::Failed { reason: crash.message.to_string() },
            error if error.changed() == Changed::Unknown => {
                Outcome::Failed { reason: error.to_string() }
            }
            error => Outcome::Refused { reason: error.to_string() },
        };
        self.give_back(back, outcome);
    }

    /// The node that was asked has no such agent: what was remembered of it is wrong.
    pub(crate) fn call_found_nobody(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(number).filter(|call| call.direct) else { return };
        (call.direct, call.waits) = (false, false);
        self.places.forget(call.id);
        self.pause_call(number);
    }
}
