//! What a test does with a world of nodes by hand: it asks agents, and has nodes die, come back
//! and lose each other.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use nexus_agent::{Agent, Handler, Message, decode, encode};
use nexus_base::Time;
use nexus_cluster::NodeId;
use nexus_node::shard::{AgentName, Origin, Request};
use nexus_node::{Answer, Ask, CallError};

use super::node::SimNode;
use super::world::NodesWorld;
use crate::cluster::{Attacked as _, Death, node_id, node_index};

/// How long an agent is given to answer, unless a test says otherwise. A guess: longer than
/// two elections.
pub const ASK_WITHIN: Duration = Duration::from_secs(5);

/// How much later the answer of a node is waited for, on links that may be slow.
const ANSWER_LATE_MAX: Duration = Duration::from_secs(2);

/// Marks the tickets of what is asked by hand.
const BY_HAND: u64 = 1 << 63;

/// Who asks by hand. Far from clients and from the ids of agents, which are origins as well.
const ORIGIN: Origin = Origin(1 << 64);

/// Asks by hand that may be open at once. A guess: some seconds of writes that are tried at a
/// thousand shards every few milliseconds.
const OPEN_MAX: usize = 1 << 20;

/// What is asked by hand.
#[derive(Default)]
pub(crate) struct ByHand {
    number: u64,
    /// By ticket, with the answer once it is there.
    open: BTreeMap<u64, Option<Returned>>,
}

/// An answer, and when it came.
pub(crate) type Returned = (Time, Result<Answer, CallError>);

/// Whether an answer is to what was asked by hand.
pub(crate) const fn is_by_hand(ticket: u64) -> bool {
    ticket & BY_HAND != 0
}

impl ByHand {
    /// Takes in an answer; one that nobody waits for any more is nobody's.
    pub(crate) fn take_in(&mut self, now: Time, ticket: u64, answer: Result<Answer, CallError>) {
        if let Some(open) = self.open.get_mut(&ticket) {
            open.get_or_insert((now, answer));
        }
    }

    /// The answer, if it has come; it is not waited for any more then.
    pub(crate) fn take(&mut self, ticket: u64) -> Option<Returned> {
        let returned = self.open.get_mut(&ticket)?.take()?;
        self.open.remove(&ticket);
        Some(returned)
    }

    /// Waits for none of them any more.
    pub(crate) fn forget(&mut self, tickets: impl IntoIterator<Item = u64>) {
        for ticket in tickets {
            self.open.remove(&ticket);
        }
    }
}

impl NodesWorld {
    /// Asks an agent of kind `A` through a node, and lets time pass until the answer is there,
    /// [`ASK_WITHIN`] at most.
    ///
    /// # Errors
    /// [`CallError`], which says whether anything may have changed.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn ask<A, M>(
        &mut self,
        through: NodeId,
        key: &str,
        message: M,
    ) -> Result<M::Reply, CallError>
    where
        A: Agent + Handler<M>,
        M: Message,
    {
        self.ask_within::<A, M>(through, key, message, ASK_WITHIN)
    }

    /// The same, with a time that the agent is given.
    ///
    /// # Errors
    /// [`CallError`], which says whether anything may have changed.
    ///
    /// # Panics
    /// If there is no such node, or the code that is run breaks a promise to itself.
    pub fn ask_within<A, M>(
        &mut self,
        through: NodeId,
        key: &str,
        message: M,
        within: Duration,
    ) -> Result<M::Reply, CallError>
    where
        A: Agent + Handler<M>,
        M: Message,
    {
        let node = self.place(through);
        let (name, bytes) = (M::NAME.to_owned(), encode(&message).into());
        let ticket = self.begin_ask(node, AgentName::new(A::KIND, key), name, bytes, within);
        let until = self.out.now.after(within).after(ANSWER_LATE_MAX);
        let answer = loop {
            match self.by_hand.take(ticket) {
                Some((_, answer)) => break answer?,
                None if self.step(until) => {}
                // The node is down, or the way there or back was lost.
                None => {
                    self.by_hand.forget([ticket]);
                    return Err(CallError::Unknown);
                }
            }
        };
        Ok(decode(&answer.bytes).expect("what the kind's own handler answers can be read"))
    }

    /// Begins to ask an agent through a node; the ticket of the answer.
    pub(crate) fn begin_ask(
        &mut self,
        node: u32,
        to: AgentName,
        message: String,
        bytes: Bytes,
        within: Duration,
    ) -> u64 {
        let by_hand = &mut self.by_hand;
        assert!(by_hand.open.len() < OPEN_MAX, "too much is asked by hand and not waited for");
        by_hand.number += 1;
        let ticket = BY_HAND | by_hand.number;
        by_hand.open.insert(ticket, None);
        let request = Some(Request { from: ORIGIN, number: by_hand.number });
        self.out.ask(node, &Ask { ticket, to, message, bytes, request, within });
        ticket
    }

    /// Has a node's process die, if it runs; what it has synced is there when it starts again.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn crash(&mut self, node: NodeId) {
        let index = self.place(node);
        self.out.trace.say(self.out.now, format_args!("{node} crashes by hand"));
        self.die(index, Death::Process);
    }

    /// Starts a node that is down, with what is on its disk.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn restart(&mut self, node: NodeId) {
        let index = self.place(node);
        self.out.trace.say(self.out.now, format_args!("{node} is started by hand"));
        self.start_node(index);
    }

    /// Has these nodes and all others not hear each other, until [`Self::join`] or
    /// [`Self::heal`].
    ///
    /// # Panics
    /// If there is no such node.
    pub fn part(&mut self, nodes: &[NodeId]) {
        let inside: Vec<u32> = nodes.iter().map(|node| self.place(*node)).collect();
        let outside = (0..self.spec.nodes).filter(|node| !inside.contains(node));
        let pairs =
            outside.flat_map(|out| inside.iter().flat_map(move |&one| [(one, out), (out, one)]));
        self.out.links.cut(pairs.collect());
        self.out.trace.say(self.out.now, format_args!("{nodes:?} are cut off by hand"));
    }

    /// Has all nodes hear each other again.
    pub fn join(&mut self) {
        self.out.links.mend_all();
        self.out.trace.say(self.out.now, format_args!("all links are whole again, by hand"));
    }

    /// Who leads the shard of an agent, of those that believe to lead it the one with the
    /// latest term.
    pub fn leader_of<A: Agent>(&self, key: &str) -> Option<NodeId> {
        let name = AgentName::new(A::KIND, key);
        let hosts = |node: &SimNode| Some((node.life.as_ref()?.node.hosts(&name)?, node.index));
        let (_, index) = self.nodes.iter().filter_map(hosts).max()?;
        Some(node_id(index))
    }

    fn place(&self, node: NodeId) -> u32 {
        let index = node_index(node);
        assert!(
            node_id(index) == node && index < self.spec.nodes,
            "there is no {node}: the nodes are n1 to n{}",
            self.spec.nodes
        );
        index
    }
}
