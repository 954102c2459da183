//! How much happens in a virtual second: too much of it, and time hardly passes any more.
//!
//! Two members that answer each other at once, or a timer that is set for now, would have a
//! run go on for ever. So it ends, as for a broken promise, and a run of so many virtual
//! seconds has a bound in events.

use nexus_base::Time;

/// Events of one virtual second at most, for each shard.
/// Source: five nodes and eight shards have about 140 inputs a second and shard, 64 nodes and
/// 64 shards about 120; measured with `nexus sim run`.
pub(crate) const EVENTS_PER_SECOND_MAX: u64 = 50_000;

/// What a second has in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// Counts the events of a second.
#[derive(Debug)]
pub(crate) struct Pace {
    second: u64,
    count: u64,
    count_max: u64,
}

impl Pace {
    /// Of a world with so many shards.
    pub(crate) fn new(shards: u32) -> Pace {
        Pace { second: 0, count: 0, count_max: EVENTS_PER_SECOND_MAX * u64::from(shards) }
    }

    /// One more event happens.
    ///
    /// # Errors
    /// What is to be said if it is one too many.
    #[inline]
    pub(crate) fn count(&mut self, at: Time, seed: u64) -> Result<(), String> {
        let second = at.as_nanos() / SECOND;
        if second != self.second {
            (self.second, self.count) = (second, 0);
        }
        self.count += 1;
        if self.count <= self.count_max {
            return Ok(());
        }
        let count_max = self.count_max;
        Err(format!("more than {count_max} events in a second of seed {seed}: they go round"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_too_many_is_told_and_the_next_second_begins_anew() {
        let mut pace = Pace::new(2);
        for second in 0..3 {
            let at = Time::from_nanos(second * SECOND + 17);
            for _ in 0..2 * EVENTS_PER_SECOND_MAX {
                assert_eq!(pace.count(at, 7), Ok(()));
            }
        }
        let at = Time::from_nanos(3 * SECOND - 1);
        let words = pace.count(at, 7).expect_err("one too many");
        assert_eq!(words, "more than 100000 events in a second of seed 7: they go round");
    }
}
