//! Names of local agents: how they get them and lose them.
//!
//! A name is an entry in the directory of the shard that owns its slot. Its node asks the
//! shard's leader as it asks agents. Names of nodes that are down are free for others. A node
//! that was taken for dead, and was not, goes on as another life, and asks for all its names
//! again; those that somebody else has meanwhile are lost.

use std::time::Duration;

use bytes::Bytes;
use nexus_base::AgentId;
use nexus_cluster::GroupId;
use nexus_cluster::membership::Member;
use nexus_cluster::raft::Index;
use nexus_cluster::registry::{DirectoryError, NAME_BYTES_MAX, Registration};

use crate::call::{Asks, CALLS_MAX, Waiter};
use crate::delivery::Back;
use crate::hosting::Named;
use crate::mail::Outcome;
use crate::names::{NAMES_HELD_MAX, NODES_MAX, is_one_process, life};
use crate::shard::{AgentName, Applied, Command, Refusal};
use crate::{Answer, CallError, Naming, Node, Saw};

/// How long this node asks for a name of its own accord, before others have their turn. A
/// guess: longer than an election.
const NAMING_WITHIN: Duration = Duration::from_secs(10);

/// Names asked for again in one round. A guess: a small part of what may be asked at a time.
const NAMES_PER_ROUND: usize = 256;

/// Lives of nodes whose names are freed in one round, in one shard. A guess.
const LIVES_PER_ROUND: usize = 64;

/// Names of one shard of which it is known which ask was the last. Beyond it all is forgotten,
/// and an ask that comes late may have its way. A guess: some megabytes.
const NAMED_MAX: usize = 65_536;

impl Node {
    pub(crate) fn handle_naming(&mut self, naming: Naming) {
        let Naming { ticket, name, held, within } = naming;
        if let Some(reason) = self.refuses_name(&name, held) {
            return self.answer(Waiter::Client { ticket }, Err(CallError::Refused { reason }));
        }
        if self.calls.is_full() {
            let busy = CallError::Busy { calls_max: CALLS_MAX };
            return self.answer(Waiter::Client { ticket }, Err(busy));
        }
        self.begin_naming(name, held, within, Some(ticket));
    }

    fn refuses_name(&self, name: &AgentName, held: bool) -> Option<String> {
        let AgentName { kind, .. } = name;
        let bytes = name.to_string().len();
        if !name.is_sound() || bytes > NAME_BYTES_MAX {
            return Some(format!("{name} has {bytes} bytes; a name has 1 to {NAME_BYTES_MAX}"));
        }
        match self.system.residence_of(kind) {
            None => return Some(format!("this node has no agents of kind {kind}")),
            Some(facts) if facts.strict => {
                return Some(format!("agents of kind {kind} have their names without being given"));
            }
            Some(_) => {}
        }
        if self.names.is_under_way(name) {
            let text = "is being given or taken back just now; ask again once that is answered";
            return Some(format!("{name} {text}"));
        }
        let is_new = held && !self.names.holds(name);
        (is_new && self.names.is_full())
            .then(|| format!("this node's agents have {NAMES_HELD_MAX} names, which is the most"))
    }

    fn begin_naming(&mut self, name: AgentName, held: bool, within: Duration, ticket: Option<u64>) {
        if let (false, Some(observer)) = (held, &mut self.observer)
            && self.names.holds(&name)
        {
            observer.saw(self.now, &Saw::NameGivenBack(&name));
        }
        self.names.begin(&name, held);
        let waiter = Waiter::Name { ticket, held, life: self.life };
        self.add_call(name, Asks::Naming { held }, within, waiter);
    }

    /// Somebody was told that this node's agent has a name that none has. What is left of it
    /// in the directory came late; it is taken out.
    pub(crate) fn give_up_name(&mut self, name: AgentName) {
        if self.refuses_name(&name, false).is_none() && !self.calls.is_full() {
            self.begin_naming(name, false, NAMING_WITHIN, None);
        }
    }

    /// What came of a name that was to be given or taken back.
    pub(crate) fn naming_came(
        &mut self,
        ticket: Option<u64>,
        (name, held, asked_in): (AgentName, bool, u64),
        answer: Result<Answer, CallError>,
    ) {
        self.names.end(&name);
        match &answer {
            Ok(_) if held => {
                self.names.hold(name.clone());
                // What that life had may be free already.
                if asked_in != self.life {
                    self.names.again(name);
                }
            }
            Err(CallError::Refused { .. }) if held => self.lose_name(&name),
            // What this node asks of its own accord is asked until it is decided.
            Err(_) if held && ticket.is_none() => self.names.again(name),
            Ok(_) | Err(_) => {}
        }
        if let Some(ticket) = ticket {
            self.answer(Waiter::Client { ticket }, answer);
        }
    }

    fn lose_name(&mut self, name: &AgentName) {
        if !self.names.lose(name) {
            return;
        }
        self.counts.names_lost += 1;
        if let Some(observer) = &mut self.observer {
            observer.saw(self.now, &Saw::NameLost(name));
        }
    }

    /// A node asks for a name, or gives it back; its slot is open here.
    pub(crate) fn propose_naming(
        &mut self,
        group: GroupId,
        (agent, name): (AgentId, &AgentName),
        (held, life): (bool, u64),
        back: Back,
    ) {
        let (node, call) = match back {
            Back::Here { call } => (self.spec.id, call),
            Back::There { node, call } => (node, call),
        };
        if !self.is_in_order(group, agent, Named { node, life, call }) {
            // Its asker has asked for the contrary since, and waits no more.
            return;
        }
        let entry = Registration { name: name.to_string(), node, incarnation: life };
        let command = if held {
            Command::Register { agent, entry }
        } else {
            Command::Unregister { agent, entry }
        };
        let bytes = match command.encode() {
            Ok(bytes) => bytes,
            Err(error) => {
                let reason = error.to_string();
                return self.give_back(back, Outcome::Refused { reason });
            }
        };
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        match member.raft.propose(self.now, bytes) {
            Ok((_, index)) => {
                hosting.namings.insert(index, back);
                self.touched.insert(group);
            }
            Err(_) => self.give_back(back, Outcome::Again { unsure: false }),
        }
    }

    /// Whether this is the last ask about a name, of those that have come from its node.
    fn is_in_order(&mut self, group: GroupId, agent: AgentId, this: Named) -> bool {
        let Some(hosting) = self.hostings.get_mut(&group) else { return false };
        let is_late = hosting.named.get(&agent).is_some_and(|last| {
            let is_same = last.node == this.node && is_one_process(last.life, this.life);
            is_same && last.call > this.call
        });
        if !is_late {
            if hosting.named.len() >= NAMED_MAX {
                hosting.named.clear();
            }
            hosting.named.insert(agent, this);
        }
        !is_late
    }

    /// An entry that gives or takes back a name was applied.
    pub(crate) fn naming_applied(
        &mut self,
        group: GroupId,
        index: Index,
        (agent, entry): (AgentId, &Registration),
        applied: Applied,
    ) {
        let Some(hosting) = self.hostings.get_mut(&group) else { return };
        let term = hosting.term;
        let Some(back) = hosting.namings.remove(&index) else { return };
        let outcome = match applied {
            Applied::Accepted | Applied::Unchanged => Outcome::Done { reply: Bytes::new(), term },
            // The slot is elsewhere, or the node will know soon that it was taken for dead.
            Applied::Refused(
                Refusal::NotOpen { .. } | Refusal::Directory(DirectoryError::Over { .. }),
            ) => Outcome::Again { unsure: false },
            Applied::Refused(refusal) => {
                Outcome::Refused { reason: self.why_not(group, agent, entry, &refusal) }
            }
        };
        self.give_back(back, outcome);
    }

    fn why_not(
        &self,
        group: GroupId,
        agent: AgentId,
        entry: &Registration,
        refusal: &Refusal,
    ) -> String {
        let shard = self.groups.get(&group).and_then(|member| member.shard());
        let holder = shard.and_then(|shard| shard.directory().holder(agent));
        match (refusal, holder) {
            (Refusal::Directory(DirectoryError::Taken { by }), _) => {
                format!("an agent on {by} has the name {}", entry.name)
            }
            (Refusal::Directory(DirectoryError::Collision { .. }), Some(holder)) => {
                let Registration { name, node, .. } = holder;
                format!("{} has the same id as {name}, the name of an agent on {node}", entry.name)
            }
            (Refusal::Directory(error), _) => error.to_string(),
            (refusal, _) => refusal.to_string(),
        }
    }

    /// Notes which lives of a node are over, as far as membership knows.
    pub(crate) fn note_life(&mut self, member: &Member, alive: bool) {
        let of = member.life();
        let this = life(of.start, of.renewal);
        // Of itself it knows better.
        if of.node != self.spec.id {
            self.over.note(of.node, if alive { this - 1 } else { this });
        }
    }

    /// Frees the names of lives that are over, in a shard that is led here.
    pub(crate) fn forget_lives(&mut self, group: GroupId) {
        let (Some(member), Some(hosting)) =
            (self.groups.get_mut(&group), self.hostings.get_mut(&group))
        else {
            return;
        };
        let Some(shard) = member.shard() else { return };
        let is_due = |&(node, life): &(_, u64)| {
            hosting.forgotten.get(&node).is_none_or(|&forgotten| forgotten < life)
                && !shard.directory().is_over(node, life)
        };
        let due: Vec<_> = self.over.iter().filter(is_due).take(LIVES_PER_ROUND).collect();
        for (node, life) in due {
            let command = Command::Forget { node, incarnation: Some(life) };
            // Refused while the leader is busy or hands over: it is due again soon.
            let proposed = command.encode().map(|bytes| member.raft.propose(self.now, bytes));
            if !matches!(proposed, Ok(Ok(_))) {
                return;
            }
            self.touched.insert(group);
            hosting.forgotten.insert(node, life);
            if hosting.forgotten.len() > NODES_MAX {
                hosting.forgotten.pop_first();
            }
        }
    }

    /// This node was taken for dead, and goes on as another life: what it had is free.
    pub(crate) fn live_again(&mut self, life: u64) {
        self.life = life.max(self.life);
        self.over.note(self.spec.id, self.life - 1);
        self.names.all_again();
    }

    /// Asks for names that are to be given again.
    pub(crate) fn name_again(&mut self) {
        for name in self.names.take_again(NAMES_PER_ROUND) {
            if self.calls.is_full() {
                self.names.again(name);
            } else {
                self.begin_naming(name, true, NAMING_WITHIN, None);
            }
        }
    }
}
