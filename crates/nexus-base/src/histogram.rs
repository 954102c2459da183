//! How long things take, as counts in narrow buckets.

use std::fmt;
use std::time::Duration;

/// The longest duration told apart from longer ones: one hour.
/// Longer ones are counted as this; nothing measured here should come near it.
pub const DURATION_MAX: Duration = Duration::from_secs(3_600);

/// Significant decimal digits kept of each value.
const DIGITS: u8 = 3;

/// A histogram of durations, from a nanosecond to [`DURATION_MAX`].
///
/// Quantiles are exact to three significant digits, never below the value they
/// stand for, never above the greatest recorded. Count, mean and maximum are
/// exact. Memory grows with the longest duration seen: 16 KiB at 2 µs, 8 KiB
/// more for each doubling, 264 KiB at the most (and as much in reserve).
///
/// # Source
/// Gil Tene's HdrHistogram, by way of the `hdrhistogram` crate.
#[derive(Clone)]
pub struct Histogram {
    buckets: hdrhistogram::Histogram<u64>,
    /// Nanoseconds. Wide enough for 2⁶⁴ durations of any length.
    sum: u128,
    max: u64,
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Histogram {
        let buckets = hdrhistogram::Histogram::new(DIGITS).expect("three digits are supported");
        Histogram { buckets, sum: 0, max: 0 }
    }

    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        self.record_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts one duration given in nanoseconds.
    #[inline]
    pub fn record_nanos(&mut self, nanos: u64) {
        let nanos = nanos.min(DURATION_MAX.as_nanos() as u64);
        self.buckets.record(nanos).expect("the histogram grows up to its longest duration");
        self.sum += u128::from(nanos);
        self.max = self.max.max(nanos);
    }

    /// Adds everything counted by `other`.
    pub fn merge(&mut self, other: &Histogram) {
        self.buckets.add(&other.buckets).expect("the histogram grows to hold the other");
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// The duration that a share of `q` of all (0 to 1) does not exceed; zero
    /// while nothing is counted.
    pub fn quantile(&self, q: f64) -> Duration {
        Duration::from_nanos(self.buckets.value_at_quantile(q).min(self.max))
    }

    /// The median.
    pub fn p50(&self) -> Duration {
        self.quantile(0.5)
    }

    /// What 95 % do not exceed.
    pub fn p95(&self) -> Duration {
        self.quantile(0.95)
    }

    /// What 99 % do not exceed.
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// The mean; zero while nothing is counted.
    pub fn mean(&self) -> Duration {
        let count = u128::from(self.count());
        Duration::from_nanos(self.sum.checked_div(count).unwrap_or(0) as u64)
    }

    /// The longest; zero while nothing is counted.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// Durations counted.
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.p50())
            .field("p99", &self.p99())
            .field("max", &self.max())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{DURATION_MAX, Histogram};

    fn of(nanos: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        nanos.into_iter().for_each(|nanos| histogram.record_nanos(nanos));
        histogram
    }

    /// Not below the true value and at most a thousandth above it.
    fn assert_near(found: Duration, truth: u64) {
        let found = found.as_nanos() as u64;
        assert!((truth..=truth + truth / 1_000).contains(&found), "{found} for {truth}");
    }

    #[test]
    fn quantiles_keep_three_digits() {
        let histogram = of((1..=100_000).map(|step| step * 1_000));
        assert_near(histogram.p50(), 50_000_000);
        assert_near(histogram.p95(), 95_000_000);
        assert_near(histogram.p99(), 99_000_000);
        assert_eq!(histogram.quantile(1.0), histogram.max());
    }

    #[test]
    fn count_mean_and_maximum_are_exact() {
        let histogram = of([1_000_001, 3_000_004, 8_000_008]);
        assert_eq!(histogram.count(), 3);
        assert_eq!(histogram.mean(), Duration::from_nanos(4_000_004));
        assert_eq!(histogram.max(), Duration::from_nanos(8_000_008));
    }

    #[test]
    fn an_empty_histogram_is_all_zero() {
        let histogram = Histogram::new();
        assert_eq!((histogram.count(), histogram.mean()), (0, Duration::ZERO));
        assert_eq!((histogram.p99(), histogram.max()), (Duration::ZERO, Duration::ZERO));
    }

    #[test]
    fn merging_is_counting_both() {
        let mut merged = of(1..1_000);
        merged.merge(&of(1_000..3_000_000));
        let both = of(1..3_000_000);
        assert_eq!((merged.count(), merged.mean()), (both.count(), both.mean()));
        assert_eq!((merged.p50(), merged.max()), (both.p50(), both.max()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut histogram = of([0]);
        assert!(histogram.buckets.distinct_values() * size_of::<u64>() <= 16 << 10);
        histogram.record(Duration::MAX);
        assert_eq!(histogram.max(), DURATION_MAX);
        assert!(histogram.buckets.distinct_values() * size_of::<u64>() <= 264 << 10);
    }
}
