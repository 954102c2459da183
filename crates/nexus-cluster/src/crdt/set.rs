//! A set where adding wins over removing at the same time.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::context::{Context, Dot};
use super::{Crdt, CrdtError, ELEMENTS_MAX, room};
use crate::NodeId;

/// A set where adding wins over removing at the same time: a removal takes away only the
/// additions it knew of. Removed elements leave nothing behind but a count per replica.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "E: Ord + Deserialize<'de>"))]
pub struct AddWinsSet<E> {
    added: BTreeMap<E, BTreeSet<Dot>>,
    context: Context,
}

impl<E> Default for AddWinsSet<E> {
    fn default() -> AddWinsSet<E> {
        AddWinsSet { added: BTreeMap::new(), context: Context::default() }
    }
}

impl<E: Clone + Ord> AddWinsSet<E> {
    /// Whether it is in the set.
    pub fn contains(&self, element: &E) -> bool {
        self.added.contains_key(element)
    }

    /// All elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.added.keys()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.added.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
    }

    /// Puts it in.
    ///
    /// # Errors
    /// [`CrdtError::Full`], [`CrdtError::Overflow`]; nothing has changed then.
    pub fn add(&mut self, replica: NodeId, element: E) -> Result<AddWinsSet<E>, CrdtError> {
        let dot = self.context.next(replica)?;
        // The delta takes the place of the additions known so far, so they do not pile up.
        let context = Context::of(self.dots(&element).chain([dot]));
        let delta = AddWinsSet { added: BTreeMap::from([(element, [dot].into())]), context };
        self.join(&delta)?;
        Ok(delta)
    }

    /// Takes it out.
    ///
    /// # Errors
    /// [`CrdtError::Full`]; nothing has changed then.
    pub fn remove(&mut self, element: &E) -> Result<AddWinsSet<E>, CrdtError> {
        let context = Context::of(self.dots(element));
        let delta = AddWinsSet { added: BTreeMap::new(), context };
        self.join(&delta)?;
        Ok(delta)
    }

    fn dots(&self, element: &E) -> impl Iterator<Item = Dot> {
        self.added.get(element).into_iter().flatten().copied()
    }

    fn join(&mut self, other: &AddWinsSet<E>) -> Result<(), CrdtError> {
        let mut added = self.added.clone();
        for (element, dots) in &mut added {
            let theirs = other.added.get(element);
            let is_theirs = |dot: &Dot| theirs.is_some_and(|theirs| theirs.contains(dot));
            dots.retain(|dot| is_theirs(dot) || !other.context.contains(*dot));
        }
        for (element, dots) in &other.added {
            let ours = self.added.get(element);
            let is_ours = |dot: &Dot| ours.is_some_and(|ours| ours.contains(dot));
            let new = dots.iter().filter(|dot| is_ours(dot) || !self.context.contains(**dot));
            added.entry(element.clone()).or_default().extend(new);
        }
        added.retain(|_, dots| !dots.is_empty());
        room(added.len(), ELEMENTS_MAX, "elements")?;
        self.context = self.context.union(&other.context)?;
        self.added = added;
        Ok(())
    }
}

impl<E> Crdt for AddWinsSet<E>
where
    E: Clone + Ord + Serialize + DeserializeOwned,
{
    fn merge(&mut self, other: &AddWinsSet<E>) -> Result<(), CrdtError> {
        self.join(other)
    }

    fn is_sound(&self) -> bool {
        let is_known = |dots: &BTreeSet<Dot>| {
            !dots.is_empty() && dots.iter().all(|dot| self.context.contains(*dot))
        };
        self.context.is_sound()
            && self.added.len() <= ELEMENTS_MAX
            && self.added.values().all(is_known)
    }
}
