//! What tests show a checker, made up.

use bytes::Bytes;
use nexus_agent::{Fence, LockReply, LockVerb};
use nexus_base::{AgentId, Time};
use nexus_cluster::raft::{Index, Role, Standing, Term};
use nexus_cluster::registry::Registration;
use nexus_cluster::shard::{self, Holding, ShardMap, SlotSet};
use nexus_cluster::{GroupId, NodeId};
use nexus_node::shard::{
    AgentName, Applied, Change, Command, Fired, Handled, Origin, ReminderChange, Request,
    ShardState, Step,
};
use nexus_node::{Saw, first_life};

use super::super::{Checkers, LockSeen, Seen};
use crate::nodes::guests::name_of;
use crate::nodes::{ClientId, LockerId, Op, Reply};

/// One thing that is shown, of node 1 unless it says of which.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    Started(u64),
    Ended(u64),
    /// A node leads a group in a term.
    Leads(u64, GroupId, u64),
    /// A node applies a step as this entry of a group.
    Step(u64, GroupId, u64, Box<Step>),
    /// The same, where the shard has no slot.
    StepOfNoSlot(Box<Step>),
    /// A node knows of a map that is kept on another node, in its second version.
    Map(u64, u64),
    /// A log gives the name of guest 0 to a node, in a start of it; that is declared over.
    Named(u64, u64),
    Freed(u64, u64),
    /// A node gives the name of guest 0 back.
    GivenBack(u64),
    Queue(usize, usize),
    /// A client's operation of this number begins, is answered, is given up.
    Asks(u32, u64, Op),
    Gets(u32, u64, Op, Reply),
    GivesUp(u32, u64, Op, bool),
    /// A locker asks, and is told; until this second, if it holds the lock.
    Locks(u32, u64, LockVerb),
    IsTold(u32, u64, LockVerb, LockReply, u64),
    /// It shows a fence, and is told whether that is taken.
    Shows(u32, u64),
    FenceIs(u32, u64, Fence, bool),
    /// All is healed, and well again within so many seconds.
    Healed(u64),
    /// So many seconds pass.
    Pass(u64),
    Over,
}

/// Shows it to `checkers`, a second after what was shown before.
pub(super) fn show(checkers: &Checkers, now: &mut Time, shown: &Shown) {
    *now = after(*now, 1);
    checkers.move_to(*now);
    let see = |node: u64, seen: &Seen<'_>| checkers.see(NodeId(node), seen);
    match shown {
        Shown::Started(node) => see(*node, &Seen::Started),
        Shown::Ended(node) => see(*node, &Seen::Ended),
        Shown::Leads(node, group, term) => {
            let leader = Some(NodeId(*node));
            let role = Role { term: Term(*term), is: Standing::Leader, leader };
            see(*node, &Seen::Node(&Saw::Role { group: *group, role: &role }));
        }
        Shown::Step(node, group, index, step) => {
            let command = Command::Step(step.clone());
            apply(checkers, *node, (*group, *index), &command, SlotSet::all());
        }
        Shown::Map(node, on) => {
            let mut map = ShardMap::new(vec![NodeId(9)]).expect("one node keeps it");
            let replicas = vec![NodeId(*on)];
            map.apply(&shard::Command::Control { replicas }).expect("one node keeps it");
            see(*node, &Seen::Node(&Saw::Map(&map)));
        }
        Shown::StepOfNoSlot(step) => {
            let command = Command::Step(step.clone());
            apply(checkers, 1, (GroupId(1), 1), &command, SlotSet::new());
        }
        Shown::Named(node, start) => {
            let (agent, incarnation) = (AgentId::from_u128(7), first_life(*start));
            let entry =
                Registration { name: name_of(0).to_string(), node: NodeId(*node), incarnation };
            apply(checkers, 1, next(*now), &Command::Register { agent, entry }, SlotSet::all());
        }
        Shown::Freed(node, start) => {
            let (node, incarnation) = (NodeId(*node), Some(first_life(*start)));
            apply(checkers, 1, next(*now), &Command::Forget { node, incarnation }, SlotSet::all());
        }
        Shown::GivenBack(node) => see(*node, &Seen::Node(&Saw::NameGivenBack(&name_of(0)))),
        Shown::Queue(len, len_max) => {
            see(1, &Seen::Queue { name: "asks", len: *len, len_max: *len_max });
        }
        Shown::Asks(client, number, op) => {
            see(0, &Seen::Invoked { client: ClientId(*client), number: *number, op });
        }
        Shown::Gets(client, number, op, reply) => {
            let (client, number) = (ClientId(*client), *number);
            see(1, &Seen::Returned { client, number, op, reply });
        }
        Shown::GivesUp(client, number, op, unsure) => {
            let (client, number, unsure) = (ClientId(*client), *number, *unsure);
            see(0, &Seen::GaveUp { client, number, op, unsure });
        }
        Shown::Locks(locker, number, what) => {
            let (locker, number, copies) = (LockerId(*locker), *number, 1);
            see(0, &Seen::Lock(LockSeen::Asks { locker, number, what, copies }));
        }
        Shown::IsTold(locker, number, what, reply, until) => {
            let (locker, number) = (LockerId(*locker), *number);
            let until = matches!(reply, Ok(Some(_))).then(|| after(Time::ZERO, *until));
            see(1, &Seen::Lock(LockSeen::Told { locker, number, what, reply, until }));
        }
        Shown::Shows(locker, number) => {
            let (locker, number) = (LockerId(*locker), *number);
            see(0, &Seen::Lock(LockSeen::Shows { locker, number, name: "x" }));
        }
        Shown::FenceIs(locker, number, fence, taken) => {
            let (locker, number, fence, taken) = (LockerId(*locker), *number, *fence, *taken);
            let seen = LockSeen::Shown { locker, number, name: "x", fence, taken };
            see(1, &Seen::Lock(seen));
        }
        Shown::Healed(within) => see(0, &Seen::Healed { by: after(*now, *within) }),
        Shown::Pass(seconds) => *now = after(*now, *seconds),
        Shown::Over => see(0, &Seen::Over),
    }
}

fn after(now: Time, seconds: u64) -> Time {
    now.after(std::time::Duration::from_secs(seconds))
}

/// The next entry of a group: each is shown later than the one before.
fn next(now: Time) -> (GroupId, u64) {
    (GroupId(1), now.as_nanos())
}

fn apply(checkers: &Checkers, node: u64, at: (GroupId, u64), command: &Command, slots: SlotSet) {
    let state = ShardState::new(Holding::new(slots));
    let (group, at) = (at.0, (Term(1), Index(at.1)));
    let (state, applied) = (&state, Applied::Accepted);
    let saw = Saw::Applied { group, at, command, applied, state };
    checkers.see(NodeId(node), &Seen::Node(&saw));
}

/// A step of the agent of this kind called 0.
pub(super) fn step(kind: &str, number: u64) -> Box<Step> {
    Box::new(Step {
        agent: AgentId::from_u128(7),
        name: AgentName::new(kind, "0"),
        number,
        change: Change::None,
        handled: None,
        letters: Vec::new(),
        reminders: Vec::new(),
        fired: None,
    })
}

/// It handles a client's request.
pub(super) fn handling(step: Box<Step>, client: u32, number: u64) -> Box<Step> {
    let request = Request { from: Origin(u128::from(client) + 1), number };
    Box::new(Step { handled: Some(Handled { request, reply: Bytes::new() }), ..*step })
}

/// It sets a reminder.
pub(super) fn setting(step: Box<Step>, name: &str) -> Box<Step> {
    let (name, at, message) = (name.to_owned(), Time::ZERO, "ring".to_owned());
    let reminders = vec![ReminderChange::Set { name, at, message, bytes: Bytes::new() }];
    Box::new(Step { reminders, ..*step })
}

/// It is of a reminder, which the step of that number has set.
pub(super) fn firing(step: Box<Step>, name: &str, nonce: u64) -> Box<Step> {
    Box::new(Step { fired: Some(Fired { name: name.to_owned(), nonce }), ..*step })
}
