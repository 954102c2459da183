//! Makespans, by batches that are the same at each level but for the level.

use nexus_base::Rng;
use nexus_coord::coordinate::CoordinationLevel::{self, Adaptive, Basic, Intelligent, Optimized};
use nexus_intel::measure::{Gain, PairedReplay};

use crate::crew::{Mind, Sizes, mind, run};

const SEEDS: u64 = 24;

/// Batches that are learned from first, at the optimized level.
const LEARNED_FROM: usize = 12;

/// Batches that are measured for each seed.
const MEASURED: usize = 8;

/// A crew, and the batches it is given.
#[derive(Clone, Copy)]
struct Case {
    speeds: &'static [f64],
    sizes: Sizes,
    items: usize,
}

const EVEN: &[f64] = &[1.0; 8];
const UNEVEN: &[f64] = &[1.0, 0.3, 1.0, 1.0, 0.5, 1.0, 0.3, 1.0];

impl Case {
    fn learned(self, rng: &mut Rng) -> Mind {
        let mut mind = mind();
        for _ in 0..LEARNED_FROM {
            run(Optimized, self.speeds, &self.sizes.batch(rng, self.items), &mut mind);
        }
        mind
    }

    /// Seconds for all measured batches of one seed, each run at each level by a mind
    /// that has seen the same.
    fn makespans_s(self, seed: u64, levels: [CoordinationLevel; 2]) -> [f64; 2] {
        let mut rng = Rng::new(seed);
        let mut minds = [(); 2].map(|()| self.learned(&mut Rng::new(seed).fork("learned")));
        let mut sums = [0.0; 2];
        for _ in 0..MEASURED {
            let batch = self.sizes.batch(&mut rng, self.items);
            for ((sum, mind), level) in sums.iter_mut().zip(&mut minds).zip(levels) {
                *sum += run(level, self.speeds, &batch, mind).makespan.as_secs_f64();
            }
        }
        sums
    }

    /// What the second level costs relative to the first.
    fn gain(self, levels: [CoordinationLevel; 2]) -> Gain {
        let mut replay = PairedReplay::new();
        for seed in 1..=SEEDS {
            let [base, other] = self.makespans_s(seed, levels);
            replay.record(base, other).expect("makespans are amounts");
        }
        replay.gain()
    }
}

/// With 95 % confidence the makespan is at most `most` of the lower level's.
#[track_caller]
fn check(case: Case, levels: [CoordinationLevel; 2], most: f64) {
    let gain = case.gain(levels);
    let [_, high] = gain.interval.expect("there are many seeds");
    assert!(high <= most, "{gain}, not at most {most}");
}

#[test]
fn where_items_differ_each_level_is_better_than_the_one_below() {
    let case = Case { speeds: EVEN, sizes: Sizes::Differing, items: 48 };
    check(case, [Basic, Optimized], 0.85);
    check(case, [Optimized, Intelligent], 0.90);
}

#[test]
fn where_speeds_differ_knowing_them_is_better_than_not() {
    let case = Case { speeds: UNEVEN, sizes: Sizes::Differing, items: 48 };
    check(case, [Basic, Optimized], 0.85);
    check(case, [Optimized, Intelligent], 0.95);
    check(case, [Intelligent, Adaptive], 0.95);
    let few = Case { items: 20, ..case };
    check(few, [Intelligent, Adaptive], 0.85);
}

#[test]
fn where_nothing_is_to_be_gained_nothing_is_lost() {
    let alike = Case { speeds: EVEN, sizes: Sizes::Alike, items: 50 };
    let undeclared = Case { sizes: Sizes::Undeclared, ..alike };
    for case in [alike, undeclared] {
        check(case, [Optimized, Intelligent], 1.02);
        check(case, [Optimized, Adaptive], 1.02);
    }
    // Speeds that are all the same are of no use either.
    let even = Case { sizes: Sizes::Differing, ..alike };
    check(even, [Intelligent, Adaptive], 1.02);
}
