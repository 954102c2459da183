//! How slots change hands: the states of one sealed handoff.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::map::ShardId;
use super::slots::SlotSet;
use crate::NodeId;

/// The number of a handoff. Later ones have higher numbers, so that whatever arrives late
/// is known for what it is; 0 stands for "never changed hands".
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
pub struct HandoffId(pub u64);

impl fmt::Display for HandoffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handoff {}", self.0)
    }
}

/// A change of who owns slots, as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Plan {
    /// Some slots of a shard become a shard of their own.
    Split {
        /// Whose.
        shard: ShardId,
        /// Which; not all.
        slots: SlotSet,
        /// Where the new shard is kept.
        replicas: Vec<NodeId>,
    },
    /// All slots of one shard go to another, and the shard ends.
    Merge {
        /// The one that ends.
        from: ShardId,
        /// The one that has all then.
        to: ShardId,
    },
    /// Some slots go from one shard to another.
    Move {
        /// Whose they are.
        from: ShardId,
        /// Whose they will be.
        to: ShardId,
        /// Which; not all.
        slots: SlotSet,
    },
}

/// A handoff under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Handoff {
    /// Whose the slots were when it began.
    pub from: ShardId,
    /// Whose they shall be.
    pub to: ShardId,
    /// Which.
    pub slots: SlotSet,
    /// What is made or ended with it.
    pub kind: Kind,
    /// How far it is.
    pub stage: Stage,
}

/// What a handoff does to the shards themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// The destination is new, and ends if the handoff is given up.
    Split,
    /// The source goes once all is handed over.
    Merge,
    /// Both were there and stay.
    Move,
}

/// How far a handoff is. Each state is durable by a command of the control group.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// The source shall stop taking writes for the slots.
    Sealing,
    /// It has; what it holds is final. A snapshot of it shall be installed.
    Copying,
    /// The destination has it on a majority of its disks. Waits for the decision.
    Installed,
    /// Decided: the destination owns the slots.
    Committed {
        /// Whether the destination takes writes.
        opened: bool,
        /// Whether the source has let go of its copy.
        dropped: bool,
    },
    /// Given up: the source owns the slots as before.
    Aborted {
        /// Whether the source takes writes again.
        unsealed: bool,
        /// Whether the destination has let go of what it had. A new shard need not: it ends.
        discarded: bool,
    },
}

/// What a shard does in a handoff: a command of its own group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Step {
    /// The source takes no more writes.
    Seal,
    /// The destination stores the snapshot.
    Install,
    /// The destination takes writes.
    Open,
    /// The source lets go of its copy.
    Drop,
    /// The source takes writes again.
    Unseal,
    /// The destination lets go of the snapshot.
    Discard,
}

/// What is to be done next for a handoff, by whom. Doing it again is safe, at any time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Task {
    /// For which.
    pub handoff: HandoffId,
    /// Who.
    pub shard: ShardId,
    /// What.
    pub step: Step,
    /// With which slots.
    pub slots: SlotSet,
    /// From whom to fetch the snapshot that [`Step::Install`] takes.
    pub from: ShardId,
}

impl Handoff {
    /// What is to be done next; nothing while the decision is awaited.
    pub fn tasks(&self, handoff: HandoffId) -> Vec<Task> {
        let steps: &[(Step, bool)] = match self.stage {
            Stage::Sealing => &[(Step::Seal, true)],
            Stage::Copying => &[(Step::Install, true)],
            Stage::Installed => &[],
            Stage::Committed { opened, dropped } => {
                &[(Step::Open, !opened), (Step::Drop, !dropped)]
            }
            Stage::Aborted { unsealed, discarded } => {
                &[(Step::Unseal, !unsealed), (Step::Discard, !discarded)]
            }
        };
        let task = |&(step, _): &(Step, bool)| Task {
            handoff,
            shard: if step.is_at_source() { self.from } else { self.to },
            step,
            slots: self.slots.clone(),
            from: self.from,
        };
        steps.iter().filter(|(_, due)| *due).map(task).collect()
    }

    /// Whether nothing is left to be done.
    pub(super) fn is_over(&self) -> bool {
        matches!(
            self.stage,
            Stage::Committed { opened: true, dropped: true }
                | Stage::Aborted { unsealed: true, discarded: true }
        )
    }

    /// Notes that a step was done. A report that comes again, or late, changes nothing.
    pub(super) fn note(&mut self, step: Step) {
        match (&mut self.stage, step) {
            (Stage::Sealing, Step::Seal) => self.stage = Stage::Copying,
            (Stage::Copying, Step::Install) => self.stage = Stage::Installed,
            (Stage::Committed { opened, .. }, Step::Open) => *opened = true,
            (Stage::Committed { dropped, .. }, Step::Drop) => *dropped = true,
            (Stage::Aborted { unsealed, .. }, Step::Unseal) => *unsealed = true,
            (Stage::Aborted { discarded, .. }, Step::Discard) => *discarded = true,
            _ => {}
        }
    }
}

impl Step {
    /// Whether the source does it, and not the destination.
    pub const fn is_at_source(self) -> bool {
        matches!(self, Step::Seal | Step::Drop | Step::Unseal)
    }
}
