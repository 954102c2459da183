//! What one node has said, as far as it is known.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::message::{Entry, Known, News};
use super::{GossipError, KEY_BYTES_MAX, KEYS_MAX, VALUE_BYTES_MAX};

#[derive(Clone, Debug)]
pub(super) struct Origin {
    incarnation: u64,
    /// Of the last thing it said that is known; all before it are known too, or replaced.
    version: u64,
    entries: BTreeMap<String, Entry>,
}

impl Origin {
    pub(super) fn new(incarnation: u64) -> Origin {
        Origin { incarnation, version: 0, entries: BTreeMap::new() }
    }

    /// Incarnation and version; of two, the higher knows more.
    pub(super) const fn known(&self) -> (u64, u64) {
        (self.incarnation, self.version)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Bytes> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(super) fn set(&mut self, key: &str, value: Bytes) -> Result<(), GossipError> {
        let entry = Entry { key: key.to_owned(), version: self.version + 1, value };
        check_size(&entry)?;
        if !self.entries.contains_key(key) && self.entries.len() >= KEYS_MAX {
            return Err(GossipError::TooManyKeys);
        }
        self.put(entry);
        Ok(())
    }

    fn put(&mut self, entry: Entry) {
        self.version = entry.version;
        self.entries.insert(entry.key.clone(), entry);
    }

    /// What lies beyond `want`, as much as there is room for; none if that is nothing.
    pub(super) fn news(&self, want: Known, room: &mut usize) -> Option<News> {
        if self.known() <= want.heard() || *room < News::BYTES_MAX {
            return None;
        }
        // Of another life nothing counts that was heard before.
        let after = if want.incarnation == self.incarnation { want.version } else { 0 };
        let mut entries: Vec<&Entry> =
            self.entries.values().filter(|entry| entry.version > after).collect();
        entries.sort_unstable_by_key(|entry| entry.version);
        let mut taken = Vec::new();
        let mut left = *room - News::BYTES_MAX;
        for entry in entries {
            if entry.bytes() > left {
                break;
            }
            left -= entry.bytes();
            taken.push(entry.clone());
        }
        // A new life in which nothing was said is news too: it replaces what was said before.
        if taken.is_empty() && self.version > 0 {
            return None;
        }
        *room = left;
        Some(News { node: want.node, incarnation: self.incarnation, after, entries: taken })
    }

    /// Takes in what is new; whether anything was. All or nothing.
    pub(super) fn take(&mut self, news: News) -> Result<bool, GossipError> {
        check(&news)?;
        let is_new_life = news.incarnation > self.incarnation;
        let here = if is_new_life { 0 } else { self.version };
        // An older life, or something between was left out: it comes again.
        if news.incarnation < self.incarnation || news.after > here {
            return Ok(false);
        }
        let mut next = if is_new_life { Origin::new(news.incarnation) } else { self.clone() };
        for entry in news.entries.into_iter().filter(|entry| entry.version > here) {
            next.put(entry);
        }
        if next.entries.len() > KEYS_MAX {
            return Err(GossipError::TooManyKeys);
        }
        let changed = next.known() > self.known();
        *self = next;
        Ok(changed)
    }
}

fn check(news: &News) -> Result<(), GossipError> {
    if news.entries.len() > KEYS_MAX {
        return Err(GossipError::TooManyKeys);
    }
    let mut last = news.after;
    for entry in &news.entries {
        check_size(entry)?;
        if entry.version <= last {
            return Err(GossipError::OutOfOrder);
        }
        last = entry.version;
    }
    Ok(())
}

fn check_size(entry: &Entry) -> Result<(), GossipError> {
    if entry.key.len() > KEY_BYTES_MAX || entry.value.len() > VALUE_BYTES_MAX {
        return Err(GossipError::TooLong);
    }
    Ok(())
}
