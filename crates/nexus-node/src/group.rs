//! One member of one group on this node: what agrees, and what is agreed on.

use bytes::Bytes;
use nexus_base::{Rng, Time};
use nexus_cluster::lock::{self, LockError};
use nexus_cluster::raft::{
    Entry, Index, Members, Payload, Raft, Role, Snapshot, Spec, Standing, StartError, Stored, Term,
};
use nexus_cluster::shard::{Holding, ShardId, SlotSet};
use nexus_cluster::{GroupId, NodeId};

use crate::control::{ControlState, Controlled};
use crate::shard::{Applied, Command, ShardState};

/// The group that keeps the map of shards.
pub const CONTROL: GroupId = GroupId(0);

/// The group of a shard.
pub const fn group_of(shard: ShardId) -> GroupId {
    GroupId(shard.0 as u64 + 1)
}

/// The shard of a group; none of the one that keeps the map, or of a number too high.
pub fn shard_of(group: GroupId) -> Option<ShardId> {
    let number = group.0.checked_sub(1)?;
    u32::try_from(number).ok().map(ShardId)
}

/// What a group agrees on.
#[derive(Debug)]
pub(crate) enum Machine {
    Control(Box<ControlState>),
    Shard(Box<ShardState>),
}

impl Machine {
    pub(crate) fn snapshot(&self) -> Bytes {
        match self {
            Machine::Control(state) => state.snapshot(),
            Machine::Shard(state) => state.snapshot(),
        }
    }
}

/// What came of an entry.
pub(crate) enum Came {
    /// Nothing: it was not for the machine.
    Nothing,
    /// The map has changed, or the change was refused, which changes nothing.
    Map,
    /// Something was asked about a lock, and answered.
    Lock(lock::Op, Result<lock::Answer, LockError>),
    /// A shard's command.
    Shard(Box<Command>, Applied),
}

/// A member of a group.
pub(crate) struct Group {
    pub(crate) raft: Raft,
    pub(crate) machine: Machine,
    pub(crate) role: Role,
    /// The last entry that was applied, and its term.
    pub(crate) applied: (Term, Index),
    snapshot_at: Index,
    group: GroupId,
    #[cfg(feature = "mutants")]
    bug: Option<crate::Planted>,
}

impl Group {
    /// A member that starts with what the disk holds, or with nothing.
    pub(crate) fn start(
        group: GroupId,
        spec: Spec,
        fresh: Machine,
        stored: Stored,
        now: Time,
        rng: Rng,
    ) -> Result<Group, StartError> {
        let snapshot = stored.snapshot.clone();
        let term = stored.vote.term;
        let raft = Raft::new(spec, stored, now, rng)?;
        let role = Role { term, is: Standing::Follower, leader: None };
        let applied = (Term(0), Index(0));
        let snapshot_at = Index(0);
        let mut started = Group {
            raft,
            machine: fresh,
            role,
            applied,
            snapshot_at,
            group,
            #[cfg(feature = "mutants")]
            bug: None,
        };
        if let Some(snapshot) = snapshot
            && !started.restore(&snapshot)
        {
            return Err(StartError::Stored {
                at: snapshot.last.1,
                what: if group == CONTROL {
                    "the map and the locks cannot be read: another version of this program has \
                     written them, or they are damaged"
                } else {
                    "the shard cannot be read"
                },
            });
        }
        Ok(started)
    }

    /// The same with a bug.
    #[cfg(feature = "mutants")]
    pub(crate) fn planted(mut self, planted: Option<crate::Planted>) -> Group {
        self.bug = planted;
        self.plant();
        self
    }

    /// Gives the machine its bug, which is not stored.
    #[cfg(feature = "mutants")]
    fn plant(&mut self) {
        match (&mut self.machine, self.bug) {
            (Machine::Shard(state), Some(crate::Planted::Shard(bug))) => state.plant(Some(bug)),
            (Machine::Control(state), Some(crate::Planted::Lock(bug))) => {
                state.locks.plant(Some(bug));
            }
            _ => {}
        }
    }

    /// A machine as it is when its group begins: the first shard has all slots.
    pub(crate) fn fresh(group: GroupId, control: impl FnOnce() -> ControlState) -> Machine {
        match shard_of(group) {
            None => Machine::Control(Box::new(control())),
            Some(shard) => {
                let slots = if shard == ShardId(0) { SlotSet::all() } else { SlotSet::new() };
                Machine::Shard(Box::new(ShardState::new(Holding::new(slots))))
            }
        }
    }

    /// Whether it leads and knows all that was committed before.
    pub(crate) fn is_ready(&self) -> bool {
        self.leads() && self.applied.0 == self.role.term
    }

    /// Whether it knows nothing yet, not even the members of its group, and has promised
    /// nothing before it left it. Only such a one may be founded: what founders begin with says
    /// nothing of promises.
    pub(crate) fn is_blank(&self) -> bool {
        let had = self.raft.promise().left;
        *self.raft.members() == Members::default() && had == Some((Term(0), Index(0)))
    }

    pub(crate) fn leads(&self) -> bool {
        self.role.is == Standing::Leader
    }

    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.role.leader
    }

    pub(crate) fn shard(&self) -> Option<&ShardState> {
        match &self.machine {
            Machine::Shard(state) => Some(state),
            Machine::Control(_) => None,
        }
    }

    /// # Panics
    /// If a later program wrote it, or it is damaged.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Came {
        self.applied = (entry.term, entry.index);
        let Payload::Command(bytes) = &entry.payload else { return Came::Nothing };
        let came = match &mut self.machine {
            Machine::Control(state) => {
                state.apply((entry.term, entry.index), bytes).map(|came| match came {
                    Controlled::Map => Came::Map,
                    Controlled::Lock(op, answer) => Came::Lock(op, answer),
                })
            }
            Machine::Shard(state) => Command::decode(bytes).ok().map(|command| {
                let applied = state.apply(entry.index, &command);
                Came::Shard(Box::new(command), applied)
            }),
        };
        // Who skips an entry is another from there on, and does not know.
        came.unwrap_or_else(|| {
            panic!(
                "entry {} of {} cannot be read by this program: run the one that wrote it",
                entry.index.0, self.group
            )
        })
    }

    /// Takes the state from a snapshot; false, and nothing has changed, if it cannot be read.
    pub(crate) fn restore(&mut self, snapshot: &Snapshot) -> bool {
        let machine = match &self.machine {
            Machine::Control(_) => ControlState::restore(&snapshot.state)
                .map(|state| Machine::Control(Box::new(state))),
            Machine::Shard(_) => ShardState::restore(&snapshot.state)
                .ok()
                .map(|state| Machine::Shard(Box::new(state))),
        };
        let Some(machine) = machine else { return false };
        self.machine = machine;
        #[cfg(feature = "mutants")]
        self.plant();
        (self.applied, self.snapshot_at) = (snapshot.last, snapshot.last.1);
        true
    }

    /// Lets a snapshot take the place of the log, if that has grown long; whether it did.
    pub(crate) fn compact(&mut self, now: Time, every: u64) -> bool {
        let index = self.applied.1;
        if index.0 < self.snapshot_at.0.saturating_add(every) {
            return false;
        }
        let state = self.machine.snapshot();
        // Refused while an earlier one is on its way: it is tried again after as many entries.
        let done = self.raft.compact(now, index, state).is_ok();
        self.snapshot_at = index;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(stored: Stored) -> Group {
        let (group, id) = (group_of(ShardId(3)), NodeId(1));
        let fresh = Group::fresh(group, || unreachable!("it is a shard's"));
        let spec = Spec::new(id, []);
        Group::start(group, spec, fresh, stored, Time::ZERO, Rng::new(1)).expect("it is sound")
    }

    #[test]
    fn who_has_left_and_come_back_is_not_blank() {
        assert!(started(Stored::default()).is_blank());
        let left = Some((Term(3), Index(9)));
        assert!(!started(Stored { left, ..Stored::default() }).is_blank());
    }
}
