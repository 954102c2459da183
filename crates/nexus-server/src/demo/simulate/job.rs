//! What crosses mailboxes: a job on its way in, an answer on its way out.

use std::time::Duration;

use nexus::Wire;
use serde::{Deserialize, Serialize};

/// A request as the pool has it. How long it takes is for the engine that runs
/// it; a balancer passes it on unread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Which one, in order of arrival.
    pub number: u32,
    /// What a dispatcher knows of its work.
    pub context_tokens: u32,
    /// How long a server of speed 1 works on it.
    pub service_ns: u64,
    /// When its answer stops being of use; the largest number if never.
    pub deadline_ns: u64,
}

/// When what happened to one job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Wire)]
pub struct Answer {
    /// Which one.
    pub number: u32,
    /// When it came to the balancer.
    pub arrived_ns: u64,
    /// When an engine began to work on it.
    pub started_ns: u64,
    /// When the balancer learned that it was done.
    pub finished_ns: u64,
    /// Whether it was worked on, or refused because of its deadline.
    pub is_served: bool,
}

impl Answer {
    /// From its arrival to its answer.
    pub fn in_system(&self) -> Duration {
        Duration::from_nanos(self.finished_ns - self.arrived_ns)
    }

    /// From its arrival to the beginning of the work on it.
    #[cfg(test)]
    pub fn waited_ns(&self) -> u64 {
        self.started_ns - self.arrived_ns
    }
}
