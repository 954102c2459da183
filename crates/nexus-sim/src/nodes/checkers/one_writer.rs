//! Each step of an agent is accepted once, in one log of all there are.
//!
//! A step names its agent and its number. Whoever hosts an agent, in whatever term and
//! shard, can have step *n* accepted only if nobody else has: two nodes that both took
//! themselves for its host would both have a step *n* in some log. The steps of an agent
//! also come in order within each log.
//!
//! # Source
//! `docs/simulation.md`, "One accepted writer"; fencing by term and number, after the fencing
//! tokens of Chubby (Burrows, "The Chubby Lock Service for Loosely-Coupled Distributed
//! Systems", 2006, "sequencers").

use nexus_base::{AgentId, FixedMap, Time};
use nexus_cluster::raft::{Index, Term};
use nexus_cluster::{GroupId, NodeId};
use nexus_node::Saw;
use nexus_node::shard::{Applied, Command};

use super::{Checker, Seen};

/// Where each step of each agent was accepted.
#[derive(Default)]
pub(super) struct OneWriter {
    accepted: FixedMap<(AgentId, u64), (GroupId, Term, Index)>,
    /// Whether some step was accepted twice.
    twice: bool,
}

impl Checker for OneWriter {
    fn name(&self) -> &'static str {
        "one-accepted-writer"
    }

    fn see(&mut self, _: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        let Seen::Node(Saw::Applied { group, at: (term, index), command, applied, .. }) = seen
        else {
            return Ok(());
        };
        let (Command::Step(step), Applied::Accepted) = (command, applied) else { return Ok(()) };
        let here = (*group, *term, *index);
        let first = *self.accepted.entry((step.agent, step.number)).or_insert(here);
        if first == here {
            return Ok(());
        }
        self.twice = true;
        let ((one, its_term, at), number) = (first, step.number);
        Err(format!(
            "step {number} of {} is accepted as entry {} of {group} in term {}, and was as \
             entry {} of {one} in term {}",
            step.name, index.0, term.0, at.0, its_term.0
        ))
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        let writers = 1 + u64::from(self.twice);
        vec![("accepted-steps", self.accepted.len() as u64), ("accepted-writers-max", writers)]
    }
}
