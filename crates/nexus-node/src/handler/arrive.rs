//! A message for an agent has come to where its shard is led: of a strict one, which is here.

use bytes::Bytes;
use nexus_agent::{ActivateError, Activation, Deliver, Keeps, KeptState};
use nexus_base::{AgentId, Time};
use nexus_cluster::GroupId;
use nexus_cluster::ring::Slot;

use crate::delivery::{About, Back};
use crate::hosting::{Hosted, Hosting, Life, Reminder, Wait};
use crate::mail::{Asked, Outcome, UNSURE, What};
use crate::reply;
use crate::shard::{AgentName, Answers, Kept, Seen};
use crate::{ACTIVE_BYTES, Node, Saw};

/// What keeps a message from being delivered.
enum Hindered {
    /// It can be later.
    Now,
    /// It never can.
    Ever(String),
}

impl Node {
    pub(crate) fn arrive(&mut self, asked: Asked, id: AgentId, deadline: Time, back: Back) {
        let slot = Slot::of(id);
        let Some(group) = self.open_here(id) else {
            let moved = Outcome::Moved(self.residence_elsewhere(slot));
            return self.give_back(back, moved);
        };
        let (message, request) = match asked.what {
            What::Message { message, bytes, request } => ((message, bytes), request),
            What::Naming { held, life } => {
                return self.propose_naming(group, (id, &asked.to), (held, life), back);
            }
        };
        if !self.system.residence_of(&asked.to.kind).is_some_and(|facts| facts.strict) {
            return self.look_up(group, id, asked.to, back);
        }
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        if let Some(&number) = hosting.under_way.get(&(id, request))
            && let Some(delivery) = self.deliveries.get_mut(number)
        {
            return delivery.add_back(back);
        }
        let (term, shard) = (hosting.term, self.groups.get(&group).and_then(|one| one.shard()));
        let kept = shard.map_or(Seen::New, |shard| shard.answered(id, request));
        let seen = match (kept, hosting.agents.get(&id)) {
            (Seen::New, Some(hosted)) => hosted.seen(request),
            (kept, _) => kept,
        };
        match seen {
            Seen::Answered(reply) => {
                let outcome = reply::outcome(&reply, term);
                return self.give_back(back, outcome);
            }
            Seen::Older => {
                let reason = "its origin has asked something later meanwhile".to_owned();
                return self.give_back(back, Outcome::Refused { reason });
            }
            Seen::New => {}
        }
        let about = About::Request(request, back);
        match self.deliver(group, (id, &asked.to), message, deadline, about) {
            Ok(()) => {}
            Err(Hindered::Now) => self.give_back(back, Outcome::Again { unsure: false }),
            Err(Hindered::Ever(reason)) => self.give_back(back, Outcome::Refused { reason }),
        }
    }

    /// A reminder is due; false if it cannot be delivered now.
    pub(crate) fn ring(
        &mut self,
        group: GroupId,
        reminder: &Reminder,
        name: &AgentName,
        message: (String, Bytes),
    ) -> bool {
        let about = About::Reminder(reminder.clone());
        let deadline = self.now.after(super::duty::REMINDER_WITHIN);
        self.deliver(group, (reminder.0, name), message, deadline, about).is_ok()
    }

    fn deliver(
        &mut self,
        group: GroupId,
        (id, name): (AgentId, &AgentName),
        (message, bytes): (String, Bytes),
        deadline: Time,
        about: About,
    ) -> Result<(), Hindered> {
        if self.deliveries.is_full() {
            return Err(Hindered::Now);
        }
        let activation = self.activation_of(group, id, name)?;
        let number = match &about {
            About::Request(request, _) => {
                let key = (id, *request);
                let number = self.deliveries.add(group, id, activation, about);
                if let Some(hosting) = self.hostings.get_mut(&group) {
                    hosting.under_way.insert(key, number);
                }
                number
            }
            About::Reminder(reminder) => {
                let reminder = reminder.clone();
                let number = self.deliveries.add(group, id, activation, about);
                if let Some(hosting) = self.hostings.get_mut(&group) {
                    hosting.ringing.insert(reminder);
                }
                number
            }
        };
        let hosting = self.hostings.get_mut(&group);
        if let Some(hosted) = hosting.and_then(|hosting| hosting.agents.get_mut(&id)) {
            hosted.delivered.insert(number);
        }
        self.hand_in(name, (&message, &bytes), deadline, number);
        Ok(())
    }

    /// Puts a message into a mailbox of this node's agents.
    pub(crate) fn hand_in(
        &self,
        AgentName { kind, key }: &AgentName,
        (message, bytes): (&str, &[u8]),
        deadline: Time,
        number: u64,
    ) {
        self.system.deliver(Deliver { kind, key, message, bytes, deadline, number });
    }

    /// The activation of an agent, made if there is none; it is about to get a message.
    fn activation_of(
        &mut self,
        group: GroupId,
        id: AgentId,
        name: &AgentName,
    ) -> Result<u64, Hindered> {
        let now = self.now;
        let Some(hosting) = self.hostings.get_mut(&group) else { return Err(Hindered::Now) };
        if let Some(hosted) = hosting.agents.get_mut(&id) {
            if hosted.name != *name {
                return Err(Hindered::Ever(format!("{name} and {} have one id", hosted.name)));
            }
            if hosted.life != Life::Active {
                return Err(Hindered::Now);
            }
            hosted.used = now;
            return Ok(hosted.number);
        }
        self.activate(group, id, name)
    }

    fn activate(&mut self, group: GroupId, id: AgentId, name: &AgentName) -> Result<u64, Hindered> {
        let Some(facts) = self.system.residence_of(&name.kind) else {
            return Err(Hindered::Ever(format!("no node has agents of kind {}", name.kind)));
        };
        if !facts.strict {
            return Err(Hindered::Ever(format!(
                "agents of kind {} are not found by name alone",
                name.kind
            )));
        }
        // One alone is let in however large it is: nobody could make room for it.
        let is_full = self.active_bytes >= self.spec.active_bytes_max && !self.homes.is_empty();
        if is_full || self.homes.len() >= self.spec.activations_max {
            self.make_room();
            return Err(Hindered::Now);
        }
        let number = self.next_number();
        let (Some(member), Some(hosting)) =
            (self.groups.get(&group), self.hostings.get_mut(&group))
        else {
            return Err(Hindered::Now);
        };
        let record = member.shard().and_then(|shard| shard.record(id));
        if let Some(other) = record.filter(|record| record.name() != name) {
            return Err(Hindered::Ever(format!("{name} and {} have one id", other.name())));
        }
        let step = record.map_or(0, |record| record.step());
        let kept = record.and_then(|record| record.kept());
        let events: Vec<Vec<u8>> =
            kept.iter().flat_map(|kept| &kept.events).map(|event| event.to_vec()).collect();
        let state = kept.map(|kept| KeptState {
            version: kept.version,
            whole: kept.whole.as_deref(),
            events: &events,
        });
        let bytes = ACTIVE_BYTES + kept.map_or(0, Kept::bytes);
        let term = hosting.term;
        let AgentName { kind, key } = name;
        match self.system.activate(Activation { kind, key, number, term: term.0, state }) {
            Ok(_) => {}
            // Its last cell is on its way out.
            Err(ActivateError::Active { .. } | ActivateError::ShuttingDown) => {
                return Err(Hindered::Now);
            }
            Err(error) => return Err(Hindered::Ever(error.to_string())),
        }
        let mut hosted = Hosted::new(name.clone(), number, step, self.now, facts.idle_after, bytes);
        hosted.answers = (facts.keeps == Keeps::Nothing).then(Answers::default);
        hosting.agents.insert(id, hosted);
        self.homes.insert(id, group);
        self.active_bytes += bytes;
        self.counts.activated += 1;
        if let Some(observer) = &mut self.observer {
            observer.saw(self.now, &Saw::Activated { agent: id, group, term });
        }
        Ok(number)
    }

    /// Discards the activation of one agent: what it is ahead of what is kept is dropped, and
    /// those who wait for it are to ask again.
    pub(crate) fn discard(&mut self, group: GroupId, id: AgentId, outcome: &Outcome) {
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        let Some(hosted) = hosting.agents.get_mut(&id) else { return };
        for held in hosted.held.drain(..) {
            if let Wait::Read(ticket) = held.wait {
                hosting.by_ticket.remove(&ticket);
            }
        }
        hosted.discarded = true;
        let delivered = std::mem::take(&mut hosted.delivered);
        let name = hosted.name.clone();
        if hosted.life == Life::Active {
            hosted.life = Life::Ending;
            self.counts.discarded += 1;
        }
        self.system.kill_by_name(&name.kind, &name.key);
        for delivery in delivered {
            self.end_delivery(delivery, outcome);
        }
        self.forget_if_over(group, id);
    }

    /// Ends all that is hosted for a group: another may lead it now.
    pub(crate) fn stop_hosting(&mut self, group: GroupId) {
        let Some(hosting) = self.hostings.get(&group) else { return };
        let agents: Vec<AgentId> = hosting.agents.keys().copied().collect();
        for id in agents {
            self.discard(group, id, &UNSURE);
        }
        let Some(hosting) = self.hostings.remove(&group) else { return };
        for (id, hosted) in &hosting.agents {
            self.active_bytes -= hosted.bytes;
            if self.homes.get(id) == Some(&group) {
                self.homes.remove(id);
            }
        }
        for back in hosting.namings.into_values() {
            self.give_back(back, UNSURE);
        }
        for lookup in hosting.lookups.into_values() {
            self.give_back(lookup.back, Outcome::Again { unsure: false });
        }
    }

    /// Forgets an agent that is gone and owes nothing.
    pub(crate) fn forget_if_over(&mut self, group: GroupId, id: AgentId) {
        let hosting = self.hostings.get_mut(&group);
        let over = hosting.and_then(|hosting: &mut Hosting| hosting.forget_if_over(id));
        if let Some(hosted) = over {
            self.active_bytes -= hosted.bytes;
            if self.homes.get(&id) == Some(&group) {
                self.homes.remove(&id);
            }
            if let Some(observer) = &mut self.observer {
                observer.saw(self.now, &Saw::Ended { agent: id });
            }
        }
    }
}
