//! A step of an agent: how it becomes an entry, and what follows once that is applied.

use bytes::Bytes;
use nexus_agent::{ReminderChange as SaidChange, StateChange, StepOutput};
use nexus_base::AgentId;
use nexus_cluster::GroupId;
use nexus_cluster::raft::{Index, ProposeError, Term};

use crate::group::CONTROL;
use crate::hosting::{Held, Hosting, Life, Wait};
use crate::mail::{Outcome, UNSURE};
use crate::reply;
use crate::shard::{
    AgentName, Applied, Change, Command, Fired, Handled, Letter, ReminderChange, Request, Step,
};
use crate::{ACTIVE_BYTES, Node, Planted};

impl Node {
    /// An agent has made a step. What it emits is held until the step is committed.
    pub(crate) fn stepped(&mut self, output: StepOutput) {
        let id = output.id;
        let activation = output.activation;
        let Some(group) = self.home_of(id).filter(|group| self.is_current(*group, id, activation))
        else {
            // Of an activation that was discarded: those who waited know already.
            self.counts.steps_discarded += 1;
            return;
        };
        let StepOutput { kind, key, delivery, reply, state, letters, reminders, outbox, .. } =
            output;
        let reply = reply.map(|reply| reply.map(Bytes::from).map_err(|error| error.to_string()));
        let about = delivery.and_then(|number| self.deliveries.get(number));
        let request = about.and_then(|about| about.request);
        let fired = about.and_then(|about| about.reminder.clone());
        let held = Held { wait: Wait::Read(0), ready: false, delivery, reply, outbox };
        let is_read = state == StateChange::None
            && letters.is_empty()
            && reminders.is_empty()
            && fired.is_none();
        if is_read {
            self.remember(group, id, request, &held.reply);
            return self.hold_read(group, id, held);
        }
        if let Some(Err(reason)) = &held.reply {
            let reason = format!("the reply cannot be kept: {reason}");
            return self.refuse_step(group, id, held.delivery, reason);
        }
        let wall = self.spec.wall_at(self.now);
        let handled = request.map(|request| {
            let reply = held.reply.clone().unwrap_or_else(|| Ok(Bytes::new()));
            Handled { request, reply: reply::encode(&reply) }
        });
        let step = Step {
            agent: id,
            name: AgentName::new(kind, key),
            number: 0,
            change: change_of(state),
            handled,
            letters: letters.into_iter().map(letter_of).collect(),
            reminders: reminders.into_iter().map(|change| reminder_of(change, wall)).collect(),
            fired: fired.map(|(_, name, nonce)| Fired { name, nonce }),
        };
        self.note_state(group, id, &step.change);
        self.propose_step(group, step, held);
    }

    /// What an agent has answered of which nothing is kept is remembered with it: it may have
    /// changed all the same.
    fn remember(
        &mut self,
        group: GroupId,
        id: AgentId,
        request: Option<Request>,
        reply: &Option<Result<Bytes, String>>,
    ) {
        let hosting = self.hostings.get_mut(&group);
        let hosted = hosting.and_then(|hosting| hosting.agents.get_mut(&id));
        if let (Some(hosted), Some(request), Some(reply)) = (hosted, request, reply) {
            let more = hosted.remember(Handled { request, reply: reply::encode(reply) });
            self.active_bytes = self.active_bytes.saturating_add_signed(more);
        }
    }

    /// An agent's state takes as much memory as it is about to take on disk.
    fn note_state(&mut self, group: GroupId, id: AgentId, change: &Change) {
        let hosting = self.hostings.get_mut(&group);
        let Some(hosted) = hosting.and_then(|hosting| hosting.agents.get_mut(&id)) else { return };
        let now = match change {
            Change::None => hosted.bytes,
            Change::Whole { bytes, .. } => ACTIVE_BYTES + bytes.len() as u64,
            Change::Events { events, .. } => {
                hosted.bytes + events.iter().map(Bytes::len).sum::<usize>() as u64
            }
        };
        self.active_bytes = self.active_bytes - hosted.bytes + now;
        hosted.bytes = now;
    }

    fn is_current(&self, group: GroupId, id: AgentId, activation: u64) -> bool {
        let hosted = self.hostings.get(&group).and_then(|hosting| hosting.agents.get(&id));
        // One that was told to leave memory may have been at its last message.
        hosted
            .is_some_and(|one| one.number == activation && one.life != Life::Gone && !one.discarded)
    }

    fn hold_read(&mut self, group: GroupId, id: AgentId, mut held: Held) {
        let ticket = self.next_number();
        held.wait = Wait::Read(ticket);
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        if member.raft.read(self.now, ticket).is_err() {
            // It has changed nothing, so only who waits for it has to ask again.
            if let Some(delivery) = held.delivery {
                self.end_delivery(delivery, &UNSURE);
            }
            return;
        }
        hosting.by_ticket.insert(ticket, id);
        if let Some(hosted) = hosting.agents.get_mut(&id) {
            hosted.held.push_back(held);
        }
        self.touched.insert(group);
        if self.is(Planted::ReadUnconfirmed) {
            self.read_ready(group, ticket);
        }
    }

    fn propose_step(&mut self, group: GroupId, mut step: Step, mut held: Held) {
        let id = step.agent;
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        let Some(hosted) = hosting.agents.get_mut(&id) else { return };
        step.number = hosted.step + 1;
        let bytes = match Command::Step(Box::new(step)).encode() {
            Ok(bytes) => bytes,
            Err(error) => {
                let reason = format!("the step cannot be kept: {error}");
                return self.refuse_step(group, id, held.delivery, reason);
            }
        };
        match member.raft.propose(self.now, bytes) {
            Ok((term, index)) => {
                debug_assert_eq!(term, hosting.term, "a hosting ends with its term");
                hosted.step += 1;
                hosted.undecided += 1;
                held.wait = Wait::Entry(index);
                hosted.held.push_back(held);
                hosting.by_index.insert(index, id);
                self.touched.insert(group);
                if self.is(Planted::ReplyBeforeCommit) {
                    self.let_out(group, id, Wait::Entry(index));
                }
            }
            Err(error @ ProposeError::TooLarge { .. }) => {
                let reason = format!("the step cannot be kept: {error}");
                self.refuse_step(group, id, held.delivery, reason);
            }
            Err(_) => self.discard(group, id, &UNSURE),
        }
    }

    /// A step that can never be kept: who asked for it is told, and the others ask again.
    fn refuse_step(&mut self, group: GroupId, id: AgentId, delivery: Option<u64>, reason: String) {
        if let Some(delivery) = delivery {
            self.end_delivery(delivery, &Outcome::Refused { reason });
        }
        self.discard(group, id, &UNSURE);
    }

    /// An entry of a shard was applied.
    pub(crate) fn command_applied(
        &mut self,
        group: GroupId,
        (term, index): (Term, Index),
        command: &Command,
        applied: Applied,
    ) {
        let hosting = self.hostings.get_mut(&group);
        let Some(hosting) = hosting.filter(|hosting: &&mut Hosting| hosting.term == term) else {
            return;
        };
        match command {
            Command::Step(step) => {
                if hosting.by_index.remove(&index).is_some() {
                    self.step_decided(group, index, step, applied);
                }
            }
            Command::Handoff { handoff, step, slots, .. } => {
                self.handoff_applied(group, *handoff, *step, slots, applied);
            }
            Command::Part { handoff, part, .. } => {
                self.part_applied(group, *handoff, part.number, applied);
            }
            Command::Delivered { agent, letter } => {
                hosting.letters.remove(&(*agent, *letter));
                hosting.retries.letter_done((*agent, *letter));
                self.ring_soon();
            }
            Command::Register { agent, entry } | Command::Unregister { agent, entry } => {
                self.naming_applied(group, index, (*agent, entry), applied);
            }
            Command::Forget { .. } => {}
        }
    }

    fn step_decided(&mut self, group: GroupId, index: Index, step: &Step, applied: Applied) {
        let id = step.agent;
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        if let Some(hosted) = hosting.agents.get_mut(&id) {
            hosted.undecided = hosted.undecided.saturating_sub(1);
        }
        if let Applied::Refused(_) = applied {
            self.counts.steps_refused += 1;
            return self.discard(group, id, &UNSURE);
        }
        if let Some(fired) = &step.fired {
            hosting.retries.reminder_done(&(id, fired.name.clone(), fired.nonce));
        }
        if !step.letters.is_empty() || !step.reminders.is_empty() {
            self.ring_soon();
        }
        self.let_out(group, id, Wait::Entry(index));
        self.forget_if_over(group, id);
    }

    pub(crate) fn read_ready(&mut self, group: GroupId, ticket: u64) {
        if group == CONTROL {
            return self.lock_read_ready(ticket);
        }
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        if let Some(id) = hosting.by_ticket.remove(&ticket) {
            self.let_out(group, id, Wait::Read(ticket));
        } else if let Some(lookup) = hosting.lookups.remove(&ticket) {
            self.looked_up(group, lookup);
        }
    }

    /// It is not known whether somebody else has written: the activation may be of the past.
    pub(crate) fn read_refused(&mut self, group: GroupId, ticket: u64) {
        if group == CONTROL {
            return self.lock_read_refused(ticket);
        }
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        if let Some(id) = hosting.by_ticket.remove(&ticket) {
            self.discard(group, id, &UNSURE);
        } else if let Some(lookup) = hosting.lookups.remove(&ticket) {
            self.give_back(lookup.back, Outcome::Again { unsure: false });
        }
    }

    /// Lets out what waited for that, and all behind it that waited only for its turn.
    fn let_out(&mut self, group: GroupId, id: AgentId, wait: Wait) {
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        let term = hosting.term;
        for held in hosting.ready(id, wait) {
            let Held { delivery, reply, outbox, .. } = held;
            outbox.release();
            let outcome = match reply {
                Some(Ok(reply)) => Outcome::Done { reply, term },
                Some(Err(reason)) => Outcome::Refused { reason },
                None => Outcome::Done { reply: Bytes::new(), term },
            };
            if let Some(delivery) = delivery {
                self.end_delivery(delivery, &outcome);
            }
        }
    }
}

fn change_of(state: StateChange) -> Change {
    match state {
        StateChange::None => Change::None,
        StateChange::Whole { version, bytes } => Change::Whole { version, bytes: bytes.into() },
        StateChange::Events { version, events } => {
            Change::Events { version, events: events.into_iter().map(Bytes::from).collect() }
        }
    }
}

fn letter_of(letter: nexus_agent::Letter) -> Letter {
    let nexus_agent::Letter { kind, key, message, bytes } = letter;
    Letter { to: AgentName::new(kind, key), message, bytes: bytes.into() }
}

fn reminder_of(change: SaidChange, wall: nexus_base::Time) -> ReminderChange {
    match change {
        SaidChange::Set { name, after, letter } => ReminderChange::Set {
            name,
            at: wall.after(after),
            message: letter.message,
            bytes: letter.bytes.into(),
        },
        SaidChange::Forget { name } => ReminderChange::Forget { name },
    }
}
