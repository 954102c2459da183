//! When a node has to be called next, and for what.

use std::collections::{BTreeMap, BTreeSet};

use nexus_base::Time;

/// Times by what they are for; one each, so there are no more than there are things.
#[derive(Debug)]
pub(crate) struct Alarms<K> {
    by_time: BTreeSet<(Time, K)>,
    by_key: BTreeMap<K, Time>,
}

impl<K: Ord + Copy> Alarms<K> {
    pub(crate) const fn new() -> Alarms<K> {
        Alarms { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets it, or takes it back.
    pub(crate) fn set(&mut self, key: K, at: Option<Time>) {
        let before = match at {
            Some(at) => self.by_key.insert(key, at),
            None => self.by_key.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, key));
        }
        if let Some(at) = at {
            self.by_time.insert((at, key));
        }
    }

    /// The first time that is set.
    pub(crate) fn next(&self) -> Option<Time> {
        self.by_time.first().map(|first| first.0)
    }

    /// Takes out the first that is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<K> {
        let key = self.by_time.first().filter(|first| first.0 <= now)?.1;
        self.set(key, None);
        Some(key)
    }
}
