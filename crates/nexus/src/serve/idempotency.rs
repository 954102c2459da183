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

/// The right to say how the request under a key ended: for the one that was to
/// be done, and for no other one of that key, earlier or later.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Turn {
    key: Key,
    number: u64,
}

/// What is to be done with a request that has a key.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Nothing is known: do it, then [`Repeats::finish`] or [`Repeats::forget`].
    Do(Turn),
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
    number: u64,
    state: State,
}

/// What was asked under which key.
pub(super) struct Repeats {
    window: Duration,
    entries_max: usize,
    entries: FixedMap<Key, Entry>,
    /// By age, with the number that tells an entry from a later one of the same key.
    ages: VecDeque<(Time, u64, Key)>,
    /// Entries made so far.
    made: u64,
    /// Of the answers that are kept.
    bytes: usize,
}

impl Repeats {
    pub(super) fn new(window: Duration, entries_max: usize) -> Repeats {
        let (entries, ages) = (FixedMap::default(), VecDeque::new());
        Repeats { window, entries_max, entries, ages, made: 0, bytes: 0 }
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
        let number = self.made;
        self.made += 1;
        let entry = Entry { fingerprint, number, state: State::Underway };
        self.entries.insert(key.clone(), entry);
        self.ages.push_back((now, number, key.clone()));
        Decision::Do(Turn { key: key.clone(), number })
    }

    /// The request was done, or may have been, with this answer. Nothing is kept
    /// if its entry had to make room meanwhile, or its window is over.
    pub(super) fn finish(&mut self, turn: Turn, kept: Kept) {
        let entry = self.entries.get_mut(&turn.key).filter(|entry| entry.number == turn.number);
        let Some(entry) = entry else { return };
        if kept.body.len() > ANSWER_BYTES_MAX {
            entry.state = State::NotKept;
            return;
        }
        // A turn is taken once, so there is no answer yet whose bytes this replaces.
        self.bytes += kept.body.len();
        entry.state = State::Done(kept);
        while self.bytes > ANSWERS_BYTES_MAX {
            self.drop_oldest();
        }
    }

    /// The request was surely not done: it may be tried again under the same key.
    pub(super) fn forget(&mut self, turn: Turn) {
        // Its age goes when its time comes, and finds nothing.
        self.remove(&turn.key, turn.number);
    }

    fn expire(&mut self, now: Time) {
        while let Some((since, _, _)) = self.ages.front()
            && now.since(*since) > self.window
        {
            self.drop_oldest();
        }
        // Forgotten keys leave their ages behind.
        if self.ages.len() > 2 * self.entries_max {
            let entries = &self.entries;
            self.ages.retain(|(_, number, key)| {
                entries.get(key).is_some_and(|entry| entry.number == *number)
            });
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, number, key)) = self.ages.pop_front() {
            self.remove(&key, number);
        }
    }

    fn remove(&mut self, key: &Key, number: u64) {
        if self.entries.get(key).is_none_or(|entry| entry.number != number) {
            return;
        }
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

    /// The turn of a request that is to be done.
    #[track_caller]
    fn turn(repeats: &mut Repeats, now: Time, name: &str, fingerprint: u64) -> Turn {
        match repeats.decide(now, &key(name), fingerprint) {
            Decision::Do(turn) => turn,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_second_gets_the_answer_of_the_first() {
        let mut repeats = repeats(10);
        let first = turn(&mut repeats, NOW, "a", 1);
        assert_eq!(repeats.decide(NOW, &key("a"), 1), Decision::Underway);
        repeats.finish(first, kept(3));
        assert_eq!(repeats.decide(NOW, &key("a"), 1), Decision::Repeat(kept(3)));
        assert_eq!(repeats.decide(NOW, &key("a"), 2), Decision::Differs);
        // The window is over.
        turn(&mut repeats, NOW.after(Duration::from_secs(61)), "a", 2);
    }

    #[test]
    fn what_was_not_done_may_be_tried_again() {
        let mut repeats = repeats(10);
        let first = turn(&mut repeats, NOW, "a", 1);
        repeats.forget(first);
        turn(&mut repeats, NOW, "a", 1);
    }

    /// The first request under the key outlives its entry: its window is over, or
    /// it had to make room. What becomes of it is nothing to the second one.
    #[test]
    fn a_late_end_leaves_a_later_request_of_the_same_key_alone() {
        let mut repeats = repeats(2);
        let late = turn(&mut repeats, NOW, "a", 1);
        let later = NOW.after(Duration::from_secs(61));
        let second = turn(&mut repeats, later, "a", 1);
        repeats.forget(late);
        assert_eq!(repeats.decide(later, &key("a"), 1), Decision::Underway);
        for other in ["b", "c"] {
            turn(&mut repeats, later, other, 1);
        }
        let third = turn(&mut repeats, later, "a", 1);
        repeats.finish(second, kept(5));
        assert_eq!((repeats.bytes, repeats.decide(later, &key("a"), 1)), (0, Decision::Underway));
        repeats.finish(third, kept(7));
        assert_eq!(
            (repeats.bytes, repeats.decide(later, &key("a"), 1)),
            (7, Decision::Repeat(kept(7)))
        );
        turn(&mut repeats, later.after(Duration::from_secs(61)), "d", 1);
        assert_eq!((repeats.bytes, repeats.entries.len()), (0, 1), "nothing is left behind");
    }

    #[test]
    fn memory_is_bounded() {
        let mut repeats = repeats(3);
        for number in 0..100 {
            let forgotten = turn(&mut repeats, NOW, &number.to_string(), 1);
            repeats.forget(forgotten);
        }
        assert!(repeats.ages.len() <= 7);
        for number in 0..1_000 {
            let done = turn(&mut repeats, NOW, &number.to_string(), 1);
            repeats.finish(done, kept(ANSWER_BYTES_MAX));
        }
        assert_eq!(repeats.entries.len(), 3);
        assert_eq!(repeats.bytes, 3 * ANSWER_BYTES_MAX);
        let long = turn(&mut repeats, NOW, "long", 1);
        repeats.finish(long, kept(ANSWER_BYTES_MAX + 1));
        assert_eq!(repeats.decide(NOW, &key("long"), 1), Decision::NotKept);
    }
}
