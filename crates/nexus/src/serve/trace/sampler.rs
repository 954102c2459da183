//! Which traces are recorded.

use std::num::NonZeroU128;

/// Takes a share of all traces, chosen by their ids.
///
/// # Source
/// OpenTelemetry's `TraceIdRatioBased` as most of its libraries have it: the 63
/// bits above the last of the id, against a bound. Nodes and callers with the
/// same share so record the same traces, from one end to the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sampler {
    /// Ids whose 63 bits are below this are taken.
    bound: u64,
}

impl Sampler {
    /// `None` if `share` is not between 0 and 1.
    pub(crate) fn new(share: f64) -> Option<Sampler> {
        let all = (1u64 << 63) as f64;
        (0.0..=1.0).contains(&share).then_some(Sampler { bound: (share * all) as u64 })
    }

    pub(crate) fn takes(self, trace_id: NonZeroU128) -> bool {
        (trace_id.get() as u64) >> 1 < self.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::trace::ids::Ids;

    fn taken(share: f64, of: u32) -> u32 {
        let sampler = Sampler::new(share).expect("a share");
        let ids = Ids::new();
        (0..of).map(|_| u32::from(sampler.takes(ids.trace_id()))).sum()
    }

    #[test]
    fn a_share_is_taken() {
        assert_eq!((taken(0.0, 1_000), taken(1.0, 1_000)), (0, 1_000));
        // Six standard deviations of a binomial with n 100,000, p 1/4 are 822.
        assert!(taken(0.25, 100_000).abs_diff(25_000) < 822);
    }

    #[test]
    fn all_takes_the_highest_id_too() {
        let sampler = Sampler::new(1.0).expect("a share");
        assert!(sampler.takes(NonZeroU128::MAX));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Sampler::new(share).is_none(), "{share}");
        }
    }
}
