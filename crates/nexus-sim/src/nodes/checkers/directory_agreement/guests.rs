//! Of agents that live where they were made, one at a time has a name, and only that one
//! answers to it.
//!
//! 1. A log gives a name to an agent of one node while no other node's has it: it was given
//!    back, or that life of its node was declared over.
//! 2. Who answers had the name at some moment between the ask and the answer. It has it from
//!    when a log gave it to its node, in that start, until that node gives it back, learns
//!    that another has it, or ends. A node that was called down and does not know it answers
//!    still those who remember it, so what the directory has by then is too much to ask.
//! 3. Who is told that nobody has a name was told so of a moment between the ask and the answer
//!    at which no log had given it.
//! 4. Once all is well every guest is found, by whomever it is asked for, where the directory
//!    has it.

use std::collections::{BTreeMap, BTreeSet};

use nexus_base::Time;
use nexus_cluster::raft::Index;
use nexus_cluster::registry::Registration;
use nexus_cluster::ring::Slot;
use nexus_cluster::{GroupId, NodeId};
use nexus_node::shard::{AgentName, Applied, Command};
use nexus_node::{Node, Saw, start_of};

use super::super::Seen;
use crate::nodes::guests::name_of;
use crate::nodes::kinds::guest::Home;
use crate::nodes::spec::GUESTS;
use crate::nodes::{ClientId, Op, QUIET_FOR, Reply};

/// Who has had which name, and who has answered.
#[derive(Default)]
pub(super) struct Guests {
    /// Up to where each log was seen; other members apply the same later.
    seen: BTreeMap<GroupId, Index>,
    /// Who has each name by the logs, and since when somebody has it without a break.
    given: BTreeMap<String, (Registration, Time)>,
    /// Lives that logs know to be over, of each node up to which.
    over: BTreeMap<NodeId, u64>,
    /// Who ever had each name, and until when; none while it has it.
    had: BTreeMap<(String, Home), Option<Time>>,
    /// Since when clients wait for guests.
    asked: BTreeMap<ClientId, Time>,
    /// From when on every guest has to be where the directory has it.
    settled: Option<Time>,
    /// Where guests answered since then.
    answered: BTreeSet<(String, Home)>,
    /// Where the directory has them in the end.
    kept: BTreeMap<String, Home>,
    answers: u64,
}

impl Guests {
    pub(super) fn see(&mut self, at: Time, node: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            &Seen::Node(&Saw::Applied { group, at: (_, index), command, applied, .. }) => {
                let last = self.seen.entry(group).or_default();
                if index > *last {
                    *last = index;
                    return self.applied(at, command, applied);
                }
            }
            Seen::Node(Saw::NameLost(name) | Saw::NameGivenBack(name)) => {
                self.end(at, node, Some(name));
            }
            Seen::Ended => self.end(at, node, None),
            Seen::Invoked { client, op: Op::Where { .. }, .. } => {
                self.asked.insert(*client, at);
            }
            Seen::GaveUp { client, op: op @ Op::Where { .. }, .. } => {
                let asked = self.asked.remove(client);
                return self.not_found(&op.agent(), asked);
            }
            Seen::Returned { client, op, reply: Reply::Nobody, .. } => {
                let asked = self.asked.remove(client);
                return self.is_nobody_s(&op.agent(), asked);
            }
            Seen::Returned { client, op, reply: Reply::At { node, start }, .. } => {
                let home = Home { node: NodeId(*node), start: *start };
                let asked = self.asked.remove(client);
                return self.answers(op.agent().to_string(), home, asked);
            }
            Seen::Healed { by } => self.settled = Some(by.after(QUIET_FOR)),
            Seen::Final(node) => self.keep(node),
            Seen::Over => return self.over(),
            _ => {}
        }
        Ok(())
    }

    fn applied(&mut self, at: Time, command: &Command, applied: Applied) -> Result<(), String> {
        if !applied.is_done() {
            return Ok(());
        }
        match command {
            Command::Register { entry, .. } => return self.give(at, entry),
            Command::Unregister { entry, .. }
                if self.given.get(&entry.name).is_some_and(|(given, _)| given == entry) =>
            {
                self.given.remove(&entry.name);
            }
            &Command::Forget { node, incarnation } => {
                let over = self.over.entry(node).or_default();
                *over = incarnation.unwrap_or(u64::MAX).max(*over);
            }
            _ => {}
        }
        Ok(())
    }

    fn give(&mut self, at: Time, entry: &Registration) -> Result<(), String> {
        let home = Home { node: entry.node, start: start_of(entry.incarnation) };
        self.had.insert((entry.name.clone(), home), None);
        let before = self.given(&entry.name).cloned();
        let since = before.as_ref().map_or(at, |&(_, since)| since);
        self.given.insert(entry.name.clone(), (entry.clone(), since));
        match before {
            Some((Registration { name, node, .. }, _)) if node != entry.node => {
                Err(format!("{} is given the name {name}, which {node} has", entry.node))
            }
            _ => Ok(()),
        }
    }

    /// Who has a name by the logs, and is not known by any to be over.
    fn given(&self, name: &str) -> Option<&(Registration, Time)> {
        self.given.get(name).filter(|(entry, _)| {
            self.over.get(&entry.node).is_none_or(|over| entry.incarnation > *over)
        })
    }

    /// A node has no such name any more, or none at all.
    fn end(&mut self, at: Time, node: NodeId, only: Option<&AgentName>) {
        let only = only.map(ToString::to_string);
        for ((name, home), until) in &mut self.had {
            let is_meant = home.node == node && only.as_ref().is_none_or(|only| only == name);
            if is_meant && until.is_none() {
                *until = Some(at);
            }
        }
    }

    fn is_settled(&self, asked: Option<Time>) -> bool {
        self.settled.zip(asked).is_some_and(|(settled, asked)| asked >= settled)
    }

    fn is_nobody_s(&self, name: &AgentName, asked: Option<Time>) -> Result<(), String> {
        if let (Some((entry, since)), Some(asked)) = (self.given(&name.to_string()), asked)
            && *since < asked
        {
            let node = entry.node;
            return Err(format!(
                "nobody is said to have the name {name}, which {node} has, and which somebody had \
                 since {since}; it was asked for at {asked}"
            ));
        }
        self.not_found(name, asked)
    }

    fn not_found(&self, name: &AgentName, asked: Option<Time>) -> Result<(), String> {
        if self.is_settled(asked) {
            return Err(format!("{name} is not found, though all is well"));
        }
        Ok(())
    }

    fn answers(&mut self, name: String, home: Home, asked: Option<Time>) -> Result<(), String> {
        self.answers += 1;
        let guest = (name, home);
        let Some(had) = self.had.get(&guest) else {
            return Err(format!("{} answers at {home}, which never had the name", guest.0));
        };
        if let (Some(until), Some(asked)) = (*had, asked)
            && until < asked
        {
            let name = guest.0;
            return Err(format!(
                "{name} answers at {home}, which had the name until {until}; it was asked at {asked}"
            ));
        }
        if self.is_settled(asked) {
            self.answered.insert(guest);
        }
        Ok(())
    }

    /// What the directories of a node have that take names.
    fn keep(&mut self, node: &Node) {
        for (_, shard) in node.led() {
            for name in (0..GUESTS).map(name_of) {
                let (id, name) = (name.id(&node.spec().secret), name.to_string());
                let entry = shard.directory().find(id, &name);
                if let Some(entry) = entry.filter(|_| shard.holding().accepts(Slot::of(id))) {
                    let home = Home { node: entry.node, start: start_of(entry.incarnation) };
                    self.kept.insert(name, home);
                }
            }
        }
    }

    fn over(&self) -> Result<(), String> {
        for (name, home) in &self.answered {
            if self.kept.get(name) != Some(home) {
                let kept = self.kept.get(name);
                return Err(format!("{name} answers at {home}, and the directory has {kept:?}"));
            }
        }
        Ok(())
    }

    pub(super) const fn answer_count(&self) -> u64 {
        self.answers
    }
}
