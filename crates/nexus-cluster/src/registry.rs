//! Where an agent is: what a node remembers of it, and how wrong memories mend themselves.
//!
//! An agent lives where the shard that owns its slot is led. [`Routes`] remembers that by
//! slot: a look-up is one step and asks nobody. What it remembers may be old. Then whoever
//! is asked by mistake answers with what *he* knows, [`Residence`], and the asker goes on
//! from there. Names of agents that live on the node that made them are in a [`Directory`],
//! which the shard that owns their slot keeps.
//!
//! What must stay true:
//!
//! 1. News of a slot never give way to older ones: handoffs grow from owner to owner, terms
//!    grow within one. Else two nodes that point at each other would do so for ever.
//! 2. An ask follows at most [`REDIRECTS_MAX`] pointers, then it fails with what it saw.
//! 3. A name is somebody's alone, and the whole name is compared, never only its hash.
//!
//! Absent on purpose: what is asked; retries, which need a clock.

use nexus_base::AgentId;
use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::raft::Term;
use crate::ring::{SLOT_COUNT, Slot};
use crate::shard::{HandoffId, ShardMap};

mod directory;

pub use directory::{Directory, DirectoryError, NAME_BYTES_MAX, Registration};

/// Pointers that one ask follows. Source: a guess; one is usual, two while a slot moves and
/// its new leader is being elected.
pub const REDIRECTS_MAX: u8 = 8;

/// Who answers for a slot, and how new that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Residence {
    /// With which handoff the slot came to its shard.
    pub handoff: HandoffId,
    /// In which term the shard is led.
    pub term: Term,
    /// By whom.
    pub node: NodeId,
}

impl Residence {
    /// Of two, the higher is nearer to the truth: a slot's handoffs grow from owner to
    /// owner, terms while it has the same one.
    const fn age(&self) -> (HandoffId, Term) {
        (self.handoff, self.term)
    }
}

/// What a node remembers of who answers for each slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routes {
    by_slot: Vec<Option<Residence>>,
}

/// What came of news.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learnt {
    /// They are remembered.
    New,
    /// They were known, or older than what is.
    Old,
}

impl Routes {
    /// A node that knows nothing.
    pub fn new() -> Routes {
        Routes { by_slot: vec![None; usize::from(SLOT_COUNT)] }
    }

    /// Where to ask for an agent; none if nothing was heard of its slot.
    pub fn find(&self, agent: AgentId) -> Option<Residence> {
        self.of(Slot::of(agent))
    }

    /// Where to ask for the agents of a slot.
    pub fn of(&self, slot: Slot) -> Option<Residence> {
        self.by_slot[usize::from(slot.number())]
    }

    /// Takes in who answers for a slot, if it is newer than what is known.
    pub fn learn(&mut self, slot: Slot, news: Residence) -> Learnt {
        let known = &mut self.by_slot[usize::from(slot.number())];
        if known.is_some_and(|known| known.age() >= news.age()) {
            return Learnt::Old;
        }
        *known = Some(news);
        Learnt::New
    }

    /// Takes in the map, or what of it is newer than what is known; how many slots that was.
    pub fn learn_map(&mut self, map: &ShardMap) -> usize {
        let mut learnt = 0;
        for slot in Slot::all() {
            let leader = map.shard(map.owner(slot)).and_then(|shard| shard.leader);
            let Some(leader) = leader else { continue };
            let (handoff, term, node) = (map.since(slot), leader.term, leader.node);
            let news = Residence { handoff, term, node };
            learnt += usize::from(self.learn(slot, news) == Learnt::New);
        }
        learnt
    }

    /// Takes in that `asked` does not answer for a slot, and what it knows of who does;
    /// where the ask goes next.
    ///
    /// # Errors
    /// [`RouteError`]; what was new is remembered all the same.
    pub fn handle_moved(
        &mut self,
        slot: Slot,
        asked: NodeId,
        moved: Option<Residence>,
        trail: &mut Trail,
    ) -> Result<NodeId, RouteError> {
        if let Some(news) = moved {
            self.learn(slot, news);
        }
        let next = self.of(slot).map(|known| known.node).filter(|&node| node != asked);
        let Some(next) = next else { return Err(RouteError::NotSettled { slot, asked }) };
        if trail.followed >= REDIRECTS_MAX {
            return Err(RouteError::TooFar { slot, last: asked });
        }
        trail.followed += 1;
        Ok(next)
    }
}

impl Default for Routes {
    fn default() -> Routes {
        Routes::new()
    }
}

/// How many pointers an ask has followed; goes with it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Trail {
    followed: u8,
}

/// Why an ask could not go on. The agent was not asked; nothing changed there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// As far as is known `asked` should answer, and does not (yet): a leader is being
    /// elected or a slot is on the move. Trying again after a pause helps, or asking the
    /// control group for the map.
    #[error("nobody answers for slot {slot} yet: {asked} does not, and no other is known")]
    NotSettled {
        /// Which slot.
        slot: Slot,
        /// Who was asked last.
        asked: NodeId,
    },
    /// Trying again after a pause helps, or asking the control group for the map.
    #[error("slot {slot} was not found behind {REDIRECTS_MAX} pointers, the last at {last}")]
    TooFar {
        /// Which slot.
        slot: Slot,
        /// Who was asked last.
        last: NodeId,
    },
}

#[cfg(test)]
mod tests;
