//! Messages in the mailboxes of agents, and who waits for what comes of them.

use std::collections::BTreeMap;

use nexus_base::AgentId;
use nexus_cluster::{GroupId, NodeId};

use crate::hosting::Reminder;
use crate::shard::Request;

/// Messages that are being handled at a time, at most. A guess: some hundred bytes each.
pub const DELIVERIES_MAX: usize = 1 << 20;

/// Who asks again about one message while it is being handled, at most; others get no
/// answer, and ask again.
const BACKS_MAX: usize = 16;

/// One message.
pub(crate) struct Delivery {
    pub(crate) group: GroupId,
    pub(crate) agent: AgentId,
    pub(crate) activation: u64,
    pub(crate) request: Option<Request>,
    pub(crate) reminder: Option<Reminder>,
    backs: Vec<Back>,
}

/// Where an outcome goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Back {
    /// To an ask of this node.
    Here { call: u64 },
    /// To an ask of another node.
    There { node: NodeId, call: u64 },
}

impl Delivery {
    pub(crate) fn add_back(&mut self, back: Back) {
        if self.backs.len() < BACKS_MAX && !self.backs.contains(&back) {
            self.backs.push(back);
        }
    }

    pub(crate) fn backs(&self) -> &[Back] {
        &self.backs
    }
}

/// All messages that are being handled.
#[derive(Default)]
pub(crate) struct Deliveries {
    by_number: BTreeMap<u64, Delivery>,
    /// Those for local agents: a number tells which it is.
    local: BTreeMap<u64, Back>,
    last: u64,
}

impl Deliveries {
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= DELIVERIES_MAX
    }

    /// Notes a message for an activation; what it is about comes with the rest.
    pub(crate) fn add(
        &mut self,
        group: GroupId,
        agent: AgentId,
        activation: u64,
        about: About,
    ) -> u64 {
        self.last += 1;
        let (request, reminder, backs) = match about {
            About::Request(request, back) => (Some(request), None, vec![back]),
            About::Reminder(reminder) => (None, Some(reminder), Vec::new()),
        };
        let delivery = Delivery { group, agent, activation, request, reminder, backs };
        self.by_number.insert(self.last, delivery);
        self.last
    }

    /// Notes a message for a local agent.
    pub(crate) fn add_local(&mut self, back: Back) -> u64 {
        self.last += 1;
        self.local.insert(self.last, back);
        self.last
    }

    /// Ends a message for a local agent; none if it is for a strict one.
    pub(crate) fn remove_local(&mut self, number: u64) -> Option<Back> {
        self.local.remove(&number)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Delivery> {
        self.by_number.get(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Delivery> {
        self.by_number.get_mut(&number)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Delivery> {
        self.by_number.remove(&number)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_number.len() + self.local.len()
    }
}

/// What a message is about.
pub(crate) enum About {
    /// Somebody asks.
    Request(Request, Back),
    /// A reminder is due.
    Reminder(Reminder),
}
