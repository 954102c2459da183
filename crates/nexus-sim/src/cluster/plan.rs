//! What a seed has in store: which families strike, how often, how hard.
//!
//! Each family draws from its own generator, so taking one away moves nothing in the others:
//! that is what lets a failing run be made smaller.

use std::time::Duration;

use nexus_base::{Ratio, Rng};

use super::family::{Families, Family};
use super::ploy::Ploy;

/// The share of seeds in which a family strikes at all. Not all, so that each also meets
/// the others alone.
const ON: Ratio = Ratio::new(3, 5);
/// By how many millionths a clock may run fast or slow. Two clocks then differ by less than
/// the hundredth that members are told of.
pub(crate) const CLOCK_PPM_MAX: i64 = 5_000;
/// What chances are counted in.
const MILLION: u64 = 1_000_000;

/// What the links do to frames, as chances and times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkDose {
    pub(crate) delay: Ratio,
    pub(crate) delay_mean: Duration,
    pub(crate) loss: Ratio,
    pub(crate) duplicate: Ratio,
    pub(crate) reorder: Ratio,
    pub(crate) corrupt: Ratio,
}

/// A family that strikes now and then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlowDose {
    pub(crate) family: Family,
    /// The mean time from one blow to the next.
    pub(crate) every: Duration,
    /// The mean time that one lasts.
    pub(crate) lasts: Duration,
}

/// All that a seed has in store.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) families: Families,
    pub(crate) link: LinkDose,
    pub(crate) blows: Vec<BlowDose>,
    pub(crate) ploys: Vec<Ploy>,
    /// The usual time of a frame on a link, at least.
    pub(crate) latency: Duration,
    /// The usual time of a sync.
    pub(crate) sync: Duration,
    /// The mean time from one wish to the next in worlds of groups, for each shard: another
    /// leader, other members, a shorter log.
    pub(crate) wish: Duration,
}

/// The families that strike now and then, with the shortest and longest mean time between
/// two blows, and of one, in milliseconds. Guesses, so that some seeds have many short ones
/// and some few long ones. Wishes are fulfilled or not, and do not last.
const BLOWS: [(Family, [u64; 2], [u64; 2]); 14] = [
    (Family::OneWay, [2_000, 60_000], [200, 10_000]),
    (Family::Partition, [2_000, 60_000], [200, 10_000]),
    (Family::Kill, [1_500, 60_000], [20, 5_000]),
    (Family::Power, [1_500, 60_000], [20, 5_000]),
    (Family::Torn, [1_500, 60_000], [20, 5_000]),
    (Family::Full, [20_000, 120_000], [200, 10_000]),
    (Family::SlowSync, [5_000, 60_000], [500, 20_000]),
    (Family::Pause, [1_500, 60_000], [20, 2_000]),
    (Family::ClockRate, [1_000, 60_000], [0, 0]),
    (Family::Split, [3_000, 60_000], [0, 0]),
    (Family::Merge, [3_000, 60_000], [0, 0]),
    (Family::Move, [1_500, 60_000], [0, 0]),
    (Family::Transfer, [500, 30_000], [0, 0]),
    (Family::Members, [3_000, 60_000], [0, 0]),
];

impl Plan {
    /// The same, with a ploy in every seed in which its families strike.
    pub(crate) fn with_ploy(mut self, ploy: Ploy) -> Plan {
        if ploy.strikes(self.families) && !self.ploys.contains(&ploy) {
            self.ploys.push(ploy);
        }
        self
    }

    /// What `rng` has in store, out of `allowed`.
    pub(crate) fn draw(allowed: Families, rng: &Rng) -> Plan {
        let drawn = |family: &Family| {
            allowed.has(*family) && rng.fork_index("on", *family as u64).chance(ON)
        };
        let families = Family::ALL.iter().filter(|family| drawn(family));
        let families = families.fold(Families::NONE, |all, family| all.with(*family));
        let mut world = rng.fork("world");
        Plan {
            families,
            link: LinkDose::draw(families, rng),
            blows: BLOWS.iter().filter_map(|blow| draw_blow(families, blow, rng)).collect(),
            ploys: Ploy::draw(families, rng),
            latency: Duration::from_micros(spread(&mut world, [50, 2_000])),
            sync: Duration::from_micros(spread(&mut world, [50, 30_000])),
            wish: Duration::from_millis(spread(&mut world, [1_000, 60_000])),
        }
    }
}

impl LinkDose {
    fn draw(families: Families, rng: &Rng) -> LinkDose {
        let chance = |family: Family, span: [u64; 2]| {
            if !families.has(family) {
                return Ratio::ZERO;
            }
            Ratio::new(spread(&mut rng.fork_index("chance", family as u64), span), MILLION)
        };
        LinkDose {
            delay: chance(Family::Delay, [100, 50_000]),
            delay_mean: Duration::from_millis(spread(&mut rng.fork("delay"), [5, 500])),
            loss: chance(Family::Loss, [100, 100_000]),
            duplicate: chance(Family::Duplicate, [100, 100_000]),
            reorder: chance(Family::Reorder, [100, 200_000]),
            corrupt: chance(Family::Corrupt, [100, 20_000]),
        }
    }
}

fn draw_blow(
    families: Families,
    (family, every, lasts): &(Family, [u64; 2], [u64; 2]),
    rng: &Rng,
) -> Option<BlowDose> {
    let mut rng = rng.fork_index("blow", *family as u64);
    let every = Duration::from_millis(spread(&mut rng, *every));
    let lasts = Duration::from_millis(spread(&mut rng, *lasts));
    families.has(*family).then_some(BlowDose { family: *family, every, lasts })
}

/// Between the two, and as likely in each doubling: small values matter as much as large.
fn spread(rng: &mut Rng, [least, most]: [u64; 2]) -> u64 {
    let (mut low, mut high) = (least, most);
    let doublings = (most / least.max(1)).checked_ilog2().unwrap_or(0);
    if doublings > 0 {
        low = least.max(1) << rng.below(u64::from(doublings) + 1);
        high = (low * 2).min(most);
    }
    low + rng.below(high.saturating_sub(low) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_family_away_moves_nothing_in_the_others() {
        for seed in 0..50 {
            let rng = Rng::new(seed);
            let all = Plan::draw(Families::ALL, &rng);
            let some = Plan::draw(Families::ALL.without(Family::Loss), &rng);
            assert_eq!(all.families.without(Family::Loss), some.families);
            assert_eq!(all.blows.len(), some.blows.len());
            assert_eq!((all.link.delay, all.latency), (some.link.delay, some.latency));
            assert_eq!(some.link.loss, Ratio::ZERO);
        }
    }

    #[test]
    fn what_is_drawn_lies_in_its_span() {
        let mut rng = Rng::new(3);
        for _ in 0..1_000 {
            assert!((20..=10_000).contains(&spread(&mut rng, [20, 10_000])));
            assert_eq!(spread(&mut rng, [0, 0]), 0);
            assert_eq!(spread(&mut rng, [7, 7]), 7);
        }
    }
}
