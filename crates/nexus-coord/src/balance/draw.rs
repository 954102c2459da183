//! Drawing candidates by chance.

use nexus_base::Rng;

/// `N` different positions below `len`, every such set equally likely, ascending.
/// `len` must be at least `N`.
pub(super) fn distinct<const N: usize>(len: usize, rng: &mut Rng) -> [usize; N] {
    assert!(len >= N, "there are not {N} different positions below {len}");
    let mut drawn = [0; N];
    for count in 0..N {
        // Drawn among those that are left, then moved past those already taken.
        let mut position = rng.below((len - count) as u64) as usize;
        let mut place = 0;
        while place < count && drawn[place] <= position {
            position += 1;
            place += 1;
        }
        drawn.copy_within(place..count, place + 1);
        drawn[place] = position;
    }
    drawn
}

/// The lowest of scores offered one at a time, ties broken uniformly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lowest<T> {
    best: Option<(f64, T)>,
    tied: u64,
}

impl<T: Copy> Lowest<T> {
    pub(super) const fn new() -> Lowest<T> {
        Lowest { best: None, tied: 0 }
    }

    /// Offers `item`; a draw is made only if its score equals the lowest so far.
    pub(super) fn offer(&mut self, score: f64, item: T, rng: &mut Rng) {
        let lower = self.best.is_none_or(|(best, _)| score < best);
        if lower {
            self.best = Some((score, item));
            self.tied = 1;
        } else if self.best.is_some_and(|(best, _)| score == best) {
            self.tied += 1;
            if rng.below(self.tied) == 0 {
                self.best = Some((score, item));
            }
        }
    }

    /// The item with the lowest score, if any was offered.
    pub(super) fn item(self) -> Option<T> {
        self.best.map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_equally_likely() {
        let mut rng = Rng::new(3);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..100_000 {
            let [a, b, c] = distinct(5, &mut rng);
            assert!(a < b && b < c && c < 5);
            *seen.entry([a, b, c]).or_insert(0u32) += 1;
        }
        // Ten sets; five standard deviations of a binomial with p 1/10 are 475.
        assert_eq!(seen.len(), 10);
        assert!(seen.values().all(|count| count.abs_diff(10_000) < 475), "{seen:?}");
    }

    #[test]
    fn all_positions_are_drawn_when_there_are_no_more() {
        assert_eq!(distinct(3, &mut Rng::new(1)), [0, 1, 2]);
    }
}
