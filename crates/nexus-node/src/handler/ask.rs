//! Asks under way: whom to ask, and what to make of what he says.

use std::time::Duration;

use bytes::Bytes;
use nexus_agent::{Call as AgentCall, Letter as AgentLetter};
use nexus_base::AgentId;
use nexus_cluster::registry::{REDIRECTS_MAX, Residence};
use nexus_cluster::ring::Slot;
use nexus_cluster::{GroupId, NodeId};

use super::outcome::answer_for_agent;
use crate::call::{ASK_BYTES_MAX, Asks, CALLS_MAX, Call, PAUSE, TRY_FOR, Waiter};
use crate::delivery::Back;
use crate::group::group_of;
use crate::mail::{Asked, Direct, Mail, Outcome, What};
use crate::names::Place;
use crate::node::Alarm;
use crate::shard::{AgentName, Origin, Request};
use crate::{Answer, Ask, CallError, Effect, Node};

/// How long a message that a local agent tells by name is tried for. A guess: longer than an
/// election and a move of its slot.
const TELL_FOR: Duration = Duration::from_secs(30);

/// Where an ask goes.
enum Route {
    Here,
    There(NodeId),
    Nobody,
}

impl Node {
    pub(crate) fn handle_ask(&mut self, ask: Ask) {
        let Ask { ticket, to, message, bytes, request, within } = ask;
        let waiter = Waiter::Client { ticket };
        if !to.is_sound() {
            let reason = format!("{to} is no name of an agent");
            return self.answer(waiter, Err(CallError::Refused { reason }));
        }
        self.begin_call((to, message, bytes), request, within, waiter);
    }

    /// An agent asks somebody by name.
    pub(crate) fn handle_agent_call(&mut self, call: AgentCall) {
        let AgentCall { letter, within, answer } = call;
        self.begin_call(addressed(letter), None, within, Waiter::Agent(answer));
    }

    /// A local agent tells somebody something by name.
    pub(crate) fn handle_letter(&mut self, letter: AgentLetter) {
        self.begin_call(addressed(letter), None, TELL_FOR, Waiter::Nobody);
    }

    pub(crate) fn begin_call(
        &mut self,
        (to, message, bytes): (AgentName, String, Bytes),
        request: Option<Request>,
        within: Duration,
        waiter: Waiter,
    ) {
        if bytes.len() > ASK_BYTES_MAX {
            let reason = format!("a message has {} bytes, of at most {ASK_BYTES_MAX}", bytes.len());
            return self.answer(waiter, Err(CallError::Refused { reason }));
        }
        if self.calls.is_full() {
            return self.answer(waiter, Err(CallError::Busy { calls_max: CALLS_MAX }));
        }
        let request = request.unwrap_or_else(|| Request { from: self.draw_origin(), number: 1 });
        self.add_call(to, Asks::Message { message, bytes, request }, within, waiter);
    }

    /// Begins an ask for which there is room.
    pub(crate) fn add_call(&mut self, to: AgentName, what: Asks, within: Duration, waiter: Waiter) {
        let id = to.id(&self.spec.secret);
        let deadline = self.now.after(within);
        let number = self.calls.add(Call::new((to, id), what, deadline, waiter));
        self.try_call(number, None);
    }

    fn draw_origin(&mut self) -> Origin {
        Origin(u128::from(self.rng.next_u64()) << 64 | u128::from(self.rng.next_u64()))
    }

    /// Asks `whom`, or whoever should do it, and looks again after a while.
    fn try_call(&mut self, number: u64, whom: Option<NodeId>) {
        let now = self.now;
        let Some(call) = self.calls.get_mut(number) else { return };
        let (id, tries) = (call.id, call.tries);
        call.tries += 1;
        if let (None, Asks::Message { .. }) = (whom, &call.what)
            && let Some(place) = self.place_of(id)
        {
            return self.ask_directly(number, place);
        }
        let route = match whom {
            Some(node) => Route::There(node),
            None => self.route(id, tries),
        };
        let again = match route {
            Route::Nobody => PAUSE,
            Route::Here | Route::There(_) => TRY_FOR,
        };
        let Some(asked) = self.asked(number, None) else { return };
        let Some(call) = self.calls.get_mut(number) else { return };
        let (again, deadline) = (now.after(again), call.deadline);
        self.alarms.set(Alarm::Call(number), Some(again.min(deadline)));
        match route {
            Route::Nobody => {}
            Route::There(node) => {
                call.asked = Some(node);
                call.waits = true;
                self.send(node, GroupId::default(), &Mail::Ask(asked).content());
            }
            Route::Here => {
                call.asked = None;
                call.waits = true;
                let id = call.id;
                self.arrive(asked, id, deadline, Back::Here { call: number });
            }
        }
    }

    /// An ask as it is sent.
    pub(crate) fn asked(&mut self, number: u64, direct: Option<Direct>) -> Option<Asked> {
        let (now, life) = (self.now, self.life);
        let call = self.calls.get_mut(number)?;
        let what = match &call.what {
            Asks::Message { message, bytes, request } => {
                let (message, bytes) = (message.clone(), bytes.clone());
                What::Message { message, bytes, request: *request }
            }
            Asks::Naming { held } => What::Naming { held: *held, life },
        };
        let (to, within) = (call.to.clone(), call.deadline.since(now));
        Some(Asked { call: number, to, what, within, direct })
    }

    fn route(&self, id: AgentId, tries: u32) -> Route {
        if self.open_here(id).is_some() {
            return Route::Here;
        }
        let candidates = self.candidates(Slot::of(id));
        match candidates.len() {
            0 => Route::Nobody,
            len => Route::There(candidates[tries as usize % len]),
        }
    }

    /// The group here that leads the shard which takes steps of `agent`.
    pub(crate) fn open_here(&self, agent: AgentId) -> Option<GroupId> {
        let owner = group_of(self.map().owner(Slot::of(agent)));
        let accepts = |group: &GroupId| {
            let shard = self.groups.get(group).and_then(|member| member.shard());
            shard.is_some_and(|shard| shard.accepts(agent))
        };
        let owner = self.hostings.contains_key(&owner).then_some(owner);
        let owner = owner.filter(|owner| accepts(owner));
        // The map may be late.
        owner.or_else(|| self.hostings.keys().copied().find(|group| accepts(group)))
    }

    /// Whom to ask about `slot`, the likeliest first.
    fn candidates(&self, slot: Slot) -> Vec<NodeId> {
        let map = self.map();
        let owner = map.owner(slot);
        let shard = map.shard(owner);
        let member = self.groups.get(&group_of(owner)).and_then(|member| member.leader());
        let heard = self.routes.of(slot).map(|residence| residence.node);
        let said = shard.and_then(|shard| shard.leader).map(|leader| leader.node);
        let replicas = shard.map(|shard| &shard.replicas[..]).unwrap_or_default();
        let mut candidates = Vec::new();
        for node in member.into_iter().chain(heard).chain(said).chain(replicas.iter().copied()) {
            if node != self.spec.id && !candidates.contains(&node) {
                candidates.push(node);
            }
        }
        candidates
    }

    /// What this node knows of who answers for `slot`, when it does not itself.
    pub(crate) fn residence_elsewhere(&self, slot: Slot) -> Option<Residence> {
        let map = self.map();
        let owner = map.owner(slot);
        let of_map = map.shard(owner).and_then(|shard| shard.leader).map(|leader| Residence {
            handoff: map.since(slot),
            term: leader.term,
            node: leader.node,
        });
        let of_member = self.groups.get(&group_of(owner)).and_then(|member| {
            let node = member.leader()?;
            Some(Residence { handoff: map.since(slot), term: member.role.term, node })
        });
        let all = [of_map, of_member, self.routes.of(slot)];
        let newest = all.into_iter().flatten().max_by_key(|one| (one.handoff, one.term));
        newest.filter(|residence| residence.node != self.spec.id)
    }

    /// A try has led to something.
    pub(crate) fn call_came(&mut self, number: u64, from: Option<NodeId>, outcome: Outcome) {
        let Some(call) = self.calls.get_mut(number) else { return };
        match outcome {
            Outcome::Done { reply, term } => {
                self.finish_call(number, Ok(Answer { bytes: reply, term }));
            }
            Outcome::Refused { reason } => {
                self.finish_call(number, Err(CallError::Refused { reason }));
            }
            // Of an earlier try, which says nothing about the one under way.
            Outcome::Moved(_) | Outcome::Again { .. } if call.asked != from => {}
            Outcome::Moved(Some(residence)) => {
                call.waits = false;
                let slot = Slot::of(call.id);
                let follows = Some(residence.node) != from && residence.node != self.spec.id;
                if follows && call.followed < REDIRECTS_MAX {
                    call.followed += 1;
                    self.routes.learn(slot, residence);
                    self.try_call(number, Some(residence.node));
                } else {
                    self.pause_call(number);
                }
            }
            Outcome::Moved(None) => {
                call.waits = false;
                self.pause_call(number);
            }
            Outcome::Again { unsure } => {
                (call.waits, call.direct) = (false, false);
                call.unsure |= unsure;
                self.pause_call(number);
            }
            Outcome::At { node, life } => self.call_is_for(number, Place { node, life }),
            Outcome::NotHere => self.call_found_nobody(number),
            Outcome::Failed { reason } => {
                self.finish_call(number, Err(CallError::Failed { reason }));
            }
        }
    }

    pub(crate) fn pause_call(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(number) else { return };
        call.followed = 0;
        let at = self.now.after(PAUSE).min(call.deadline);
        self.alarms.set(Alarm::Call(number), Some(at));
    }

    pub(crate) fn handle_call_timeout(&mut self, number: u64) {
        let Some(call) = self.calls.get_mut(number) else { return };
        let waits = std::mem::take(&mut call.waits);
        // Who is asked where a local agent lives does not ask it.
        let facts = self.system.residence_of(&call.to.kind);
        let is_lookup = !call.direct
            && matches!(call.what, Asks::Message { .. })
            && facts.is_some_and(|facts| !facts.strict);
        call.unsure |= waits && !is_lookup;
        if self.now < call.deadline {
            return self.try_call(number, None);
        }
        let error = if call.unsure { CallError::Unknown } else { CallError::Unreachable };
        self.finish_call(number, Err(error));
    }

    fn finish_call(&mut self, number: u64, answer: Result<Answer, CallError>) {
        let Some(call) = self.calls.remove(number) else { return };
        self.alarms.set(Alarm::Call(number), None);
        match (call.waiter, answer) {
            (Waiter::Name { ticket, held, life }, answer) => {
                self.naming_came(ticket, (call.to, held, life), answer);
            }
            // A letter must not come to a local agent twice.
            (waiter @ Waiter::Letter { .. }, Err(CallError::Unknown)) if call.direct => {
                let reason = "the agent's node did not answer in time".to_owned();
                self.answer(waiter, Err(CallError::Failed { reason }));
            }
            (waiter, answer) => self.answer(waiter, answer),
        }
    }

    pub(crate) fn answer(&mut self, waiter: Waiter, answer: Result<Answer, CallError>) {
        match waiter {
            Waiter::Client { ticket } => self.effects.push_back(Effect::Answer { ticket, answer }),
            Waiter::Agent(waiting) => waiting.complete(answer_for_agent(answer)),
            Waiter::Letter { group, term, sender, number } => {
                self.letter_came(group, term, (sender, number), answer);
            }
            Waiter::Name { ticket, .. } => {
                if let Some(ticket) = ticket {
                    self.effects.push_back(Effect::Answer { ticket, answer });
                }
            }
            Waiter::Nobody => self.counts.lost_tells += u64::from(answer.is_err()),
        }
    }

    /// Whether an agent is kept in a slot that this node hosts.
    pub(crate) fn home_of(&self, agent: AgentId) -> Option<GroupId> {
        self.homes.get(&agent).copied()
    }
}

fn addressed(letter: AgentLetter) -> (AgentName, String, Bytes) {
    let AgentLetter { kind, key, message, bytes } = letter;
    (AgentName::new(kind, key), message, bytes.into())
}
