//! What one shard's own group knows of its slots: which it takes writes for.

use serde::{Deserialize, Serialize};

use super::handoff::{HandoffId, Step};
use super::slots::{BadSlotSet, SlotSet};
use crate::ring::Slot;

/// The slots as the shard itself sees them; part of its state machine, changed only by
/// commands of its own group.
///
/// The map says who *shall* own a slot; this says who takes writes for it. For each slot it
/// keeps the last handoff it has heard of, so that a step that arrives late, or again, is
/// told from one that is due.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<Part>", into = "Vec<Part>")]
pub struct Holding {
    /// All slots, each in one part; no two parts are alike but for their slots.
    parts: Vec<Part>,
    /// The slots whose phase is open, for looking up.
    open: SlotSet,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    slots: SlotSet,
    handoff: HandoffId,
    phase: Phase,
}

/// How a shard stands to a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Phase {
    /// It has nothing of it.
    Absent,
    /// It has a copy that is not its own yet.
    Installed,
    /// It takes writes.
    Open,
    /// It takes no writes any more; what it has is final.
    Sealed,
}

/// Whether a step changed anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It did. What comes with it (a snapshot, say) is to be carried out.
    Changed,
    /// It had been done before; what comes with it is to be left alone.
    Unchanged,
}

impl Holding {
    /// A shard that takes writes for `slots` from the beginning; a new one's are none.
    pub fn new(slots: SlotSet) -> Holding {
        let rest = SlotSet::all().minus(&slots);
        let part = |slots, phase| Part { slots, handoff: HandoffId(0), phase };
        let mut parts = vec![part(slots.clone(), Phase::Open), part(rest, Phase::Absent)];
        parts.retain(|part| !part.slots.is_empty());
        Holding { parts, open: slots }
    }

    /// Whether a write for `slot` is taken. Asked when the write is applied, not only when
    /// it is proposed: a seal may have come between.
    pub fn accepts(&self, slot: Slot) -> bool {
        self.open.contains(slot)
    }

    /// The slots it takes writes for.
    pub const fn open(&self) -> &SlotSet {
        &self.open
    }

    /// How it stands to `slot`, and since which handoff.
    pub fn phase(&self, slot: Slot) -> (Phase, HandoffId) {
        let part = self.parts.iter().find(|part| part.slots.contains(slot));
        part.map(|part| (part.phase, part.handoff)).expect("every slot is in a part")
    }

    /// Whether what it holds of `slots` is final, so that a snapshot of it may be sent.
    pub fn is_sealed(&self, handoff: HandoffId, slots: &SlotSet) -> bool {
        let sealed = |part: &&Part| part.phase == Phase::Sealed && part.handoff == handoff;
        let mut parts = self.parts.iter().filter(sealed);
        !slots.is_empty() && parts.any(|part| slots.is_subset(&part.slots))
    }

    /// Does a step of a handoff, for all of `slots` or for none.
    ///
    /// # Errors
    /// [`StepError`]; nothing changed.
    pub fn apply(
        &mut self,
        handoff: HandoffId,
        step: Step,
        slots: &SlotSet,
    ) -> Result<Progress, StepError> {
        let mut phases = Vec::new();
        for part in self.parts.iter().filter(|part| !part.slots.is_disjoint(slots)) {
            phases.push(part.after(handoff, step)?);
        }
        let Some(&Some(phase)) = phases.iter().find(|phase| phase.is_some()) else {
            return Ok(Progress::Unchanged);
        };
        if phases.iter().any(|&other| other != Some(phase)) {
            return Err(StepError::Mixed { handoff, step });
        }
        self.put(slots, Part { slots: slots.clone(), handoff, phase });
        Ok(Progress::Changed)
    }

    fn put(&mut self, slots: &SlotSet, new: Part) {
        for part in &mut self.parts {
            part.slots = part.slots.minus(slots);
        }
        let alike = |part: &Part| (part.handoff, part.phase) == (new.handoff, new.phase);
        match self.parts.iter_mut().find(|part| alike(part)) {
            Some(part) => part.slots = part.slots.union(slots),
            None => self.parts.push(new),
        }
        self.parts.retain(|part| !part.slots.is_empty());
        self.open = open_of(&self.parts);
    }
}

fn open_of(parts: &[Part]) -> SlotSet {
    let open = parts.iter().filter(|part| part.phase == Phase::Open);
    open.fold(SlotSet::new(), |open, part| open.union(&part.slots))
}

impl TryFrom<Vec<Part>> for Holding {
    type Error = BadSlotSet;

    fn try_from(parts: Vec<Part>) -> Result<Holding, BadSlotSet> {
        let mut seen = SlotSet::new();
        for part in &parts {
            if part.slots.is_empty() || !seen.is_disjoint(&part.slots) {
                return Err(BadSlotSet);
            }
            seen = seen.union(&part.slots);
        }
        let open = open_of(&parts);
        if seen == SlotSet::all() { Ok(Holding { parts, open }) } else { Err(BadSlotSet) }
    }
}

impl From<Holding> for Vec<Part> {
    fn from(holding: Holding) -> Vec<Part> {
        holding.parts
    }
}

impl Part {
    /// The phase after a step; none if the step had been done. Everything a slot can go
    /// through stands here.
    fn after(&self, handoff: HandoffId, step: Step) -> Result<Option<Phase>, StepError> {
        use Phase::{Absent, Installed, Open, Sealed};
        let (is_new, is_now) = (self.handoff < handoff, self.handoff == handoff);
        let next = match (step, self.phase) {
            (Step::Seal, Open) if is_new => Sealed,
            (Step::Install, Absent) if is_new => Installed,
            (Step::Open, Installed) if is_now => Open,
            (Step::Drop, Sealed) if is_now => Absent,
            // Given up. Also where the seal or the copy never came: it must not take
            // effect when it comes later, so the number is noted all the same.
            (Step::Unseal, Sealed) if is_now => Open,
            (Step::Unseal, Open) if is_new => Open,
            (Step::Discard, Installed) if is_now => Absent,
            (Step::Discard, Absent) if is_new => Absent,
            // Done before. An undone seal or copy is not among these: it is stale.
            (Step::Seal, Sealed)
            | (Step::Install, Installed | Open)
            | (Step::Open | Step::Unseal, Open)
            | (Step::Drop | Step::Discard, Absent)
                if is_now =>
            {
                return Ok(None);
            }
            _ if self.handoff >= handoff => {
                return Err(StepError::Stale { handoff, step, known: self.handoff });
            }
            (step, phase) => return Err(StepError::OutOfPlace { handoff, step, phase }),
        };
        Ok(Some(next))
    }
}

/// Why a shard did not do a step. Nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// It came late: the slots have gone further. Trying again does not help, and is not
    /// needed.
    #[error("{step:?} of {handoff} came late: the slots have seen {known}")]
    Stale {
        /// The handoff it was for.
        handoff: HandoffId,
        /// The step.
        step: Step,
        /// The last one heard of.
        known: HandoffId,
    },
    /// The shard has not got what the step is about. Ask the map afresh.
    #[error("{step:?} of {handoff} is out of place: a slot is {phase:?} here")]
    OutOfPlace {
        /// The handoff it was for.
        handoff: HandoffId,
        /// The step.
        step: Step,
        /// How the shard stands to one of the slots.
        phase: Phase,
    },
    /// Some slots had done it and some had not: these are not the slots of one handoff.
    #[error("{step:?} of {handoff} was done for some of these slots only: they are not its slots")]
    Mixed {
        /// The handoff it was for.
        handoff: HandoffId,
        /// The step.
        step: Step,
    },
}
