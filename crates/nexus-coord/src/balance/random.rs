//! Uniformly random choice: what everything else must beat.

use nexus_base::Rng;

use super::{Arrival, Choice, Strategy, StrategyName, View};

/// Any candidate, each equally likely. One draw, whatever the pool's size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Strategy for Random {
    fn name(&self) -> &'static str {
        StrategyName::Random.as_str()
    }

    fn pick(&mut self, view: &View<'_>, _: &Arrival, rng: &mut Rng) -> Choice {
        let candidates = view.candidates();
        Choice::Server(candidates[rng.below(candidates.len() as u64) as usize])
    }
}
