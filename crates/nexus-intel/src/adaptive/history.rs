//! What was adapted, as far as it is remembered.

use std::collections::VecDeque;

use serde::{Serialize, Serializer};

use super::adaptation::{Adaptation, AdaptationId};

/// Adaptations that are remembered. The oldest that has ended makes room; what
/// is in force is never forgotten. Source: what predictions are made from has
/// as many outcomes; else a guess.
pub const HISTORY_MAX: usize = 1_000;

/// An adaptation that cannot be looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Missing {
    /// There never was one.
    #[error("there is no adaptation {0}; `why` lists those in force")]
    Unknown(AdaptationId),
    /// There was one.
    #[error("adaptation {0} ended too long ago: the last {HISTORY_MAX} are remembered")]
    Forgotten(AdaptationId),
}

/// Adaptations, oldest first.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct History {
    /// By increasing id.
    adaptations: VecDeque<Adaptation>,
    last: u64,
}

impl History {
    /// From the oldest to the newest.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Adaptation> + ExactSizeIterator {
        self.adaptations.iter()
    }

    /// Adaptations remembered.
    pub fn len(&self) -> usize {
        self.adaptations.len()
    }

    /// Whether nothing was adapted yet.
    pub fn is_empty(&self) -> bool {
        self.adaptations.is_empty()
    }

    /// The adaptation of this id.
    ///
    /// # Errors
    /// [`Missing`] if there never was one, or if it is too long ago.
    pub fn get(&self, id: AdaptationId) -> Result<&Adaptation, Missing> {
        self.place(id).map(|place| &self.adaptations[place])
    }

    pub(super) fn get_mut(&mut self, id: AdaptationId) -> Result<&mut Adaptation, Missing> {
        self.place(id).map(|place| &mut self.adaptations[place])
    }

    fn place(&self, id: AdaptationId) -> Result<usize, Missing> {
        if !(1..=self.last).contains(&id.number()) {
            return Err(Missing::Unknown(id));
        }
        let place = self.adaptations.binary_search_by_key(&id, |adaptation| adaptation.id);
        place.map_err(|_| Missing::Forgotten(id))
    }

    /// The id that the next adaptation has.
    pub(super) fn next_id(&self) -> AdaptationId {
        AdaptationId::new(self.last + 1)
    }

    /// Takes in an adaptation with [`Self::next_id`].
    pub(super) fn push(&mut self, adaptation: Adaptation) {
        if self.adaptations.len() >= HISTORY_MAX {
            let has_ended = |adaptation: &Adaptation| adaptation.rolled_back.is_some();
            let oldest = self.adaptations.iter().position(has_ended);
            self.adaptations.remove(oldest.expect("far fewer can be in force at one time"));
        }
        self.last = adaptation.id.number();
        self.adaptations.push_back(adaptation);
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}
