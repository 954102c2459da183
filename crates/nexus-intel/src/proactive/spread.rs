//! How true work lies around what was expected.
//!
//! The longer a request has run beyond what was expected, the longer it is
//! likely to run on: most were short, so one that is not is among the long ones.
//! What was expected at first says little about it by then; what became of
//! others that had run so long says more.

/// Width of a bucket, as a share of the expected work.
const WIDTH: f64 = 0.125;
/// Buckets: up to eight times the expected work is told apart. What is beyond,
/// one in a thousand on the shipped trace, counts as that much.
const BUCKETS: usize = 64;
/// Outcomes between two times that the table is made anew, and before the first.
/// A guess: half a minute of the shipped trace.
const OUTCOMES_PER_TABLE: u32 = 128;
/// When so many outcomes are counted, all counts are halved, so that old ones
/// fade. A guess: a quarter of an hour of the shipped trace.
const COUNTED_MAX: f64 = 4096.0;
/// What remains at the least, as a share of the work expected at first. What has
/// not ended is not about to end just because it should have. A guess.
const SHARE_MIN: f64 = 0.25;

/// Learns from outcomes, as ratios of true to expected work, what remains of work
/// of which a part is done, and how far above its expectation work may come.
///
/// # Source
/// What remains is the mean residual life of survival analysis (Guess and
/// Proschan, "Mean residual life: theory and applications", 1988).
#[derive(Clone, Debug)]
pub(super) struct Spread {
    counts: [f64; BUCKETS],
    counted: f64,
    outcomes_since_table: u32,
    /// Mean remaining share at the beginning of each bucket.
    remaining: [f64; BUCKETS],
    /// The ratio that [`Self::LIKELY_OF`] in a hundred outcomes do not exceed.
    likely_max: f64,
}

impl Default for Spread {
    /// Before the first outcomes: work is as expected, and at most twice that.
    fn default() -> Spread {
        let remaining = std::array::from_fn(|bucket| (1.0 - bucket as f64 * WIDTH).max(SHARE_MIN));
        let (counts, counted) = ([0.0; BUCKETS], 0.0);
        Spread { counts, counted, outcomes_since_table: 0, remaining, likely_max: 2.0 }
    }
}

impl Spread {
    /// Outcomes in a hundred that [`Self::likely_max`] covers. Measured on the
    /// shipped trace with arrivals 1.3 times as dense and deadlines of 30 s: from
    /// 90 to 99 the share served in time differs by less than half a percent.
    const LIKELY_OF: f64 = 0.95;

    /// Work turned out as `ratio` times what was expected.
    pub(super) fn handle_ratio(&mut self, ratio: f64) {
        self.counts[bucket(ratio)] += 1.0;
        self.counted += 1.0;
        self.outcomes_since_table += 1;
        if self.outcomes_since_table == OUTCOMES_PER_TABLE {
            self.outcomes_since_table = 0;
            self.make_table();
            self.fade();
        }
    }

    /// The share of the expected work that remains on average when `done` of it,
    /// which may be above 1, is done.
    #[inline]
    pub(super) fn remaining(&self, done: f64) -> f64 {
        self.remaining[bucket(done)]
    }

    /// How many times the expected work is seldom exceeded.
    pub(super) fn likely_max(&self) -> f64 {
        self.likely_max
    }

    /// From the last bucket down: who gets to a bucket's beginning, and what they
    /// have yet to do from there.
    fn make_table(&mut self) {
        let (mut alive, mut to_do) = (0.0, 0.0);
        let mut is_likely_max_open = true;
        for bucket in (0..BUCKETS).rev() {
            // Those who get to the next beginning have a whole bucket more to do
            // from this one; those who end in this one, half of it.
            to_do += alive * WIDTH + self.counts[bucket] * WIDTH / 2.0;
            alive += self.counts[bucket];
            if alive > 0.0 {
                self.remaining[bucket] = f64::max(to_do / alive, SHARE_MIN);
            }
            if is_likely_max_open && alive > (1.0 - Self::LIKELY_OF) * self.counted {
                self.likely_max = (bucket + 1) as f64 * WIDTH;
                is_likely_max_open = false;
            }
        }
    }

    fn fade(&mut self) {
        if self.counted >= COUNTED_MAX {
            self.counts.iter_mut().for_each(|count| *count /= 2.0);
            self.counted /= 2.0;
        }
    }
}

fn bucket(share: f64) -> usize {
    ((share / WIDTH) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use nexus_base::Rng;

    use super::*;

    fn spread(ratios: impl Iterator<Item = f64>) -> Spread {
        let mut spread = Spread::default();
        ratios.for_each(|ratio| spread.handle_ratio(ratio));
        spread
    }

    #[test]
    fn memoryless_work_always_has_as_much_to_go() {
        let mut rng = Rng::new(1);
        let spread = spread((0..20_000).map(|_| rng.exponential()));
        for done in [0.0, 0.5, 1.0, 2.0] {
            let remaining = spread.remaining(done);
            assert!((0.9..1.1).contains(&remaining), "{remaining} after {done}");
        }
        // The 95th percentile of the exponential distribution is ln 20.
        assert!((spread.likely_max() - 3.0).abs() <= 2.0 * WIDTH, "{}", spread.likely_max());
    }

    #[test]
    fn work_that_is_as_expected_runs_out() {
        let spread = spread((0..1_024).map(|_| 1.0));
        assert!((spread.remaining(0.0) - 1.0).abs() <= WIDTH);
        assert!((spread.remaining(0.5) - 0.5).abs() <= WIDTH);
        assert_eq!(spread.remaining(7.0), SHARE_MIN);
        assert!((spread.likely_max() - 1.0).abs() <= WIDTH);
    }

    #[test]
    fn hostile_ratios_leave_a_sane_table() {
        let spread = spread([f64::NAN, f64::INFINITY, -1.0, 1e300].into_iter().cycle().take(4_096));
        assert!((0..BUCKETS).all(|bucket| (SHARE_MIN..=8.0).contains(&spread.remaining[bucket])));
        assert!((WIDTH..=8.0).contains(&spread.likely_max()));
    }
}
