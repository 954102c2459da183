//! Names for traces and spans, without a lock on the path of a request.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::atomic::{AtomicU64, Ordering};

/// The step of the sequence, from the golden ratio: odd, so that 2⁶⁴ steps
/// visit each number once.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Draws ids. They repeat neither here nor, but for a chance of about one in
/// 2⁶⁴ for any two, elsewhere. Whoever sees one can work out the others: they
/// are names, not secrets.
///
/// # Source
/// SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014.
pub(crate) struct Ids {
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Ids {
        // The standard library's hasher keys come from the system.
        Ids { next: AtomicU64::new(RandomState::new().build_hasher().finish()) }
    }

    pub(crate) fn trace_id(&self) -> NonZeroU128 {
        let (high, low) = (self.span_id().get(), self.span_id().get());
        NonZeroU128::new(u128::from(high) << 64 | u128::from(low))
            .expect("neither of its halves is zero")
    }

    pub(crate) fn span_id(&self) -> NonZeroU64 {
        // One number of the sequence is zero; the one after it is not.
        let draw = || NonZeroU64::new(self.draw());
        draw().or_else(draw).expect("the sequence is zero once in 2⁶⁴ draws")
    }

    fn draw(&self) -> u64 {
        let mut word = self.next.fetch_add(STEP, Ordering::Relaxed);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_do_not_repeat() {
        let ids = Ids::new();
        let drawn: BTreeSet<_> = (0..10_000).map(|_| ids.span_id()).collect();
        assert_eq!(drawn.len(), 10_000);
    }

    #[test]
    fn zero_is_not_drawn() {
        // A word of zero mixes to zero.
        let ids = Ids { next: AtomicU64::new(0) };
        assert_ne!(ids.span_id().get(), 0);
    }
}
