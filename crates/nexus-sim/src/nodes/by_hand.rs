//! What a test does with a world of nodes by hand: it asks agents, and has nodes die, come back
//! and lose each other.

use std::time::Duration;

use nexus_agent::{Agent, Handler, Message, decode, encode};
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

/// What is asked by hand: one thing at a time.
#[derive(Default)]
pub(crate) struct ByHand {
    number: u64,
    answer: Option<Result<Answer, CallError>>,
}

/// Whether an answer is to what was asked by hand.
pub(crate) const fn is_by_hand(ticket: u64) -> bool {
    ticket & BY_HAND != 0
}

impl ByHand {
    /// Takes in an answer; one that is too late is nobody's.
    pub(crate) fn take_in(&mut self, ticket: u64, answer: Result<Answer, CallError>) {
        if ticket == BY_HAND | self.number {
            self.answer = Some(answer);
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
        self.by_hand.number += 1;
        self.by_hand.answer = None;
        let number = self.by_hand.number;
        let ask = Ask {
            ticket: BY_HAND | number,
            to: AgentName::new(A::KIND, key),
            message: M::NAME.to_owned(),
            bytes: encode(&message).into(),
            request: Some(Request { from: ORIGIN, number }),
            within,
        };
        self.out.ask(node, &ask);
        let until = self.out.now.after(within).after(ANSWER_LATE_MAX);
        let answer = loop {
            match self.by_hand.answer.take() {
                Some(answer) => break answer?,
                None if self.step(until) => {}
                // The node is down, or the way there or back was lost.
                None => return Err(CallError::Unknown),
            }
        };
        Ok(decode(&answer.bytes).expect("what the kind's own handler answers can be read"))
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

    /// Has these nodes and all others not hear each other, until [`Self::join`].
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
            index < self.spec.nodes,
            "there is no {node}: the nodes are n1 to n{}",
            self.spec.nodes
        );
        index
    }
}
