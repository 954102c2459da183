//! Values of the keys that were used lately, within a bound.
//!
//! Two generations: when the young one is full it becomes the old one, and what was
//! the old one goes. Whoever is used moves into the young one. So what goes was not
//! used for as long as it took others to fill a generation, whatever its key.

use std::collections::BTreeMap;

/// At most `2 * GENERATION` values.
#[derive(Clone, Debug)]
pub(super) struct Recent<K, V, const GENERATION: usize> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
}

impl<K, V, const GENERATION: usize> Default for Recent<K, V, GENERATION> {
    fn default() -> Recent<K, V, GENERATION> {
        Recent { young: BTreeMap::new(), old: BTreeMap::new() }
    }
}

impl<K: Ord, V, const GENERATION: usize> Recent<K, V, GENERATION> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some(known) = self.young.get_mut(&key) {
            *known = value;
            return;
        }
        self.old.remove(&key);
        if self.young.len() == GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
