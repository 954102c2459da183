//! What an agent has sent and is not received yet.

use std::collections::{BTreeMap, VecDeque};

use nexus_cluster::bounded;
use serde::{Deserialize, Serialize};

use super::name::AgentName;
use super::record::LETTERS_MAX;
use super::step::Letter;

/// The letters of one agent that wait to be received.
///
/// They are numbered upwards over all receivers. To one receiver they go one after the
/// other, so that it need remember only the last number to know all it has.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Letters {
    /// Of the last that was sent.
    last: u64,
    waiting: usize,
    /// None of them is empty.
    by_receiver: BTreeMap<AgentName, VecDeque<(u64, Letter)>>,
}

/// The last number that is read: nothing that is counted up from it overflows.
const NUMBER_MAX: u64 = u64::MAX / 2;

/// What came of the news that a letter was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receipt {
    Removed,
    /// It does not wait.
    Gone,
    /// Another one to the same receiver waits before it.
    Early {
        first: u64,
    },
}

impl Letters {
    /// How many wait.
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether none waits.
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// For each receiver the letter that it gets next, with its number.
    pub fn heads(&self) -> impl Iterator<Item = (u64, &Letter)> {
        let heads = self.by_receiver.values().filter_map(|queue| queue.front());
        heads.map(|(number, letter)| (*number, letter))
    }

    /// All that wait, with their numbers; those to one receiver in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Letter)> {
        self.by_receiver.values().flatten().map(|(number, letter)| (*number, letter))
    }

    pub(super) fn add(&mut self, letter: &Letter) {
        self.last += 1;
        self.waiting += 1;
        let queue = self.by_receiver.entry(letter.to.clone()).or_default();
        queue.push_back((self.last, letter.clone()));
    }

    pub(super) fn receive(&mut self, number: u64) -> Receipt {
        let has = |queue: &VecDeque<(u64, Letter)>| {
            queue.binary_search_by_key(&number, |(number, _)| *number).is_ok()
        };
        let found = self.by_receiver.iter_mut().find(|(_, queue)| has(queue));
        let Some((to, queue)) = found else { return Receipt::Gone };
        let first = queue[0].0;
        if first != number {
            return Receipt::Early { first };
        }
        queue.pop_front();
        self.waiting -= 1;
        if queue.is_empty() {
            let to = to.clone();
            self.by_receiver.remove(&to);
        }
        Receipt::Removed
    }
}

/// As they were sent: the number of the last, and those that wait.
#[derive(Serialize, Deserialize)]
struct Stored {
    last: u64,
    #[serde(deserialize_with = "bounded::list::<LETTERS_MAX, _, _>")]
    waiting: Vec<(u64, Letter)>,
}

impl From<Letters> for Stored {
    fn from(letters: Letters) -> Stored {
        let queues = letters.by_receiver.into_values();
        let mut waiting: Vec<(u64, Letter)> = queues.flatten().collect();
        waiting.sort_unstable_by_key(|&(number, _)| number);
        Stored { last: letters.last, waiting }
    }
}

impl TryFrom<Stored> for Letters {
    type Error = BadLetters;

    fn try_from(stored: Stored) -> Result<Letters, BadLetters> {
        if stored.last > NUMBER_MAX {
            return Err(BadLetters);
        }
        let mut letters = Letters::default();
        for (number, letter) in stored.waiting {
            let grows = letters.last < number && number <= stored.last;
            if !grows || !letter.is_sound() {
                return Err(BadLetters);
            }
            letters.last = number - 1;
            letters.add(&letter);
        }
        letters.last = stored.last;
        Ok(letters)
    }
}

/// What was read are no letters of one agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("these are no letters of one agent: out of order, or their names too long")]
struct BadLetters;
