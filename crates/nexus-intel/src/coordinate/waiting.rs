//! Items that wait, the longest first.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use nexus_base::Time;
use nexus_coord::coordinate::Crew;

/// Items that wait, in order of the work that is expected of each.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Seconds at an ordinary agent, above zero, by item.
    expected_s: Vec<f64>,
    /// By the bits of what is expected, which are in order for numbers above zero.
    order: BTreeSet<(Reverse<u64>, usize)>,
}

impl Waiting {
    pub(super) fn new(expected_s: Vec<f64>, waiting: &[usize]) -> Waiting {
        let mut all = Waiting { expected_s, order: BTreeSet::new() };
        waiting.iter().for_each(|&item| all.insert(item));
        all
    }

    pub(super) fn expected_s(&self, item: usize) -> f64 {
        self.expected_s[item]
    }

    pub(super) fn insert(&mut self, item: usize) {
        self.order.insert(self.place(item));
    }

    pub(super) fn pop(&mut self) -> Option<usize> {
        self.order.pop_first().map(|(_, item)| item)
    }

    #[cfg(feature = "adaptive")]
    pub(super) fn remove(&mut self, item: usize) {
        self.order.remove(&self.place(item));
    }

    #[cfg(feature = "adaptive")]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    #[cfg(feature = "adaptive")]
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.order.iter().map(|&(_, item)| item)
    }

    /// Seconds from `now` until an agent of this speed is expected to be done with
    /// what it has in hand. What is late by so much is expected to be late by as much
    /// again.
    pub(super) fn free_in_s(&self, now: Time, crew: &Crew, agent: usize, speed: f64) -> f64 {
        let worked_s = crew.worked(now, agent).map_or(0.0, |worked| worked.as_secs_f64());
        let in_hand = crew.in_hand(agent).map(|held| self.expected_s(held.item) / speed);
        in_hand
            .enumerate()
            .map(|(place, takes_s)| if place == 0 { (takes_s - worked_s).abs() } else { takes_s })
            .sum()
    }

    fn place(&self, item: usize) -> (Reverse<u64>, usize) {
        (Reverse(self.expected_s[item].to_bits()), item)
    }
}
