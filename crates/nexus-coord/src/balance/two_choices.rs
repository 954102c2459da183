//! Two choices: of two candidates drawn at random, the less loaded.

use std::cmp::Ordering;

use nexus_base::Rng;

use super::draw::distinct;
use super::{Arrival, Choice, Strategy, StrategyName, View};

/// Of two different candidates drawn uniformly, the one with fewer requests of
/// ours in flight; either, if they have as many.
///
/// The work is the same for two candidates or a million.
///
/// # Source
/// Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
#[derive(Clone, Copy, Debug, Default)]
pub struct TwoChoices;

impl Strategy for TwoChoices {
    fn name(&self) -> &'static str {
        StrategyName::TwoChoices.as_str()
    }

    fn pick(&mut self, view: &View<'_>, _: &Arrival, rng: &mut Rng) -> Choice {
        let candidates = view.candidates();
        if let [only] = candidates {
            return Choice::Server(*only);
        }
        let [first, second] = distinct(candidates.len(), rng).map(|place| candidates[place]);
        let first_is_taken = match view.in_flight(first).cmp(&view.in_flight(second)) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => rng.below(2) == 0,
        };
        Choice::Server(if first_is_taken { first } else { second })
    }
}
