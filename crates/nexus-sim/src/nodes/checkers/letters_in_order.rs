//! Every letter, and every request, is handled once, and those of one sender to one receiver in the order sent.
//!
//! # Source
//! Birrell and Nelson, "Implementing Remote Procedure Calls", 1984, for *once*: the receiver
//! remembers what it has handled; order per pair is the promise of tells, see
//! `ARCHITECTURE.md`.

use nexus_base::{AgentId, FixedMap, Time};
use nexus_cluster::raft::Index;
use nexus_cluster::{GroupId, NodeId};
use nexus_node::Saw;
use nexus_node::shard::{Applied, Command, Origin};

use super::{Checker, Seen};

/// Of each pair the last request that was handled, and all of them.
#[derive(Default)]
pub(super) struct LettersInOrder {
    last: FixedMap<(AgentId, Origin), u64>,
    handled: FixedMap<(AgentId, Origin, u64), (GroupId, Index)>,
}

impl Checker for LettersInOrder {
    fn name(&self) -> &'static str {
        "letters-in-order"
    }

    fn see(&mut self, _: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        let Seen::Node(Saw::Applied { group, at, command, applied, .. }) = seen else {
            return Ok(());
        };
        let (Command::Step(step), Applied::Accepted) = (command, applied) else { return Ok(()) };
        let Some(handled) = &step.handled else { return Ok(()) };
        let (from, number) = (handled.request.from, handled.request.number);
        let (here, name) = ((*group, at.1), &step.name);
        if let Some(&(first, index)) = self.handled.get(&(step.agent, from, number)) {
            // A member that lags applies what others have long applied.
            if (first, index) == here {
                return Ok(());
            }
            return Err(format!(
                "{name} handles request {number} of {from} in {group}, and has as entry {} of \
                 {first}",
                index.0
            ));
        }
        self.handled.insert((step.agent, from, number), here);
        let last = self.last.insert((step.agent, from), number);
        match last {
            Some(last) if last > number => {
                Err(format!("{name} handles request {number} of {from} after request {last}"))
            }
            _ => Ok(()),
        }
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("requests-handled", self.handled.len() as u64)]
    }
}
