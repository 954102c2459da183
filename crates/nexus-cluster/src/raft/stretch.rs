//! Whether a follower keeps up with a log that grows all the time.
//!
//! The end of the log does not tell: where a leader is busy it has always more than anybody
//! has acknowledged. So a follower goes along the log in stretches. Each begins when the one
//! before ends, reaches as far as the log does then, and ends once the follower has that on
//! its disk. Of one that keeps up stretches are short, however long the log has grown
//! meanwhile; of one that does not they grow longer and longer.
//!
//! # Source
//! Ongaro, "Consensus: Bridging Theory and Practice", 2014, 4.2.1, where they are called
//! rounds. There a fixed number of them is waited for; here any that is short enough will do.

use std::time::Duration;

use nexus_base::Time;

use super::entry::Index;

/// The stretch that a follower is on, and how long the one before took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    since: Time,
    upto: Index,
    took: Option<Duration>,
}

impl Stretch {
    /// The first one, along a log that ends with `last`.
    pub const fn new(now: Time, last: Index) -> Stretch {
        Stretch { since: now, upto: last, took: None }
    }

    /// The follower has the log up to `matched`, which ends with `last`.
    pub fn acknowledge(&mut self, now: Time, matched: Index, last: Index) {
        if matched >= self.upto {
            let took = Some(now.since(self.since));
            *self = Stretch { since: now, upto: last, took };
        }
    }

    /// Whether the last stretch took less than `limit`, and this one has not yet taken as long.
    pub fn keeps_up(&self, now: Time, limit: Duration) -> bool {
        self.took.is_some_and(|took| took < limit) && now.since(self.since) < limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(300);

    /// A log that grows by ten entries a millisecond, and a follower that has the first when
    /// the second number says: whether it keeps up, after each of its answers.
    fn check(answers: &[(u64, u64)], expected: &[bool]) {
        let at = |millis| Time::ZERO.after(Duration::from_millis(millis));
        let mut stretch = Stretch::new(at(0), Index(1_000));
        let keeps_up = answers.iter().map(|&(matched, millis)| {
            stretch.acknowledge(at(millis), Index(matched), Index(1_000 + 10 * millis));
            stretch.keeps_up(at(millis), LIMIT)
        });
        assert_eq!(keeps_up.collect::<Vec<_>>(), expected, "{answers:?}");
    }

    #[test]
    fn who_is_always_a_little_behind_keeps_up() {
        check(&[(999, 90), (1_000, 99), (1_900, 190), (1_990, 199)], &[false, true, true, true]);
    }

    #[test]
    fn who_needs_longer_than_allowed_does_not() {
        check(&[(1_000, 300), (3_999, 599), (4_000, 599)], &[false, false, true]);
        check(&[(1_000, 400), (5_000, 800), (9_000, 1_200)], &[false, false, false]);
    }

    #[test]
    fn who_falls_behind_later_does_not_any_more() {
        check(&[(1_000, 50), (1_499, 349), (1_499, 350)], &[true, true, false]);
    }
}
