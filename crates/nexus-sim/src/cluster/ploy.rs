//! Faults that come together, because some mistakes show only then.
//!
//! Each by itself is drawn as all others are, and they would meet one day. A promise that
//! takes three of them, at one shard and within a third of a second, would wait for years;
//! so some seeds have them meet. Nothing here goes beyond what its families may do.

use std::time::Duration;

use nexus_base::{Ratio, Rng};

use super::event::Blow;
use super::family::{Families, Family};
use super::nemesis::Attacked;
use super::world::ClusterWorld;

/// The share of seeds that have a ploy, if its families strike in them.
const ON: Ratio = Ratio::new(1, 3);
/// How often a blow, or a wish, is a part of it then.
const OFTEN: Ratio = Ratio::new(1, 2);

/// Faults that come together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ploy {
    /// A node reaches one other after another no longer, and each dies as it is lost and is
    /// back at once: who was lost first stands for election when a later one may have
    /// forgotten whom it stands by.
    Fading,
    /// What a leader says to whom it hands over to is stuck until it has given that up.
    LateCall,
    /// What a node hears is later and later, and then nobody hears it any more: it still
    /// takes for new what was said long ago.
    Echo,
    /// Groups get all the learners there are nodes for.
    Learners,
}

impl Ploy {
    const ALL: [Ploy; 4] = [Ploy::Fading, Ploy::LateCall, Ploy::Echo, Ploy::Learners];

    /// What it is made of.
    fn families(self) -> &'static [Family] {
        match self {
            Ploy::Fading => &[Family::OneWay, Family::Kill],
            Ploy::LateCall => &[Family::Delay],
            Ploy::Echo => &[Family::OneWay, Family::Delay],
            Ploy::Learners => &[],
        }
    }

    /// Whether all that it is made of is among `families`.
    pub(crate) fn strikes(self, families: Families) -> bool {
        self.families().iter().all(|family| families.has(*family))
    }

    /// Those that a seed has in store, in which `families` strike.
    pub(crate) fn draw(families: Families, rng: &Rng) -> Vec<Ploy> {
        let is_on =
            |ploy: &Ploy| ploy.strikes(families) && rng.fork_index("ploy", *ploy as u64).chance(ON);
        Ploy::ALL.into_iter().filter(is_on).collect()
    }
}

/// How long a node takes to lose the next, in the mean.
const FADING_STEP: Duration = Duration::from_millis(300);
/// How long who dies then is away, at most.
const BACK_WITHIN_MS: u64 = 150;
/// How long a call is stuck, at least and at most, in milliseconds. A handover is given up
/// after 300, and who is called stands by itself after 300 to 600.
const STUCK_MS: [u64; 2] = [320, 560];
/// How long what is heard is later and later, at least and at most, in milliseconds.
const SWELLS_MS: [u64; 2] = [300, 900];
/// What a moment on the way becomes then, at least and at most. Who hears nothing for 300 ms
/// leads no more, and heartbeats come every 50.
const SWELLS_BY: [u64; 2] = [3, 5];

/// Ploys of links, in every simulated cluster.
pub(crate) trait Plays: Attacked {
    /// Whether a blow or a wish is to be part of `ploy`.
    fn plays(&mut self, ploy: Ploy) -> bool {
        let air = self.air();
        air.plan.ploys.contains(&ploy) && air.nemesis.ploys.chance(OFTEN)
    }

    /// Whether the links of a node that strikes now are lost in another way.
    fn play_with_links(&mut self, from: u32, lasts: Duration) -> bool {
        if self.plays(Ploy::Fading) {
            self.fade(from, lasts);
        } else if self.plays(Ploy::Echo) {
            self.echo(from, lasts);
        } else {
            return false;
        }
        true
    }

    fn others_in_some_order(&mut self, from: u32) -> Vec<u32> {
        let mut others: Vec<u32> = (0..self.node_count()).filter(|other| *other != from).collect();
        self.air().nemesis.ploys.shuffle(&mut others);
        others
    }

    fn fade(&mut self, from: u32, lasts: Duration) {
        let mut later = Duration::ZERO;
        let mut blows = Vec::new();
        for to in self.others_in_some_order(from) {
            let rng = &mut self.air().nemesis.ploys;
            later += FADING_STEP.mul_f64(rng.exponential().min(4.0));
            let dies = rng.chance(OFTEN);
            let down = Duration::from_millis(1 + rng.below(BACK_WITHIN_MS));
            blows.push((later, to, dies.then_some(down)));
        }
        let until = self.air().now.after(later + lasts);
        for (later, to, dies) in blows {
            self.plan_later(later, Blow::Lose { from, to, until, dies });
        }
    }

    fn echo(&mut self, from: u32, lasts: Duration) {
        let air = self.air();
        let rng = &mut air.nemesis.ploys;
        let time = Duration::from_millis(between(rng, SWELLS_MS));
        let by = between(rng, SWELLS_BY);
        let (now, until) = (air.now, air.now.after(time));
        // Until what was said last has been heard, at least.
        let mended = until.after(lasts + time * by as u32);
        self.lure(from, now.after(time * by as u32));
        for to in self.others_in_some_order(from) {
            let air = self.air();
            air.links.swell((to, from), now, until, by);
            air.counts.count(Family::Delay);
            self.plan_later(time, Blow::Lose { from, to, until: mended, dies: None });
        }
    }
}

impl<World: Attacked + ?Sized> Plays for World {}

impl ClusterWorld {
    /// A leader hands over.
    pub(crate) fn plays_with_call(&mut self, from: u32, to: u32) {
        if !self.healed && self.plays(Ploy::LateCall) {
            let stuck = Duration::from_millis(between(&mut self.nemesis.ploys, STUCK_MS));
            self.out.links.stall((from, to), self.out.now.after(stuck));
            self.out.counts.count(Family::Delay);
        }
    }

    /// How many of `count` nodes that could be learners are to be.
    pub(crate) fn learners_of(&mut self, is_wanted: bool, count: usize) -> usize {
        if !self.healed && self.plays(Ploy::Learners) {
            count
        } else {
            count.min(usize::from(is_wanted))
        }
    }
}

fn between(rng: &mut Rng, [least, most]: [u64; 2]) -> u64 {
    least + rng.below(most - least + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_no_ploy_whose_families_do_not_strike() {
        let mut seen = [0; 4];
        for seed in 0..200 {
            let rng = Rng::new(seed);
            let all = Ploy::draw(Families::ALL, &rng);
            all.iter().for_each(|ploy| seen[*ploy as usize] += 1);
            let some = Ploy::draw(Families::ALL.without(Family::Delay), &rng);
            let without = |ploy: &&Ploy| !ploy.families().contains(&Family::Delay);
            assert!(all.iter().filter(without).eq(&some), "{all:?} {some:?}");
        }
        assert!(seen.iter().all(|count| (40..100).contains(count)), "{seen:?}");
    }
}
