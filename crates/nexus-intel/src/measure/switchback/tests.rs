use nexus_base::math::exp;

use super::*;
use crate::measure::Objective;

const SECOND: Duration = Duration::from_secs(1);

fn spec() -> SwitchbackSpec {
    SwitchbackSpec::new(Objective::MeanSeconds)
}

fn at(seconds: f64) -> Time {
    Time::from_nanos((seconds * 1e9) as u64)
}

/// A pool whose requests arrive ten a second; what each takes, in seconds, is said
/// by the test from when it arrives, with or without the layer, and chance.
struct Pool {
    switchback: Switchback,
    rng: Rng,
    now: f64,
    /// Ends of requests being served: when, and when they arrived.
    inside: Vec<(f64, f64)>,
}

impl Pool {
    fn new(seed: u64, spec: SwitchbackSpec) -> Pool {
        let rng = Rng::new(seed);
        let switchback = Switchback::new(Time::ZERO, spec, rng.fork("arms")).expect("a sound spec");
        Pool { switchback, rng: rng.fork("requests"), now: 0.0, inside: Vec::new() }
    }

    fn serve_until(&mut self, end: f64, mut takes: impl FnMut(f64, Arm, &mut Rng) -> f64) {
        while self.now < end {
            self.now += 0.1;
            self.end_requests();
            self.switchback.handle_timeout(at(self.now));
            let takes = takes(self.now, self.switchback.arm(), &mut self.rng);
            self.inside.push((self.now + takes, self.now));
        }
    }

    fn end_requests(&mut self) {
        let now = self.now;
        let mut ended: Vec<(f64, f64)> = Vec::new();
        self.inside.retain(|&request| {
            let ends = request.0 <= now;
            if ends {
                ended.push(request);
            }
            !ends
        });
        ended.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (end, arrived) in ended {
            let (arrived, cost) = (at(arrived), at(end).since(at(arrived)));
            self.switchback.handle_outcome(at(end), Outcome { arrived, cost, size: 0 });
        }
    }
}

/// Half a second to one and a half; every third ten minutes are busy and add a third.
fn base(now: f64, rng: &mut Rng) -> f64 {
    let busy = if ((now / 600.0) as u64).is_multiple_of(3) { 1.33 } else { 1.0 };
    busy * (0.5 + rng.unit())
}

#[test]
fn a_gain_is_found_and_its_interval_holds_the_truth() {
    let mut pool = Pool::new(1, spec());
    pool.serve_until(7_200.0, |now, arm, rng| {
        base(now, rng) * if arm == Arm::On { 0.8 } else { 1.0 }
    });
    let gain = pool.switchback.gain();
    assert_eq!(pool.switchback.verdict(), Verdict::Gain, "{gain}");
    let [low, high] = gain.interval.expect("many blocks");
    assert!(low <= 0.8 && 0.8 <= high && high - low < 0.1, "{gain}");
}

#[test]
fn a_harm_is_harm_and_no_effect_is_not_worth_it_in_the_end() {
    for (factor, expected) in [(1.3, Verdict::Harm), (1.0, Verdict::NotWorth)] {
        let spec = SwitchbackSpec { least_worthwhile: 0.05, ..spec() };
        let mut pool = Pool::new(2, spec);
        pool.serve_until(7_200.0, |now, arm, rng| {
            base(now, rng) * if arm == Arm::On { factor } else { 1.0 }
        });
        assert_eq!(pool.switchback.verdict(), expected, "{}", pool.switchback.gain());
    }
}

#[test]
fn early_on_it_is_unsure_which_is_a_reason_for_nothing() {
    let mut pool = Pool::new(3, spec());
    pool.serve_until(60.0, |now, _, rng| base(now, rng));
    assert_eq!(pool.switchback.verdict(), Verdict::Unsure);
    assert!(pool.switchback.gain().interval.is_none());
}

/// The first requests with the layer find the queues of those without it, and the
/// other way round: here each serves its first second as the other arm would.
#[test]
fn what_a_block_leaves_to_the_next_is_discarded() {
    let mut pool = Pool::new(4, spec());
    let (mut last, mut since) = (Arm::Off, 0.0);
    pool.serve_until(3_600.0, |now, arm, rng| {
        if arm != last {
            (last, since) = (arm, now);
        }
        let felt = if now - since < 1.0 { arm.other() } else { arm };
        (0.5 + rng.unit()) * if felt == Arm::On { 0.5 } else { 1.0 }
    });
    let gain = pool.switchback.gain();
    let [low, high] = gain.interval.expect("many blocks");
    // Undiscarded, a tenth of each block mixed in would make the ratio 0.58.
    assert!(low <= 0.5 && (0.5..0.52).contains(&high), "{gain}");
}

/// One request in fifty takes a block's length or more with the layer on. Left out
/// because they end in the next block, they would make the layer look harmless.
#[test]
fn slow_requests_count_although_they_end_in_the_next_block() {
    let mut pool = Pool::new(5, SwitchbackSpec { hold_blocks: 0, ..spec() });
    pool.serve_until(3_600.0, |_, arm, rng| {
        let stuck = arm == Arm::On && rng.below(50) == 0;
        if stuck { 12.0 } else { 0.5 + rng.unit() }
    });
    let [low, high] = pool.switchback.gain().interval.expect("many blocks");
    // (49 × 1.0 + 12) / 50.
    assert!(low <= 1.22 && 1.22 <= high && low > 1.1, "{}", pool.switchback.gain());
}

#[test]
fn blocks_are_ten_times_what_most_requests_take_and_follow_it() {
    let mut pool = Pool::new(6, spec());
    pool.serve_until(2_000.0, |_, _, _| 3.0);
    assert!(matches!(pool.switchback.phase(), Phase::Measuring { block } if block >= 30 * SECOND
        && block < 31 * SECOND));
    pool.serve_until(4_000.0, |_, _, _| 6.0);
    assert!(matches!(pool.switchback.phase(), Phase::Measuring { block } if block >= 60 * SECOND
        && block < 61 * SECOND));
}

#[test]
fn a_pool_too_slow_for_the_longest_block_goes_without_the_layer() {
    let mut pool = Pool::new(7, SwitchbackSpec { block_max: 20 * SECOND, ..spec() });
    pool.serve_until(600.0, |_, _, _| 3.0);
    assert_eq!(pool.switchback.arm(), Arm::Off);
    assert!(matches!(pool.switchback.phase(), Phase::TooSlow { .. }));
    assert_eq!(pool.switchback.gain(), Gain::default());
    pool.serve_until(1_200.0, |_, _, _| 1.0);
    assert!(pool.switchback.gain().blocks > 0, "{}", pool.switchback.phase());
}

#[test]
fn every_pair_has_both_arms_in_an_order_nobody_foresees() {
    let mut pool = Pool::new(8, SwitchbackSpec { hold_blocks: 0, ..spec() });
    let mut arms = Vec::new();
    for block in 0..202 {
        pool.serve_until(10.05 * f64::from(block), |_, _, _| 0.2);
        arms.push(pool.switchback.arm());
    }
    let on = arms.iter().filter(|&&arm| arm == Arm::On).count();
    assert!((96..=104).contains(&on), "{on} of {}", arms.len());
    let runs = arms.windows(3).filter(|arms| arms.iter().all(|arm| *arm == arms[0])).count();
    let alternating = arms.windows(2).filter(|arms| arms[0] != arms[1]).count();
    // Pairs in a drawn order: three alike never follow, and half of the bounds
    // between pairs do not alternate.
    assert!(runs <= 3 && (130..=170).contains(&alternating), "{runs} {alternating}");
}

#[test]
fn a_pool_without_requests_is_never_judged() {
    let mut pool = Pool::new(9, spec());
    pool.serve_until(100.0, |_, _, _| 0.2);
    for step in 11..1_000 {
        pool.switchback.handle_timeout(at(f64::from(step) * 10.0));
    }
    assert!(pool.switchback.gain().blocks <= 10, "{}", pool.switchback.gain());
    assert_eq!(pool.switchback.verdict(), Verdict::Unsure);
}

#[test]
fn once_the_gain_is_sure_the_layer_is_mostly_on() {
    let mut pool = Pool::new(10, spec());
    let (mut on, mut all) = (0, 0);
    pool.serve_until(7_200.0, |now, arm, rng| {
        if now > 3_600.0 {
            all += 1;
            on += u32::from(arm == Arm::On);
        }
        (0.5 + rng.unit()) * if arm == Arm::On { 0.5 } else { 1.0 }
    });
    let share = f64::from(on) / f64::from(all);
    assert!((0.80..0.86).contains(&share), "{share}");
}

#[test]
fn a_pool_that_changes_for_good_is_measured_anew() {
    let mut pool = Pool::new(11, spec());
    let noise = |rng: &mut Rng| exp(0.5 * rng.unit());
    pool.serve_until(3_600.0, |_, arm, rng| noise(rng) * if arm == Arm::On { 0.5 } else { 1.0 });
    assert_eq!((pool.switchback.restarts(), pool.switchback.verdict()), (0, Verdict::Gain));
    pool.serve_until(20_000.0, |_, arm, rng| {
        4.0 * noise(rng) * if arm == Arm::On { 1.2 } else { 1.0 }
    });
    assert!(pool.switchback.restarts() >= 1);
    assert_eq!(pool.switchback.verdict(), Verdict::Harm, "{}", pool.switchback.gain());
}

#[test]
fn a_further_attempt_has_less_error_left_and_a_wider_interval() {
    let [first, third] = [0, 2].map(|restarts| {
        let mut pool = Pool::new(13, spec());
        (0..restarts).for_each(|_| pool.switchback.restart());
        pool.serve_until(2_000.0, |_, _, rng| 0.5 + rng.unit());
        pool.switchback.gain()
    });
    assert_eq!((first.ratio, first.blocks), (third.ratio, third.blocks));
    let width = |gain: Gain| gain.detectable.expect("many blocks");
    // An error of 5 % / 12 in place of 5 % / 2.
    assert!((1.15..1.6).contains(&(width(third) / width(first))), "{first} and {third}");
}

#[test]
fn outcomes_from_long_ago_are_counted_and_left_out() {
    let mut pool = Pool::new(12, spec());
    pool.serve_until(100.0, |_, _, _| 0.2);
    let before = pool.switchback.gain();
    let outcome = Outcome { arrived: at(1.0), cost: Duration::MAX, size: 0 };
    pool.switchback.handle_outcome(at(100.0), outcome);
    assert_eq!((pool.switchback.late(), pool.switchback.gain()), (1, before));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let deadline = Objective::MissedShare(Duration::ZERO);
    for bad in [
        SwitchbackSpec { alpha: f64::NAN, ..spec() },
        SwitchbackSpec { alpha: 0.0, ..spec() },
        SwitchbackSpec { least_worthwhile: f64::NAN, ..spec() },
        SwitchbackSpec { least_worthwhile: 1.0, ..spec() },
        SwitchbackSpec { least_worthwhile: 0.0, ..spec() },
        SwitchbackSpec { block_min: 2 * SECOND, block_max: SECOND, ..spec() },
        SwitchbackSpec { block_min: Duration::ZERO, ..spec() },
        SwitchbackSpec { tuned_for_pairs: 1, ..spec() },
        SwitchbackSpec { objective: deadline, ..spec() },
    ] {
        assert!(Switchback::new(Time::ZERO, bad, Rng::new(1)).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_wanted_at_once_is_on_until_it_is_known_how_long_blocks_have_to_be() {
    let begin = || Switchback::new(Time::ZERO, spec(), Rng::new(1)).expect("a sound spec");
    let (off, mut on) = (begin(), begin().settling_on());
    assert_eq!((off.arm(), on.arm()), (Arm::Off, Arm::On));
    // Half a minute of too few requests to tell.
    for second in 1..30 {
        on.handle_timeout(at(f64::from(second)));
        assert_eq!(on.arm(), Arm::On);
    }
    assert!(matches!(on.phase(), Phase::Settling { .. }));
}
