//! Which shard owns which slots, and how slots change hands.
//!
//! Two kinds of truth. The [`ShardMap`], state of the control group, says who shall own a
//! slot. A [`Holding`], state of each shard's own group, says who takes writes for it. They
//! are different groups, so no command changes both at once; the sealed handoff lets slots
//! go from one shard to another all the same:
//!
//! ```text
//! control   Begin ──────── Done(Seal) ───────── Done(Install) ─ Commit ──── Done(Open), Done(Drop)
//! source          Seal ──┐                                            Drop
//! destination            └ snapshot ─ Install                         Open
//! ```
//!
//! Until it is committed it can be given up (`Abort`: the source unseals, the destination
//! discards, or ends if it is new). Whoever drives it keeps nothing in memory that matters: [`ShardMap::tasks`]
//! says what is due, and every step and report may come late, twice, or after a crash.
//!
//! What must stay true, and is checked after every step of random interleavings:
//!
//! 1. At any moment at most one shard takes writes for a slot.
//! 2. Every slot has exactly one owner in the map; some shard takes writes for it, or holds
//!    it sealed for a handoff that is under way.
//! 3. The version of the map only grows.
//! 4. What was written before a handoff is there after it.
//! 5. Steps repeated, late or lost change nothing but how long it takes.
//! 6. A split that is given up ends once its source takes writes again, whether or not anybody
//!    leads the new shard, and the new shard with it. Its number is never given out again, and
//!    wherever its group still is, or comes to be by an old map, it takes writes for no slot:
//!    only `Open` has it do so, which follows `Commit`, and of `Commit` and `Abort` the one that
//!    is first in the log of the control group rules the other out.
//!
//! Read [`ShardMap`] first; [`placement`] says where shards are kept and led.
//!
//! Absent on purpose: what is in a slot; when to begin a handoff; who carries steps out.

mod handoff;
mod holding;
mod map;
pub mod placement;
mod slots;

pub use handoff::{Handoff, HandoffId, Kind, Plan, Stage, Step, Task};
pub use holding::{Holding, Phase, Progress, StepError};
pub use map::{
    Command, HANDOFFS_MAX, Leader, MapError, REPLICAS_MAX, SHARDS_MAX, Shard, ShardId, ShardMap,
};
pub use slots::{BadSlotSet, SlotSet};

#[cfg(test)]
mod tests;
