//! Requests that may be sent twice: under one key the second gets the answer
//! of the first. Pure.
//!
//! Promised within a window and in memory alone: a node that restarts forgets,
//! and says nothing for a key it never saw.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use nexus_base::{FixedMap, Time};
use ring::digest::{self, SHA256, SHA256_OUTPUT_LEN};

/// Bytes of the longest key a client may give. Source: a guess; a UUID has 36.
pub(super) const KEY_BYTES_MAX: usize = 255;

/// Bytes of answers kept in all. The oldest go first. A guess.
const ANSWERS_BYTES_MAX: usize = 64 << 20;

/// A longer answer is not kept: who repeats the request is told so.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Whose key it is, for which agent, and the key itself: the same words from two
/// clients are two keys.
///
/// Kept as a digest, so that long names take no more memory than short ones,
/// and nobody can choose keys that are slow to look up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key([u8; SHA256_OUTPUT_LEN]);

impl Key {
    /// The key made of the client's name (empty without a token), the agent's
    /// kind and key, and the key that the client chose.
    pub(super) fn of(parts: [&str; 4]) -> Key {
        let mut digest = digest::Context::new(&SHA256);
        for part in parts {
            // With its length: no two lists of parts read the same.
            digest.update(&(part.len() as u64).to_le_bytes());
            digest.update(part.as_bytes());
        }
        Key(digest.finish().as_ref().try_into().expect("SHA-256 has that length"))
    }
}

/// An answer as it was given the first time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// What is to be done with a request that has a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Nothing is known: do it, then [`Repeats::finish`] or [`Repeats::forget`].
    Do,
    /// It was done: this was the answer.
    Repeat(Kept),
    /// The first one is still being done.
    Underway,
    /// The key was used for something else.
    Differs,
    /// It was done, but its answer was too long to keep.
    NotKept,
}

enum State {
    Underway,
    Done(Kept),
    NotKept,
}

struct Entry {
    fingerprint: u64,
    since: Time,
    state: State,
}

/// What was asked under which key.
pub(super) struct Repeats {
    window: Duration,
    entries_max: usize,
    entries: FixedMap<Key, Entry>,
    /// By age, with the time that tells an entry from a later one of the same key.
    ages: VecDeque<(Time, Key)>,
    bytes: usize,
}

impl Repeats {
    pub(super) fn new(window: Duration, entries_max: usize) -> Repeats {
        let (entries, ages) = (FixedMap::default(), VecDeque::new());
        Repeats { window, entries_max, entries, ages, bytes: 0 }
    }

    /// What to do with a request whose content has this fingerprint.
    pub(super) fn decide(&mut self, now: Time, key: &Key, fingerprint: u64) -> Decision {
        self.expire(now);
        if let Some(entry) = self.entries.get(key) {
            return match &entry.state {
                _ if entry.fingerprint != fingerprint => Decision::Differs,
                State::Underway => Decision::Underway,
                State::Done(kept) => Decision::Repeat(kept.clone()),
                State::NotKept => Decision::NotKept,
            };
        }
        while self.entries.len() >= self.entries_max {
            self.drop_oldest();
        }
        let entry = Entry { fingerprint, since: now, state: State::Underway };
        self.entries.insert(key.clone(), entry);
        self.ages.push_back((now, key.clone()));
        Decision::Do
    }

    /// The request was done, or may have been, with this answer.
    pub(super) fn finish(&mut self, key: &Key, kept: Kept) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if kept.body.len() > ANSWER_BYTES_MAX {
            entry.state = State::NotKept;
            return;
        }
        self.bytes += kept.body.len();
        entry.state = State::Done(kept);
        while self.bytes > ANSWERS_BYTES_MAX {
            self.drop_oldest();
        }
    }

    /// The request was surely not done: it may be tried again under the same key.
    pub(super) fn forget(&mut self, key: &Key) {
        // Its age goes when its time comes, and finds nothing.
        self.remove(key);
    }

    fn expire(&mut self, now: Time) {
        while let Some((since, _)) = self.ages.front()
            && now.since(*since) > self.window
        {
            self.drop_oldest();
        }
        // Forgotten keys leave their ages behind.
        if self.ages.len() > 2 * self.entries_max {
            let entries = &self.entries;
            self.ages
                .retain(|(since, key)| entries.get(key).is_some_and(|entry| entry.since == *since));
        }
    }

    fn drop_oldest(&mut self) {
        let Some((since, key)) = self.ages.pop_front() else { return };
        if self.entries.get(&key).is_some_and(|entry| entry.since == since) {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(Entry { state: State::Done(kept), .. }) = self.entries.remove(key) {
            self.bytes -= kept.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Key {
        Key::of(["", "kv", "a", key])
    }

    fn kept(bytes: usize) -> Kept {
        Kept { status: StatusCode::OK, body: vec![7; bytes].into() }
    }

    fn repeats(entries_max: usize) -> Repeats {
        Repeats::new(Duration::from_secs(60), entries_max)
    }

    const NOW: Time = Time::ZERO;

    #[test]
    fn the_second_gets_the_answer_of_the_first() {
        let mut repeats = repeats(10);
        assert_eq!(repeats.decide(NOW, &key("a"), 1), Decision::Do);
        assert_eq!(repeats.decide(NOW, &key("a"), 1), Decision::Underway);
        repeats.finish(&key("a"), kept(3));
        assert_eq!(repeats.decide(NOW, &key("a"), 1), Decision::Repeat(kept(3)));
        assert_eq!(repeats.decide(NOW, &key("a"), 2), Decision::Differs);
        let later = NOW.after(Duration::from_secs(61));
        assert_eq!(repeats.decide(later, &key("a"), 2), Decision::Do, "the window is over");
    }

    #[test]
    fn what_was_not_done_may_be_tried_again() {
        let mut repeats = repeats(10);
        assert_eq!(repeats.decide(NOW, &key("a"), 1), Decision::Do);
        repeats.forget(&key("a"));
        assert_eq!(repeats.decide(NOW, &key("a"), 1), Decision::Do);
    }

    #[test]
    fn memory_is_bounded() {
        let mut repeats = repeats(3);
        for number in 0..100 {
            let key = key(&number.to_string());
            assert_eq!(repeats.decide(NOW, &key, 1), Decision::Do);
            repeats.finish(&key, kept(10));
            repeats.forget(&key);
        }
        assert!(repeats.ages.len() <= 7);
        for number in 0..1_000 {
            let key = key(&number.to_string());
            repeats.decide(NOW, &key, 1);
            repeats.finish(&key, kept(ANSWER_BYTES_MAX));
        }
        assert_eq!(repeats.entries.len(), 3);
        assert_eq!(repeats.bytes, 3 * ANSWER_BYTES_MAX);
        repeats.decide(NOW, &key("long"), 1);
        repeats.finish(&key("long"), kept(ANSWER_BYTES_MAX + 1));
        assert_eq!(repeats.decide(NOW, &key("long"), 1), Decision::NotKept);
    }
}
