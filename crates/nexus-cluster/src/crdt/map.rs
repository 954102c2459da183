//! A map whose values merge.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AddWinsSet, Crdt, CrdtError, ELEMENTS_MAX, room};
use crate::NodeId;

/// A map whose values merge, key by key.
///
/// Changing a value wins over removing its key at the same time. A removed key's value is
/// hidden, not forgotten: it is there again, with all its changes, if the key comes back.
/// So [`ELEMENTS_MAX`] counts all keys there ever were.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
pub struct CrdtMap<K, V> {
    keys: AddWinsSet<K>,
    values: BTreeMap<K, V>,
}

impl<K, V> Default for CrdtMap<K, V> {
    fn default() -> CrdtMap<K, V> {
        CrdtMap { keys: AddWinsSet::default(), values: BTreeMap::new() }
    }
}

impl<K, V> CrdtMap<K, V>
where
    K: Clone + Ord + Serialize + DeserializeOwned,
    V: Crdt,
{
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.keys.contains(key).then(|| self.values.get(key)).flatten()
    }

    /// Keys with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter().filter(|(key, _)| self.keys.contains(key))
    }

    /// Changes the value of a key, which is there from now on; `change` is handed the
    /// value, or a fresh one, and returns the delta of what it did.
    ///
    /// # Errors
    /// Those of `change`; [`CrdtError::Full`]; nothing has changed then.
    pub fn update(
        &mut self,
        replica: NodeId,
        key: K,
        change: impl FnOnce(&mut V) -> Result<V, CrdtError>,
    ) -> Result<CrdtMap<K, V>, CrdtError> {
        let mut value = self.values.get(&key).cloned().unwrap_or_default();
        let delta = change(&mut value)?;
        let is_new = usize::from(!self.values.contains_key(&key));
        room(self.values.len() + is_new, ELEMENTS_MAX, "keys")?;
        let keys = self.keys.add(replica, key.clone())?;
        self.values.insert(key.clone(), value);
        Ok(CrdtMap { keys, values: BTreeMap::from([(key, delta)]) })
    }

    /// Hides a key.
    ///
    /// # Errors
    /// [`CrdtError::Full`]; nothing has changed then.
    pub fn remove(&mut self, key: &K) -> Result<CrdtMap<K, V>, CrdtError> {
        Ok(CrdtMap { keys: self.keys.remove(key)?, values: BTreeMap::new() })
    }
}

impl<K, V> Crdt for CrdtMap<K, V>
where
    K: Clone + Ord + Serialize + DeserializeOwned,
    V: Crdt,
{
    fn merge(&mut self, other: &CrdtMap<K, V>) -> Result<(), CrdtError> {
        let mut both = self.clone();
        both.keys.merge(&other.keys)?;
        for (key, value) in &other.values {
            both.values.entry(key.clone()).or_default().merge(value)?;
        }
        room(both.values.len(), ELEMENTS_MAX, "keys")?;
        *self = both;
        Ok(())
    }

    fn is_sound(&self) -> bool {
        self.keys.is_sound()
            && self.values.len() <= ELEMENTS_MAX
            && self.values.values().all(V::is_sound)
            && self.keys.iter().all(|key| self.values.contains_key(key))
    }
}
