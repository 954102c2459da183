//! How fast the servers of a pool are.

use std::time::Duration;

use clap::ValueEnum;
use nexus_base::{Rng, Time};

/// A pool by the speeds of its servers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Speeds {
    /// Every server at speed 1
    Equal,
    /// Some at 1.5, as many at 0.5, the rest at 1
    Mixed,
}

/// Of this many servers in a mixed pool…
const MIXED_OF: u64 = 31;
/// …this many are fast, and as many slow.
const MIXED_SHARE: u64 = 7;

impl Speeds {
    /// The name on the command line and in rows.
    pub fn name(self) -> &'static str {
        match self {
            Speeds::Equal => "equal",
            Speeds::Mixed => "mixed",
        }
    }

    /// The speed of each of `server_count` servers.
    ///
    /// In a mixed pool 7 in 31 servers, rounded, are fast and as many are slow,
    /// so that it can do the same work as an equal one. Which ones is drawn from
    /// the seed alone: every strategy meets the same pool.
    pub fn pool(self, server_count: u32, seed: u64) -> Vec<Speed> {
        let fast_count = match self {
            Speeds::Equal => 0,
            Speeds::Mixed => {
                (2 * u64::from(server_count) * MIXED_SHARE + MIXED_OF) / (2 * MIXED_OF)
            }
        } as usize;
        let mut pool = vec![Speed::NORMAL; server_count as usize];
        pool[..fast_count].fill(Speed::FAST);
        pool[fast_count..2 * fast_count].fill(Speed::SLOW);
        Rng::new(seed).fork("demo.speeds").shuffle(&mut pool);
        pool
    }
}

/// How much faster than normal a server works, exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speed {
    /// Ten times the factor: 15 stands for 1.5.
    tenths: u64,
}

impl Speed {
    /// Factor 0.3: the slowest there is.
    pub const FALLEN: Speed = Speed { tenths: 3 };
    /// Factor 0.5.
    pub const SLOW: Speed = Speed { tenths: 5 };
    /// Factor 1.
    pub const NORMAL: Speed = Speed { tenths: 10 };
    /// Factor 1.5.
    pub const FAST: Speed = Speed { tenths: 15 };

    /// How long work takes that takes `normal` at speed 1, to the nanosecond below.
    pub fn scale(self, normal: Duration) -> Duration {
        Duration::from_nanos((normal.as_nanos() * 10 / u128::from(self.tenths)) as u64)
    }

    /// How much is done in `time`, as the time it takes at speed 1.
    fn done_in(self, time: Duration) -> Duration {
        Duration::from_nanos((time.as_nanos() * u128::from(self.tenths) / 10) as u64)
    }
}

/// The speed of one server over time: one all along, or another for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpeedPlan {
    usual: Speed,
    /// From when to when it is another, and which.
    spell: Option<(Time, Time, Speed)>,
}

impl From<Speed> for SpeedPlan {
    fn from(usual: Speed) -> SpeedPlan {
        SpeedPlan { usual, spell: None }
    }
}

impl SpeedPlan {
    /// The usual speed, but `speed` from one moment to another.
    pub fn with_spell(self, from: Time, to: Time, speed: Speed) -> SpeedPlan {
        SpeedPlan { spell: Some((from, to, speed)), ..self }
    }

    /// How long work takes that takes `normal` at speed 1 and begins at `now`. A
    /// change of speed holds at once for what is under way.
    pub fn takes(self, now: Time, normal: Duration) -> Duration {
        let Some((from, to, speed)) = self.spell else { return self.usual.scale(normal) };
        let stretches = [(from, self.usual), (to, speed), (Time::MAX, self.usual)];
        let (mut at, mut left) = (now, normal);
        for (end, speed) in stretches.into_iter().filter(|&(end, _)| end > now) {
            let possible = speed.done_in(end.since(at));
            if left <= possible {
                return at.after(speed.scale(left)).since(now);
            }
            left -= possible;
            at = end;
        }
        unreachable!("the clock does not end before the work")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(server_count: u32, fast: usize, slow: usize) {
        let pool = Speeds::Mixed.pool(server_count, 1);
        let of = |speed| pool.iter().filter(|&&other| other == speed).count();
        assert_eq!(
            (of(Speed::FAST), of(Speed::SLOW), pool.len()),
            (fast, slow, server_count as usize)
        );
    }

    #[test]
    fn a_mixed_pool_of_any_size_keeps_the_shares() {
        check(31, 7, 7);
        check(1, 0, 0);
        check(2, 0, 0);
        check(3, 1, 1);
        check(62, 14, 14);
        check(10_000, 2258, 2258);
    }

    #[test]
    fn a_seed_names_a_pool() {
        assert_eq!(Speeds::Mixed.pool(31, 1), Speeds::Mixed.pool(31, 1));
        assert_ne!(Speeds::Mixed.pool(31, 1), Speeds::Mixed.pool(31, 2));
        assert_eq!(Speed::FAST.scale(Duration::from_nanos(10)), Duration::from_nanos(6));
        assert_eq!(Speed::SLOW.scale(Duration::from_secs(2)), Duration::from_secs(4));
    }

    #[test]
    fn a_change_of_speed_holds_for_what_is_under_way() {
        let second = |s: u64| Time::from_nanos(s * 1_000_000_000);
        let plan = SpeedPlan::from(Speed::NORMAL).with_spell(second(10), second(20), Speed::SLOW);
        let check = |now, work, takes| {
            let (work, takes) = (Duration::from_secs(work), Duration::from_millis(takes));
            assert_eq!(plan.takes(second(now), work), takes, "{work:?} from {now} s");
        };
        check(0, 10, 10_000);
        check(5, 6, 7_000);
        check(5, 11, 16_000);
        check(10, 5, 10_000);
        check(15, 3, 5_500);
        check(20, 7, 7_000);
    }
}
