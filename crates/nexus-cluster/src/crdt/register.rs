//! Registers: one keeps the last write, one keeps all that did not know of each other.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::context::{Context, Dot};
use super::{Crdt, CrdtError, ELEMENTS_MAX, room};
use crate::NodeId;

/// Keeps the write with the greatest stamp, and forgets the others: of two writes at the
/// same time one is lost without a trace.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct LastWriter<V> {
    // The value is compared last, for two replicas that share a number by mistake: even
    // then all see the same.
    written: Option<(u64, NodeId, V)>,
}

impl<V: Clone + Ord> LastWriter<V> {
    /// The value; none before the first write.
    pub fn value(&self) -> Option<&V> {
        self.written.as_ref().map(|(_, _, value)| value)
    }

    /// Writes. `stamp` is any clock's reading; one that is behind what was seen already
    /// counts as just after that.
    ///
    /// # Errors
    /// [`CrdtError::Overflow`] if no stamp is greater than the last.
    pub fn set(
        &mut self,
        replica: NodeId,
        stamp: u64,
        value: V,
    ) -> Result<LastWriter<V>, CrdtError> {
        let seen = self.written.as_ref().map(|(stamp, _, _)| *stamp);
        let least = seen.map_or(Some(0), |seen| seen.checked_add(1)).ok_or(CrdtError::Overflow)?;
        self.written = Some((stamp.max(least), replica, value));
        Ok(self.clone())
    }
}

impl<V> Crdt for LastWriter<V>
where
    V: Clone + Ord + Default + Serialize + DeserializeOwned,
{
    fn merge(&mut self, other: &LastWriter<V>) -> Result<(), CrdtError> {
        if other.written > self.written {
            self.written.clone_from(&other.written);
        }
        Ok(())
    }

    fn is_sound(&self) -> bool {
        true
    }
}

/// Keeps every write that no other one knew of, for the reader to choose from.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct MultiValue<V> {
    written: BTreeMap<Dot, V>,
    context: Context,
}

impl<V: Clone + Ord> MultiValue<V> {
    /// The values, in the order of who wrote them; several after writes at the same time.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.written.values()
    }

    /// Writes, in place of all values there are.
    ///
    /// # Errors
    /// [`CrdtError::Full`], [`CrdtError::Overflow`]; nothing has changed then.
    pub fn set(&mut self, replica: NodeId, value: V) -> Result<MultiValue<V>, CrdtError> {
        let dot = self.context.next(replica)?;
        let context = Context::of(self.written.keys().copied().chain([dot]));
        let delta = MultiValue { written: BTreeMap::from([(dot, value)]), context };
        self.join(&delta)?;
        Ok(delta)
    }

    fn join(&mut self, other: &MultiValue<V>) -> Result<(), CrdtError> {
        let mut written = self.written.clone();
        written.retain(|dot, _| other.written.contains_key(dot) || !other.context.contains(*dot));
        for (dot, value) in &other.written {
            match written.get_mut(dot) {
                // Equal marks on unequal values are a mistake of the writers; all the same
                // everybody is to see the same.
                Some(known) => known.clone_from(value.max(&known.clone())),
                None if self.context.contains(*dot) => {}
                None => drop(written.insert(*dot, value.clone())),
            }
        }
        room(written.len(), ELEMENTS_MAX, "values at the same time")?;
        self.context = self.context.union(&other.context)?;
        self.written = written;
        Ok(())
    }
}

impl<V> Crdt for MultiValue<V>
where
    V: Clone + Ord + Default + Serialize + DeserializeOwned,
{
    fn merge(&mut self, other: &MultiValue<V>) -> Result<(), CrdtError> {
        self.join(other)
    }

    fn is_sound(&self) -> bool {
        self.context.is_sound()
            && self.written.len() <= ELEMENTS_MAX
            && self.written.keys().all(|dot| self.context.contains(*dot))
    }
}
