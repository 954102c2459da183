//! What a client was told is done is an entry, and in the end its owner has it.
//!
//! An answer that says that something changed must come after the step of that request was
//! accepted by a log. In the end the shard that takes writes for the agent must have made
//! that step, and be its only owner.
//!
//! # Source
//! Durability as in Gray, "The Transaction Concept: Virtues and Limitations", 1981: what was
//! acknowledged survives.

use std::collections::BTreeMap;

use nexus_base::{AgentId, Time};
use nexus_cluster::NodeId;
use nexus_cluster::ring::Slot;
use nexus_node::shard::{AgentName, Applied, Command, Origin, Request};
use nexus_node::{Saw, group_of};

use super::{Checker, Seen};
use crate::nodes::ClientId;

/// Which step handled which request, and the last step of each agent that was told of.
#[derive(Default)]
pub(super) struct AcknowledgedKept {
    /// By agent and request.
    handled: BTreeMap<(AgentId, Request), u64>,
    ids: BTreeMap<AgentName, AgentId>,
    told: BTreeMap<AgentId, (u64, AgentName)>,
    /// Agents whose last step was found with their owner.
    found: BTreeMap<AgentId, u64>,
    answers: u64,
}

impl AcknowledgedKept {
    fn returned(&mut self, client: ClientId, number: u64, name: AgentName) -> Result<(), String> {
        let from = Origin(u128::from(client.0) + 1);
        let agent = self.ids.get(&name).copied();
        let request = Request { from, number };
        let step = agent.and_then(|agent| self.handled.get(&(agent, request)).copied());
        let (Some(agent), Some(step)) = (agent, step) else {
            return Err(format!(
                "client {} is told that its request {number} to {name} is done, which no log \
                 has accepted",
                client.0
            ));
        };
        self.answers += 1;
        let told = self.told.entry(agent).or_insert((step, name));
        told.0 = told.0.max(step);
        Ok(())
    }

    /// What the node leads is what its agents are.
    fn look(&mut self, node: &nexus_node::Node) {
        for (group, shard) in node.led() {
            for (agent, record) in shard.records() {
                let slot = Slot::of(agent);
                let owns = group_of(node.map().owner(slot)) == group;
                if owns && shard.holding().accepts(slot) {
                    self.found.insert(agent, record.step());
                }
            }
        }
    }
}

impl Checker for AcknowledgedKept {
    fn name(&self) -> &'static str {
        "acknowledged-kept"
    }

    fn see(&mut self, _: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Node(Saw::Applied { command: Command::Step(step), applied, .. })
                if *applied == Applied::Accepted =>
            {
                if let Some(handled) = &step.handled {
                    self.handled.insert((step.agent, handled.request), step.number);
                    if !self.ids.contains_key(&step.name) {
                        self.ids.insert(step.name.clone(), step.agent);
                    }
                }
            }
            Seen::Returned { client, number, op, reply } if op.changes(reply) => {
                return self.returned(*client, *number, op.agent());
            }
            Seen::Final(node) => self.look(node),
            Seen::Over => {
                for (agent, (step, name)) in &self.told {
                    let kept = self.found.get(agent).copied();
                    if kept.is_none_or(|kept| kept < *step) {
                        return Err(format!(
                            "step {step} of {name} was told to be done, and its owner has \
                             {kept:?}"
                        ));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("acknowledged-steps", self.answers)]
    }
}
