//! The map of shards: who owns each slot, where it is kept, who leads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::handoff::{Handoff, HandoffId, Kind, Plan, Stage, Step, Task};
use super::slots::SlotSet;
use crate::NodeId;
use crate::raft::Term;
use crate::ring::{SLOT_COUNT, Slot};

mod bytes;
mod error;

pub use error::MapError;

/// Shards there may be: each has a slot, or is about to.
pub const SHARDS_MAX: usize = SLOT_COUNT as usize;

/// Handoffs under way at a time. Source: a guess; a node takes part in some tens of them.
pub const HANDOFFS_MAX: usize = 1_024;

/// Nodes one shard is kept on. Source: Raft groups beyond seven lose more than they gain.
pub const REPLICAS_MAX: usize = 7;

/// The number of a shard; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ShardId(pub u32);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}", self.0)
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What the map says of one shard.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// What it owns.
    pub slots: SlotSet,
    /// On which nodes it is kept.
    pub replicas: Vec<NodeId>,
    /// Who leads it, as far as the control group has heard.
    pub leader: Option<Leader>,
    /// Who votes in its group, as that leader has said last; not all that keep it, perhaps.
    pub voters: Vec<NodeId>,
}

/// Who leads a shard, and since which term. A higher term is nearer to the truth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leader {
    /// Who.
    pub node: NodeId,
    /// In which term.
    pub term: Term,
}

/// A change of the map: a command of the control group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Begin to hand slots over.
    Begin(Plan),
    /// A shard has done a step, durably.
    Done {
        /// Of which handoff.
        handoff: HandoffId,
        /// Which.
        step: Step,
    },
    /// The destination owns the slots from here on.
    Commit(HandoffId),
    /// The source keeps them.
    Abort(HandoffId),
    /// A shard is led by somebody.
    Lead {
        /// Which.
        shard: ShardId,
        /// By whom.
        leader: Leader,
        /// Who votes in its group.
        voters: Vec<NodeId>,
    },
    /// A shard is kept on these nodes.
    Keep {
        /// Which.
        shard: ShardId,
        /// Where.
        replicas: Vec<NodeId>,
    },
    /// The map itself is kept on these nodes.
    Control {
        /// Where.
        replicas: Vec<NodeId>,
    },
}

/// The map of shards; the state machine of the control group.
///
/// Equal commands in equal order give equal maps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "bytes::Stored", into = "bytes::Stored")]
pub struct ShardMap {
    version: u64,
    control: Vec<NodeId>,
    shards: BTreeMap<ShardId, Shard>,
    handoffs: BTreeMap<HandoffId, Handoff>,
    shard_last: ShardId,
    handoff_last: HandoffId,
    /// By slot.
    owners: Vec<ShardId>,
    /// By slot: the last handoff that was committed.
    since: Vec<HandoffId>,
}

impl ShardMap {
    /// A new cluster's: one shard, which owns everything. The map is kept where that is, until
    /// [`Self::founded_on`] or a command says otherwise.
    ///
    /// # Errors
    /// [`MapError::Replicas`].
    pub fn new(replicas: Vec<NodeId>) -> Result<ShardMap, MapError> {
        check_replicas(&replicas)?;
        let first = ShardId(0);
        let control = replicas.clone();
        let shard = Shard { slots: SlotSet::all(), replicas, leader: None, voters: Vec::new() };
        Ok(ShardMap {
            version: 1,
            control,
            shards: BTreeMap::from([(first, shard)]),
            handoffs: BTreeMap::new(),
            shard_last: first,
            handoff_last: HandoffId(0),
            owners: vec![first; usize::from(SLOT_COUNT)],
            since: vec![HandoffId(0); usize::from(SLOT_COUNT)],
        })
    }

    /// The same, kept on these nodes from its beginning.
    ///
    /// # Errors
    /// [`MapError::Replicas`].
    pub fn founded_on(self, control: Vec<NodeId>) -> Result<ShardMap, MapError> {
        check_replicas(&control)?;
        Ok(ShardMap { control, ..self })
    }

    /// On which nodes the map itself is to be kept: whom to ask for it, and to tell of changes.
    pub fn control(&self) -> &[NodeId] {
        &self.control
    }

    /// Grows with every change. Of two maps of one cluster, the higher is the newer.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Who owns `slot`.
    pub fn owner(&self, slot: Slot) -> ShardId {
        self.owners[usize::from(slot.number())]
    }

    /// With which handoff `slot` came to its owner.
    pub fn since(&self, slot: Slot) -> HandoffId {
        self.since[usize::from(slot.number())]
    }

    /// What is known of a shard.
    pub fn shard(&self, shard: ShardId) -> Option<&Shard> {
        self.shards.get(&shard)
    }

    /// All shards, by number.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = (ShardId, &Shard)> {
        self.shards.iter().map(|(&id, shard)| (id, shard))
    }

    /// Whether a shard was there and has ended: it was merged, or its split was given up.
    pub fn is_over(&self, shard: ShardId) -> bool {
        shard <= self.shard_last && !self.shards.contains_key(&shard)
    }

    /// The longest row of numbers around a shard of which all shards have ended, from the first
    /// to the last; none if it has not ended itself. Between two rows there is a shard.
    pub fn ended_around(&self, shard: ShardId) -> Option<(ShardId, ShardId)> {
        if !self.is_over(shard) {
            return None;
        }
        let below = self.shards.range(..shard).next_back();
        let above = self.shards.range(shard..).next();
        let first = below.map_or(0, |(below, _)| below.0 + 1);
        let last = above.map_or(self.shard_last.0, |(above, _)| above.0 - 1);
        Some((ShardId(first), ShardId(last)))
    }

    /// Whether a shard is there, or may have come since: its number is not far above the last.
    pub fn may_be(&self, shard: ShardId) -> bool {
        let ahead = self.shard_last.0.saturating_add(HANDOFFS_MAX as u32);
        let is_to_come = shard > self.shard_last && shard.0 <= ahead;
        is_to_come || self.shards.contains_key(&shard)
    }

    /// A handoff under way.
    pub fn handoff(&self, handoff: HandoffId) -> Option<&Handoff> {
        self.handoffs.get(&handoff)
    }

    /// All handoffs under way, by number.
    pub fn handoffs(&self) -> impl ExactSizeIterator<Item = (HandoffId, &Handoff)> {
        self.handoffs.iter().map(|(&id, handoff)| (id, handoff))
    }

    /// The handoff begun last.
    pub const fn handoff_last(&self) -> HandoffId {
        self.handoff_last
    }

    /// What is due now, of all handoffs. Whoever drives them starts from here after a crash.
    pub fn tasks(&self) -> impl Iterator<Item = Task> {
        self.handoffs.iter().flat_map(|(&id, handoff)| handoff.tasks(id))
    }

    /// Carries a command out. What was done before changes nothing, and is no error.
    ///
    /// # Errors
    /// [`MapError`]; nothing changed.
    pub fn apply(&mut self, command: &Command) -> Result<(), MapError> {
        let changed = match command {
            Command::Begin(plan) => self.begin(plan)?,
            &Command::Done { handoff, step } => self.done(handoff, step)?,
            &Command::Commit(handoff) => self.commit(handoff)?,
            &Command::Abort(handoff) => self.abort(handoff)?,
            Command::Lead { shard, leader, voters } => self.lead(*shard, *leader, voters)?,
            Command::Keep { shard, replicas } => self.keep(*shard, replicas)?,
            Command::Control { replicas } => self.keep_itself(replicas)?,
        };
        self.version += u64::from(changed);
        Ok(())
    }

    fn begin(&mut self, plan: &Plan) -> Result<bool, MapError> {
        if self.handoffs.len() >= HANDOFFS_MAX {
            return Err(MapError::Busy);
        }
        let (from, kind, slots) = match plan {
            Plan::Split { shard, slots, .. } => (*shard, Kind::Split, slots),
            Plan::Merge { from, .. } => (*from, Kind::Merge, &self.known(*from)?.slots),
            Plan::Move { from, slots, .. } => (*from, Kind::Move, slots),
        };
        let slots = slots.clone();
        self.check_slots(from, kind, &slots)?;
        let to = match plan {
            Plan::Split { replicas, .. } => self.add_shard(replicas)?,
            &Plan::Merge { to, .. } | &Plan::Move { to, .. } => self.check_destination(from, to)?,
        };
        if kind == Kind::Merge && self.handoffs.values().any(|other| other.to == from) {
            return Err(MapError::InHandoff { shard: from });
        }
        self.handoff_last.0 += 1;
        let handoff = Handoff { from, to, slots, kind, stage: Stage::Sealing };
        self.handoffs.insert(self.handoff_last, handoff);
        Ok(true)
    }

    fn known(&self, shard: ShardId) -> Result<&Shard, MapError> {
        self.shards.get(&shard).ok_or(MapError::UnknownShard { shard })
    }

    fn check_slots(&self, from: ShardId, kind: Kind, slots: &SlotSet) -> Result<(), MapError> {
        let owned = &self.known(from)?.slots;
        if slots.is_empty() || !slots.is_subset(owned) {
            return Err(MapError::NotOwned { shard: from });
        }
        if kind != Kind::Merge && slots == owned {
            return Err(MapError::AllSlots { shard: from });
        }
        // One at a time from one source, since two could leave it empty together; and what
        // has just come is not open yet.
        let in_the_way = |other: &Handoff| {
            other.from == from || other.to == from && !other.slots.is_disjoint(slots)
        };
        if self.handoffs.values().any(in_the_way) {
            return Err(MapError::InHandoff { shard: from });
        }
        Ok(())
    }

    fn check_destination(&self, from: ShardId, to: ShardId) -> Result<ShardId, MapError> {
        self.known(to)?;
        if from == to {
            return Err(MapError::ToItself { shard: to });
        }
        let ends = |other: &Handoff| match other.kind {
            Kind::Merge => other.from == to,
            // It goes again if that is given up.
            Kind::Split => other.to == to,
            Kind::Move => false,
        };
        if self.handoffs.values().any(ends) {
            return Err(MapError::InHandoff { shard: to });
        }
        Ok(to)
    }

    fn add_shard(&mut self, replicas: &[NodeId]) -> Result<ShardId, MapError> {
        check_replicas(replicas)?;
        if self.shards.len() >= SHARDS_MAX || self.shard_last.0 == u32::MAX {
            return Err(MapError::TooManyShards);
        }
        self.shard_last.0 += 1;
        let (slots, replicas) = (SlotSet::new(), replicas.to_vec());
        let shard = Shard { slots, replicas, leader: None, voters: Vec::new() };
        self.shards.insert(self.shard_last, shard);
        Ok(self.shard_last)
    }

    /// The handoff, or none if it is over.
    fn under_way(&mut self, handoff: HandoffId) -> Result<Option<&mut Handoff>, MapError> {
        if handoff > self.handoff_last {
            return Err(MapError::UnknownHandoff { handoff });
        }
        Ok(self.handoffs.get_mut(&handoff))
    }

    fn done(&mut self, id: HandoffId, step: Step) -> Result<bool, MapError> {
        let Some(handoff) = self.under_way(id)? else { return Ok(false) };
        let before = handoff.stage;
        handoff.note(step);
        let changed = handoff.stage != before;
        if handoff.is_over() {
            self.finish(id);
        }
        Ok(changed)
    }

    fn finish(&mut self, id: HandoffId) {
        let over = self.handoffs.remove(&id).expect("it was under way");
        match (over.kind, over.stage) {
            (Kind::Merge, Stage::Committed { .. }) => self.shards.remove(&over.from),
            (Kind::Split, Stage::Aborted { .. }) => self.shards.remove(&over.to),
            _ => None,
        };
    }

    fn commit(&mut self, id: HandoffId) -> Result<bool, MapError> {
        let Some(handoff) = self.under_way(id)? else { return Ok(false) };
        match handoff.stage {
            Stage::Installed => {}
            Stage::Committed { .. } => return Ok(false),
            Stage::Sealing | Stage::Copying => return Err(MapError::TooEarly { handoff: id }),
            Stage::Aborted { .. } => return Err(MapError::WasAborted { handoff: id }),
        }
        handoff.stage = Stage::Committed { opened: false, dropped: false };
        let (from, to, slots) = (handoff.from, handoff.to, handoff.slots.clone());
        let source = self.shards.get_mut(&from).expect("a source stays until the end");
        source.slots = source.slots.minus(&slots);
        let destination = self.shards.get_mut(&to).expect("a destination stays until the end");
        destination.slots = destination.slots.union(&slots);
        for slot in slots.iter() {
            self.owners[usize::from(slot.number())] = to;
            self.since[usize::from(slot.number())] = id;
        }
        Ok(true)
    }

    fn abort(&mut self, id: HandoffId) -> Result<bool, MapError> {
        let Some(handoff) = self.under_way(id)? else { return Ok(false) };
        match handoff.stage {
            Stage::Sealing | Stage::Copying | Stage::Installed => {
                // A new shard ends with its handoff, and with it all that it has. Perhaps
                // nobody ever leads it, so nothing is asked of it.
                let discarded = handoff.kind == Kind::Split;
                handoff.stage = Stage::Aborted { unsealed: false, discarded };
                Ok(true)
            }
            Stage::Aborted { .. } => Ok(false),
            Stage::Committed { .. } => Err(MapError::WasCommitted { handoff: id }),
        }
    }

    fn lead(&mut self, id: ShardId, leader: Leader, voters: &[NodeId]) -> Result<bool, MapError> {
        check_replicas(voters)?;
        let shard = self.shards.get_mut(&id).ok_or(MapError::UnknownShard { shard: id })?;
        // Perhaps not one of the replicas: those who kept the shard before lead it until the
        // new ones have caught up, and must be found meanwhile.
        match shard.leader {
            Some(known) if known != leader && known.term >= leader.term => {
                return Err(MapError::OldTerm { shard: id, known });
            }
            _ => {}
        }
        // What one leader says of voters may come late. It sees so from the map, and says it
        // again.
        let changed = shard.leader != Some(leader) || shard.voters != voters;
        (shard.leader, shard.voters) = (Some(leader), voters.to_vec());
        Ok(changed)
    }

    fn keep(&mut self, id: ShardId, replicas: &[NodeId]) -> Result<bool, MapError> {
        check_replicas(replicas)?;
        let shard = self.shards.get_mut(&id).ok_or(MapError::UnknownShard { shard: id })?;
        // Each of those it was given to begins it when it hears of it, with all of them for
        // members: two lists would make two groups of it.
        if shard.leader.is_none() {
            return Err(MapError::NotLed { shard: id });
        }
        // The leader stays known even where it shall go: its term must not be forgotten.
        let changed = shard.replicas != replicas;
        shard.replicas = replicas.to_vec();
        Ok(changed)
    }

    fn keep_itself(&mut self, replicas: &[NodeId]) -> Result<bool, MapError> {
        check_replicas(replicas)?;
        let changed = self.control != replicas;
        self.control = replicas.to_vec();
        Ok(changed)
    }
}

fn check_replicas(replicas: &[NodeId]) -> Result<(), MapError> {
    let different: BTreeSet<_> = replicas.iter().collect();
    let is_well = (1..=REPLICAS_MAX).contains(&replicas.len()) && different.len() == replicas.len();
    if is_well { Ok(()) } else { Err(MapError::Replicas { count: replicas.len() }) }
}
