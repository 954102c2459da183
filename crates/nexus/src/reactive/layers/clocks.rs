//! The clocks of the nodes in a process, on one line: each tells the time since its
//! node started, and the layers of a kind are shared by all of them.

use std::time::Duration;

use nexus_base::Time;

/// Nodes told apart; beyond, the first known is forgotten. A guess: a process has one
/// or two, and tests some more.
const CLOCKS_MAX: usize = 64;

/// A clock that goes back by more than this is another one: that of a node which took
/// the place of one that ended.
const SLACK: Duration = Duration::from_secs(1);

/// One line of time for several clocks.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    latest: Time,
    known: Vec<Known>,
}

/// A clock and the time at which it was set in.
#[derive(Clone, Copy, Debug)]
struct Known {
    source: usize,
    /// What it told then, and what time that was.
    told: Time,
    was: Time,
    latest: Time,
}

impl Clocks {
    /// The time on the line when the clock of `source` tells `now`. It never goes back.
    pub(super) fn read(&mut self, source: usize, now: Time) -> Time {
        let latest = self.latest;
        let place = self.known.iter().position(|known| known.source == source);
        let place = place.unwrap_or_else(|| self.begin(source, now));
        let known = &mut self.known[place];
        if now.after(SLACK) < known.latest {
            *known = Known { source, told: now, was: latest, latest: now };
        }
        known.latest = known.latest.max(now);
        self.latest = latest.max(known.was.after(now.since(known.told)));
        self.latest
    }

    fn begin(&mut self, source: usize, now: Time) -> usize {
        if self.known.len() == CLOCKS_MAX {
            self.known.remove(0);
        }
        // The first of them is the line.
        let was =
            if self.known.is_empty() && self.latest == Time::ZERO { now } else { self.latest };
        self.known.push(Known { source, told: now, was, latest: now });
        self.known.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Time {
        Time::from_nanos(second * 1_000_000_000)
    }

    #[test]
    fn clocks_that_began_at_different_times_go_on_together() {
        let mut clocks = Clocks::default();
        let mut check = |source, now, then| assert_eq!(clocks.read(source, at(now)), at(then));
        check(1, 3_600, 3_600);
        check(2, 5, 3_600);
        check(2, 7, 3_602);
        check(1, 3_601, 3_602);
        check(1, 3_610, 3_610);
        check(2, 20, 3_615);
    }

    #[test]
    fn a_clock_that_begins_again_goes_on_from_where_it_was() {
        let mut clocks = Clocks::default();
        let mut check = |source, now, then| assert_eq!(clocks.read(source, at(now)), at(then));
        check(1, 3_600, 3_600);
        check(1, 2, 3_600);
        check(1, 12, 3_610);
    }
}
