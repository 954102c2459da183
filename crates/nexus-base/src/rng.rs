//! Chance as every decision sees it: seeded, and forked per component.
//!
//! A fork depends on its parent's seed and its label, not on how much the
//! parent has drawn, so a new draw in one component moves nothing in another.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};

use crate::Ratio;

/// A seeded generator (ChaCha8).
#[derive(Clone, Debug)]
pub struct Rng {
    seed: u64,
    chacha: ChaCha8Rng,
}

impl Rng {
    /// The generator that `seed` names; equal seeds draw equal sequences.
    pub fn new(seed: u64) -> Rng {
        Rng { seed, chacha: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// An independent generator for the component called `label`.
    pub fn fork(&self, label: &str) -> Rng {
        self.fork_index(label, 0)
    }

    /// Like [`Rng::fork`], for the `index`-th of many components of one name.
    pub fn fork_index(&self, label: &str, index: u64) -> Rng {
        use std::hash::Hasher;
        let mut hasher = siphasher::sip::SipHasher13::new_with_keys(self.seed, index);
        hasher.write(label.as_bytes());
        Rng::new(hasher.finish())
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.chacha.next_u64()
    }

    /// A uniform integer below `end`, without bias.
    ///
    /// # Panics
    /// If `end` is zero.
    ///
    /// # Source
    /// Lemire, "Fast Random Integer Generation in an Interval", 2019.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "nothing lies below zero");
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(end);
            let low = wide as u64;
            if low >= end || low >= end.wrapping_neg() % end {
                return (wide >> 64) as u64;
            }
        }
    }

    /// True with probability `chance`.
    pub fn chance(&mut self, chance: Ratio) -> bool {
        self.below(chance.den()) < chance.num()
    }

    /// Uniform in the half-open interval from 0 to 1, in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Exponentially distributed with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Puts `items` into a uniformly random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_does_not_feel_what_its_parent_draws() {
        let mut drawn = Rng::new(7);
        let untouched = drawn.clone();
        drawn.next_u64();
        assert_eq!(drawn.fork("a").next_u64(), untouched.fork("a").next_u64());
        assert_ne!(drawn.fork("a").next_u64(), drawn.fork("b").next_u64());
    }

    #[test]
    fn below_is_uniform() {
        let mut rng = Rng::new(1);
        let mut seen = [0u32; 6];
        for _ in 0..60_000 {
            seen[rng.below(6) as usize] += 1;
        }
        // Five standard deviations of a binomial with n 60,000, p 1/6 are 456.
        assert!(seen.iter().all(|count| count.abs_diff(10_000) < 456), "{seen:?}");
    }
}
