//! How many proposals a second three members take, all on one core.
//!
//! Prints a row of JSON for each way of handing messages over: as values, and encoded. The
//! disk acknowledges at once and holds nothing, so this is what the protocol itself costs.
//!
//! ```sh
//! cargo run --release -p nexus-cluster --example raft_throughput
//! ```
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use nexus_base::{Rng, Time};
use nexus_cluster::NodeId;
use nexus_cluster::raft::{Effect, Index, Message, Raft, Role, Spec, Standing, Stored};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Proposals that are made before anything is sent.
const BATCH: usize = 64;
/// Bytes of one command.
const COMMAND_BYTES: usize = 64;
/// Proposals in one measurement.
const PROPOSALS: usize = 2_000_000;
/// Proposals before the log is made short.
const COMPACT_EVERY: usize = 64 * 1_024;

/// How a message gets from one member to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Handover {
    AsValues,
    Encoded,
}

/// What is under way.
enum Parcel {
    Value(Message),
    Encoded(Bytes),
}

struct Group {
    now: Time,
    handover: Handover,
    members: Vec<Raft>,
    wire: VecDeque<(NodeId, NodeId, Parcel)>,
    applied: [Index; 3],
    messages: u64,
    message_bytes: u64,
}

impl Group {
    fn new(handover: Handover) -> Group {
        let ids = (1..=3).map(NodeId);
        let rng = Rng::new(1);
        let start = |id: NodeId| {
            let spec = Spec::new(id, ids.clone());
            Raft::new(spec, Stored::default(), Time::ZERO, rng.fork_index("member", id.0))
                .expect("the defaults are sound")
        };
        let members = ids.clone().map(start).collect();
        let wire = VecDeque::new();
        let applied = [Index(0); 3];
        let now = Time::ZERO;
        Group { now, handover, members, wire, applied, messages: 0, message_bytes: 0 }
    }

    fn elect(&mut self) -> usize {
        loop {
            self.now = self.now.after(Duration::from_millis(10));
            for at in 0..self.members.len() {
                if self.members[at].next_timeout().is_some_and(|due| due <= self.now) {
                    self.members[at].handle_timeout(self.now);
                    self.carry_out(at);
                }
            }
            self.deliver();
            let leads = |raft: &Raft| matches!(raft.role(), Role { is: Standing::Leader, .. });
            if let Some(leader) = self.members.iter().position(leads) {
                return leader;
            }
        }
    }

    fn carry_out(&mut self, at: usize) {
        let from = self.members[at].id();
        while let Some(effect) = self.members[at].poll_effect() {
            match effect {
                Effect::Send { to, message } => {
                    self.messages += 1;
                    let parcel = self.pack(message);
                    self.wire.push_back((from, to, parcel));
                }
                Effect::Write(write) => self.members[at].handle_written(self.now, write.sequence),
                Effect::Apply(entries) => {
                    self.applied[at] = entries.last().expect("never empty").index;
                }
                _ => {}
            }
        }
    }

    fn pack(&mut self, message: Message) -> Parcel {
        match self.handover {
            Handover::AsValues => Parcel::Value(message),
            Handover::Encoded => {
                let bytes = postcard::to_allocvec(&message).expect("a message can be encoded");
                self.message_bytes += bytes.len() as u64;
                Parcel::Encoded(bytes.into())
            }
        }
    }

    fn deliver(&mut self) {
        while let Some((from, to, parcel)) = self.wire.pop_front() {
            let message = match parcel {
                Parcel::Value(message) => message,
                Parcel::Encoded(bytes) => postcard::from_bytes(&bytes).expect("it was encoded"),
            };
            let at = to.0 as usize - 1;
            self.members[at].handle_message(self.now, from, message);
            self.carry_out(at);
        }
    }

    /// Proposes, and sees it applied everywhere.
    fn propose(&mut self, leader: usize, count: usize, command: &Bytes) {
        for batch in 0..count / BATCH {
            self.now = self.now.after(Duration::from_micros(100));
            for _ in 0..BATCH {
                let proposed = self.members[leader].propose(self.now, command.clone());
                proposed.expect("it leads, and nothing waits");
            }
            if self.members[leader].next_timeout().is_some_and(|due| due <= self.now) {
                self.members[leader].handle_timeout(self.now);
            }
            self.carry_out(leader);
            self.deliver();
            if (batch * BATCH).is_multiple_of(COMPACT_EVERY) {
                for (raft, applied) in self.members.iter_mut().zip(self.applied) {
                    // Right after another, one that is a little late has nothing new.
                    drop(raft.compact(self.now, applied, Bytes::new()));
                }
            }
        }
    }
}

#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[allow(clippy::disallowed_macros, reason = "a program that prints what it measured")]
fn main() {
    for handover in [Handover::AsValues, Handover::Encoded] {
        let mut group = Group::new(handover);
        let leader = group.elect();
        let command = Bytes::from(vec![7; COMMAND_BYTES]);
        group.propose(leader, COMPACT_EVERY, &command);
        let (messages, bytes) = (group.messages, group.message_bytes);
        let begun = now();
        group.propose(leader, PROPOSALS, &command);
        let seconds = now().duration_since(begun).as_secs_f64();
        let (messages, bytes) = (group.messages - messages, group.message_bytes - bytes);
        let region = Region::new(ALLOCATOR);
        group.propose(leader, COMPACT_EVERY, &command);
        let allocated = region.change();
        let allocations = allocated.allocations + allocated.reallocations;
        let commit = group.members[leader].commit();
        assert!(commit.0 as usize > PROPOSALS, "everything was committed");
        println!(
            "{{\"measure\":\"raft_throughput\",\"messages\":\"{handover:?}\",\"members\":3,\
             \"batch\":{BATCH},\"command_bytes\":{COMMAND_BYTES},\"proposals\":{PROPOSALS},\
             \"proposals_per_second\":{:.0},\"allocations_per_proposal\":{:.3},\
             \"messages_per_batch\":{:.2},\"message_bytes_per_proposal\":{:.1}}}",
            PROPOSALS as f64 / seconds,
            allocations as f64 / COMPACT_EVERY as f64,
            messages as f64 * BATCH as f64 / PROPOSALS as f64,
            bytes as f64 / PROPOSALS as f64,
        );
    }
}
