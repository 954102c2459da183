//! How slots come to a shard and leave it, with what is in them.

use std::collections::BTreeMap;

use bytes::Bytes;
use nexus_base::AgentId;
use nexus_cluster::bounded;
use nexus_cluster::shard::{HANDOFFS_MAX, HandoffId, Progress, SlotSet, Step};
use serde::{Deserialize, Serialize};

use super::applied::{Applied, Refusal};
use super::codec;
use super::part::{self, Bundle, PARTS_MAX, Part};
use super::state::{ShardState, agents_in};

/// The parts of one handoff that have come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Arriving {
    #[serde(with = "codec::slots")]
    slots: SlotSet,
    #[serde(with = "parts")]
    parts: BTreeMap<u32, Bytes>,
}

impl ShardState {
    /// What it holds of slots that it has sealed for a handoff, to be staged at their next
    /// owner; none if it has not sealed them. However often it is read, and at whichever
    /// member, it is the same.
    pub fn parts(&self, handoff: HandoffId, slots: &SlotSet) -> Option<Vec<Part>> {
        let directory = self.leaving.get(&handoff)?;
        let is_sealed = self.holding.is_sealed(handoff, slots);
        is_sealed.then(|| part::cut(directory, agents_in(&self.agents, slots)))
    }

    /// Whether parts are taken for a handoff.
    fn may_install(&self, handoff: HandoffId, slots: &SlotSet) -> Result<Progress, Refusal> {
        let progress = self.holding.clone().apply(handoff, Step::Install, slots);
        progress.map_err(Refusal::Handoff)
    }

    pub(super) fn stage(
        &mut self,
        handoff: HandoffId,
        slots: &SlotSet,
        part: &Part,
    ) -> Result<Applied, Refusal> {
        if self.may_install(handoff, slots)? == Progress::Unchanged {
            return Ok(Applied::Unchanged);
        }
        let handoffs_max = HANDOFFS_MAX;
        if self.arriving.len() >= handoffs_max && !self.arriving.contains_key(&handoff) {
            return Err(Refusal::TooManyHandoffs { handoffs_max });
        }
        let empty = || Arriving { slots: slots.clone(), parts: BTreeMap::new() };
        let arriving = self.arriving.entry(handoff).or_insert_with(empty);
        if arriving.slots != *slots {
            return Err(Refusal::OtherSlots);
        }
        if arriving.parts.contains_key(&part.number) {
            return Ok(Applied::Unchanged);
        }
        arriving.parts.insert(part.number, part.bytes.clone());
        Ok(Applied::Accepted)
    }

    pub(super) fn hand_off(
        &mut self,
        handoff: HandoffId,
        step: Step,
        slots: &SlotSet,
        parts: u32,
    ) -> Result<Applied, Refusal> {
        let mut holding = self.holding.clone();
        let progress = holding.apply(handoff, step, slots).map_err(Refusal::Handoff)?;
        if progress == Progress::Unchanged {
            return Ok(Applied::Unchanged);
        }
        if step == Step::Install {
            self.install(handoff, slots, parts)?;
        }
        self.holding = holding;
        match step {
            Step::Seal => {
                let names = self.directory.split_off(slots);
                self.leaving.insert(handoff, names);
            }
            Step::Unseal => {
                if let Some(names) = self.leaving.remove(&handoff) {
                    self.directory.absorb(names);
                }
            }
            Step::Drop => {
                self.leaving.remove(&handoff);
                self.let_go(slots);
            }
            Step::Discard => {
                drop(self.directory.split_off(slots));
                self.let_go(slots);
            }
            Step::Install | Step::Open => {}
        }
        self.update_agenda(slots);
        self.drop_late_parts();
        Ok(Applied::Accepted)
    }

    fn install(&mut self, handoff: HandoffId, slots: &SlotSet, parts: u32) -> Result<(), Refusal> {
        let Some(arriving) = self.arriving.get(&handoff) else {
            return Err(Refusal::Incomplete { staged: 0, parts });
        };
        if arriving.slots != *slots {
            return Err(Refusal::OtherSlots);
        }
        let staged: Vec<&Bytes> = arriving.parts.range(..parts).map(|(_, bytes)| bytes).collect();
        if staged.len() != parts as usize {
            return Err(Refusal::Incomplete { staged: staged.len(), parts });
        }
        let bundle = Bundle::read(&staged, slots);
        self.arriving.remove(&handoff);
        let Bundle { directory, agents } = bundle.ok_or(Refusal::Damaged)?;
        self.directory.absorb(directory);
        self.agents.extend(agents.into_iter().map(|agent| (agent.id, agent.record)));
        Ok(())
    }

    /// Lets go of the records of slots.
    fn let_go(&mut self, slots: &SlotSet) {
        let inside: Vec<AgentId> = agents_in(&self.agents, slots).map(|(agent, _)| agent).collect();
        for agent in inside {
            let record = self.agents.remove(&agent).expect("it was there");
            self.agenda.remove(agent, &record);
        }
    }

    /// Lets go of parts that cannot be installed any more.
    fn drop_late_parts(&mut self) {
        let holding = &self.holding;
        let may_come = |handoff: HandoffId, slots: &SlotSet| {
            holding.clone().apply(handoff, Step::Install, slots) == Ok(Progress::Changed)
        };
        self.arriving.retain(|&handoff, arriving| may_come(handoff, &arriving.slots));
    }
}

/// Parts by number, each once and in order.
mod parts {
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(super) fn serialize<S: Serializer>(
        parts: &BTreeMap<u32, Bytes>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(parts)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<u32, Bytes>, D::Error> {
        let pairs = bounded::list::<{ PARTS_MAX as usize }, (u32, Bytes), D>(from)?;
        if pairs.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(D::Error::custom("parts are out of order"));
        }
        Ok(pairs.into_iter().collect())
    }
}
