//! Every reminder takes effect once, in one log of all there are, unless it was replaced or
//! taken back first; and not before its time.
//!
//! In the end no reminder that is due still waits, and clerks were reminded as often as logs
//! say.
//!
//! # Source
//! Reminders as in Bernstein et al., "Orleans: Distributed Virtual Actors for
//! Programmability and Scalability", 2014, but once instead of at least once.

use std::collections::BTreeMap;

use nexus_agent::Agent;
use nexus_base::{AgentId, FixedMap, Time};
use nexus_cluster::raft::Index;
use nexus_cluster::{GroupId, NodeId};
use nexus_node::Saw;
use nexus_node::shard::{Applied, Command, ReminderChange, Step};

use super::{Checker, Seen};
use crate::nodes::kinds::clerk::Clerk;
use crate::nodes::{Op, Reply};

/// Which reminder: whose, its name, and the step that set it.
type Reminder = (AgentId, String, u64);

/// What logs say of reminders.
#[derive(Default)]
pub(super) struct ReminderOnce {
    /// The last step of each agent that was seen.
    steps: FixedMap<AgentId, u64>,
    /// Those that are set.
    waiting: BTreeMap<(AgentId, String), u64>,
    fired: FixedMap<Reminder, (GroupId, Index)>,
    /// How often each clerk was reminded.
    times: BTreeMap<String, u64>,
    set: u64,
}

impl ReminderOnce {
    fn step(&mut self, step: &Step, here: (GroupId, Index)) -> Result<(), String> {
        if let Some(fired) = &step.fired {
            let reminder = (step.agent, fired.name.clone(), fired.nonce);
            let first = *self.fired.entry(reminder).or_insert(here);
            if first != here {
                let (name, which, (group, at)) = (&step.name, &fired.name, first);
                return Err(format!(
                    "{which:?} of step {} of {name} fires again, and has as entry {} of {group}",
                    fired.nonce, at.0
                ));
            }
        }
        // A member that lags applies what others have long applied.
        let last = self.steps.entry(step.agent).or_default();
        if step.number <= *last {
            return Ok(());
        }
        *last = step.number;
        if let Some(fired) = &step.fired {
            *self.times.entry(step.name.key.clone()).or_default() += 1;
            let waiting = self.waiting.remove(&(step.agent, fired.name.clone()));
            if waiting != Some(fired.nonce) {
                let (name, which, nonce) = (&step.name, &fired.name, fired.nonce);
                return Err(format!(
                    "{which:?} of step {nonce} of {name} fires, which is not set: {waiting:?} is"
                ));
            }
        }
        for change in &step.reminders {
            match change {
                ReminderChange::Set { name, .. } => {
                    self.set += 1;
                    self.waiting.insert((step.agent, name.clone()), step.number);
                }
                ReminderChange::Forget { name } => {
                    self.waiting.remove(&(step.agent, name.clone()));
                }
            }
        }
        Ok(())
    }

    fn over(&self) -> Result<(), String> {
        match self.waiting.first_key_value() {
            Some(((agent, name), step)) => {
                let count = self.waiting.len();
                Err(format!(
                    "{count} reminders have never fired, the first is {name:?} of step {step} of \
                     {agent}"
                ))
            }
            None => Ok(()),
        }
    }
}

impl Checker for ReminderOnce {
    fn name(&self) -> &'static str {
        "reminder-once"
    }

    fn see(&mut self, _: Time, _: NodeId, seen: &Seen<'_>) -> Result<(), String> {
        match seen {
            Seen::Node(Saw::Applied {
                group, at, command: Command::Step(step), applied, ..
            }) if *applied == Applied::Accepted && step.name.kind == Clerk::KIND => {
                return self.step(step, (*group, at.1));
            }
            Seen::Returned { op: Op::Rung { clerk }, reply: Reply::Times(times), .. } => {
                let expected = self.times.get(&clerk.to_string()).copied().unwrap_or(0);
                if *times != expected {
                    return Err(format!(
                        "clerk {clerk} was reminded {times} times, and {expected} in logs"
                    ));
                }
            }
            Seen::Over => return self.over(),
            _ => {}
        }
        Ok(())
    }

    fn figures(&self) -> Vec<(&'static str, u64)> {
        vec![("reminders-set", self.set), ("reminders-fired", self.fired.len() as u64)]
    }
}
