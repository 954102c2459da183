//! What stops a layer within a block: costs beyond what is tolerated.
//!
//! A switchback judges whole blocks, and takes some. A layer that sends everything
//! to the slowest server must be gone long before. The price of being quick is
//! being coarse: only harm near the cap or above it is seen.
//!
//! Absent on purpose: requests that never end. Whoever waits gives up at a deadline,
//! and that is an outcome.

mod reference;

use std::time::Duration;

use nexus_base::math::{exp, ln};
use nexus_base::{DURATION_MAX, Time};

use super::{Arm, Outcome};
use reference::Reference;

/// Outcomes judged together. Fewer are noisier, more are slower. Source: of 10, 25 and
/// 50, tried on the shipped trace, the one that stopped harm soonest.
const GROUP: u32 = 25;
/// A group also lasts so long, or a fast pool would weigh each of its short jams by
/// itself, and there are thousands in an hour. Source: what a group of the shipped
/// trace takes; eight groups are then still well within two minutes.
const GROUP_MIN: Duration = Duration::from_secs(2);
/// Evidence at which the guardrail trips at the earliest: the harm is then
/// e⁷, a thousand times, likelier than none, by the spread seen. Source: a guess,
/// borne out by the false trips measured on the shipped trace.
const EVIDENCE_MIN: f64 = 7.0;
/// Costs may swing by so many deviations of their slow swings without the layer before
/// it counts as harm. Source: a guess, tried on the shipped trace.
const SWINGS: f64 = 1.5;
/// Evidence must also exceed this many times what was seen without the layer, where
/// all of it is false. Source: as above.
const BEYOND_FALSE: f64 = 1.5;
/// Evidence that always suffices, however much of it was false before: harm that every
/// group shows is stopped within 350 outcomes. Source: the 500 that are promised.
const EVIDENCE_MAX: f64 = 12.0;
/// What one group may add to the evidence or take from it: at least eight groups, two
/// hundred outcomes, must agree, which short bursts of load do not last for. Source:
/// the false trips measured on the shipped trace.
const STEP_MAX: f64 = 0.9;
/// A cost counts for no more than this many times what is expected, so that one
/// request that was never served does not trip it. Source: a guess.
const COST_TIMES_MAX: f64 = 10.0;

/// Why a guardrail cannot be set up like this.
#[derive(Clone, Copy, PartialEq, Debug, thiserror::Error)]
#[error("the harm cap is {0}; it must lie above 1.1, where noise ends, and at most at 10")]
pub struct HarmCapError(pub f64);

/// The guardrail tripped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trip {
    /// Cost with the layer by what was to be expected, over the outcomes below.
    pub ratio: f64,
    /// Outcomes since the harm began to show.
    pub outcomes: u64,
    /// Time since then.
    pub after: Duration,
}

/// Compares the costs of the last requests with the layer with those without it.
///
/// A cost is set against what a request of its size costs without the layer. Groups
/// of 25 are weighed: is a cost of `harm_cap` times that likelier, or no
/// difference? The evidence adds up, never below zero (a sequential probability
/// ratio test that begins anew whenever it is decided for the layer). The same sum
/// runs over the requests without the layer, and the largest it got there, from
/// bursts of load, is a bound too. In a pool whose costs swing for reasons that
/// sizes do not tell, it tolerates more: [`Guardrail::least_harm`] says how much.
///
/// On the shipped trace, with sizes known, it stops a layer that doubles costs always
/// within 500 requests or 120 s, and one that makes them 1.5 times as high in 83 %
/// of cases; with sizes unknown, one that triples them in 95 %. What it cannot tell
/// from harm is a burst of load that comes while the layer is on: the trace has one
/// in each hour, in which costs rise to 1.6 times for a minute, and that tripped it in
/// six of twelve hours with a layer that did nothing (sizes unknown: ten times in all).
/// Besides those minutes it did not trip with sizes known.
///
/// ```
/// use std::time::Duration;
/// use nexus_base::Time;
/// use nexus_intel::measure::{Arm, Guardrail, Outcome};
///
/// let mut guardrail = Guardrail::new(1.5)?;
/// let outcome = |step: u64, millis| Outcome {
///     arrived: Time::from_nanos(step * 100_000_000),
///     cost: Duration::from_millis(millis + step * 7 % 400),
///     size: 0,
/// };
/// for step in 0..1_000 {
///     let now = Time::from_nanos(step * 100_000_000);
///     assert_eq!(guardrail.handle_outcome(now, Arm::Off, outcome(step, 800)), None);
/// }
/// let trips = (1_000..1_500).any(|step| {
///     let now = Time::from_nanos(step * 100_000_000);
///     guardrail.handle_outcome(now, Arm::On, outcome(step, 1_300)).is_some()
/// });
/// assert!(trips);
/// # Ok::<(), nexus_intel::measure::HarmCapError>(())
/// ```
///
/// # Source
/// Wald, "Sequential Tests of Statistical Hypotheses", 1945; Page, "Continuous
/// Inspection Schemes", 1954.
#[derive(Clone, Debug)]
pub struct Guardrail {
    /// Logarithm of the harm cap.
    shift: f64,
    reference: Reference,
    off: Evidence,
    on: Evidence,
}

/// One group being filled, and what the groups before it add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    count: u32,
    group_since: Time,
    cost: f64,
    expected: f64,
    sum: f64,
    /// Since the sum left zero.
    outcomes: u64,
    cost_since: f64,
    expected_since: f64,
    since: Time,
}

impl Guardrail {
    /// One that is to stop a layer which makes costs `harm_cap` times what they were.
    ///
    /// # Errors
    /// [`HarmCapError`] for a cap in the noise, beyond ten, or not a number.
    pub fn new(harm_cap: f64) -> Result<Guardrail, HarmCapError> {
        if !(harm_cap > 1.1 && harm_cap <= COST_TIMES_MAX) {
            return Err(HarmCapError(harm_cap));
        }
        Ok(Guardrail {
            shift: ln(harm_cap),
            reference: Reference::default(),
            off: Evidence::default(),
            on: Evidence::default(),
        })
    }

    /// Takes in a request that ended at `now` and had arrived in a block of this `arm`;
    /// with the layer that may trip the guardrail, which then forgets its evidence.
    pub fn handle_outcome(&mut self, now: Time, arm: Arm, outcome: Outcome) -> Option<Trip> {
        let cost = outcome.cost.min(DURATION_MAX).as_secs_f64();
        let expected = self.reference.expected(outcome.size);
        let cost = if expected > 0.0 { cost.min(COST_TIMES_MAX * expected) } else { cost };
        match arm {
            Arm::Off => {
                self.weigh_without(now, cost, expected);
                self.reference.learn_cost(outcome.size, cost);
                None
            }
            Arm::On => self.weigh_with(now, cost, expected),
        }
    }

    /// Whether enough was seen without the layer for it to trip at all.
    pub fn is_ready(&self) -> bool {
        self.reference.is_ready()
    }

    /// The least harm that is stopped, as a ratio of costs: the cap is where it is sure
    /// to be, and this is where evidence begins to add up. In a pool whose costs swing
    /// by themselves it is above the cap. `None` until enough was seen.
    pub fn least_harm(&self) -> Option<f64> {
        let (innocent, harmful) = shifts(self.reference.usual().swing, self.shift);
        self.is_ready().then(|| exp((innocent + harmful) / 2.0))
    }

    fn weigh_without(&mut self, now: Time, cost: f64, expected: f64) {
        let Some(ratio) = self.off.add(now, cost, expected) else { return };
        if self.reference.is_ready() {
            self.off.weigh(now, step(&self.reference, self.shift, ratio));
            self.reference.learn_excursion(self.off.sum);
        }
        self.reference.learn_ratio(ratio);
    }

    fn weigh_with(&mut self, now: Time, cost: f64, expected: f64) -> Option<Trip> {
        let ratio = self.on.add(now, cost, expected)?;
        if !self.reference.is_ready() {
            return None;
        }
        self.on.weigh(now, step(&self.reference, self.shift, ratio));
        let bound = (BEYOND_FALSE * self.reference.excursion()).clamp(EVIDENCE_MIN, EVIDENCE_MAX);
        (self.on.sum > bound).then(|| std::mem::take(&mut self.on).trip(now))
    }
}

/// The logarithm of how much likelier a group's ratio is with the harm than without.
fn step(reference: &Reference, shift: f64, ratio: f64) -> f64 {
    let usual = reference.usual();
    let (innocent, harmful) = shifts(usual.swing, shift);
    let middle = usual.mean + (innocent + harmful) / 2.0;
    let likelihood = (harmful - innocent) * (ln(ratio) - middle) / usual.variance;
    likelihood.clamp(-STEP_MAX, STEP_MAX)
}

/// What is still innocent and what is surely harmful, as logarithms of a ratio.
fn shifts(swing: f64, shift: f64) -> (f64, f64) {
    let innocent = SWINGS * swing;
    (innocent, shift.max(innocent + shift / 2.0))
}

impl Evidence {
    /// Takes in one outcome; the ratio of cost to what was expected when that
    /// completes a group.
    fn add(&mut self, now: Time, cost: f64, expected: f64) -> Option<f64> {
        if expected <= 0.0 {
            return None;
        }
        if self.outcomes == 0 {
            self.since = now;
        }
        self.count += 1;
        self.outcomes += 1;
        self.cost += cost;
        self.expected += expected;
        if self.count == 1 {
            self.group_since = now;
        }
        if self.count < GROUP || now.since(self.group_since) < GROUP_MIN {
            return None;
        }
        let ratio = (self.cost / self.expected).max(1.0 / COST_TIMES_MAX);
        self.cost_since += self.cost;
        self.expected_since += self.expected;
        (self.count, self.cost, self.expected) = (0, 0.0, 0.0);
        Some(ratio)
    }

    fn weigh(&mut self, now: Time, step: f64) {
        self.sum += step;
        if self.sum <= 0.0 {
            *self = Evidence { since: now, ..Evidence::default() };
        }
    }

    fn trip(self, now: Time) -> Trip {
        let ratio = self.cost_since / self.expected_since;
        Trip { ratio, outcomes: self.outcomes, after: now.since(self.since) }
    }
}

#[cfg(test)]
mod tests {
    use nexus_base::Rng;

    use super::*;

    /// Ten outcomes a second of exponential cost with a mean of one second, times
    /// `factor`; the trip, if there is one.
    fn serve(
        guardrail: &mut Guardrail,
        seed: u64,
        from: u64,
        count: u64,
        arm: Arm,
        factor: f64,
    ) -> Option<Trip> {
        let mut rng = Rng::new(seed).fork_index("costs", from);
        (from..from + count).find_map(|place| {
            let now = Time::from_nanos(place * 100_000_000);
            let cost = Duration::from_secs_f64(factor * rng.exponential());
            guardrail.handle_outcome(now, arm, Outcome { arrived: now, cost, size: 0 })
        })
    }

    fn taught(seed: u64) -> Guardrail {
        let mut guardrail = Guardrail::new(1.5).expect("a fair cap");
        assert_eq!(serve(&mut guardrail, seed, 0, 5_000, Arm::Off, 1.0), None);
        guardrail
    }

    #[test]
    fn harm_at_the_cap_trips_it_within_five_hundred_outcomes() {
        let mut outcomes: Vec<u64> = (0..200)
            .map(|seed| {
                let trip = serve(&mut taught(seed), seed, 10_000, 5_000, Arm::On, 1.5);
                trip.expect("it trips at last").outcomes
            })
            .collect();
        outcomes.sort_unstable();
        assert!(outcomes[180] <= 500, "{outcomes:?}");
    }

    #[test]
    fn without_harm_it_does_not_trip() {
        let trips = (0..200)
            .filter(|&seed| serve(&mut taught(seed), seed, 10_000, 5_000, Arm::On, 1.0).is_some());
        assert_eq!(trips.count(), 0);
    }

    #[test]
    fn one_request_that_is_never_served_is_no_harm() {
        let mut guardrail = taught(1);
        let now = Time::from_nanos(2_000_000_000_000);
        let lost = Outcome { arrived: now, cost: Duration::MAX, size: 0 };
        assert_eq!(guardrail.handle_outcome(now, Arm::On, lost), None);
        assert_eq!(serve(&mut guardrail, 1, 30_000, 200, Arm::On, 1.0), None);
        let mut all_lost = (0..400).map(|step| {
            let now = Time::from_nanos(4_000_000_000_000 + step * 100_000_000);
            guardrail.handle_outcome(now, Arm::On, lost)
        });
        assert!(all_lost.any(|trip| trip.is_some()));
    }

    #[test]
    fn requests_that_were_never_served_do_not_spoil_what_is_compared_with() {
        let mut guardrail = Guardrail::new(1.5).expect("a fair cap");
        for round in 0..10 {
            assert_eq!(serve(&mut guardrail, 4, round * 500, 500, Arm::Off, 1.0), None);
            let arrived = Time::from_nanos(round * 50_000_000_000);
            let lost = Outcome { arrived, cost: Duration::MAX, size: 0 };
            guardrail.handle_outcome(arrived, Arm::Off, lost);
        }
        let trip = serve(&mut guardrail, 4, 10_000, 500, Arm::On, 2.5).expect("it is harm");
        assert!((2.0..3.0).contains(&trip.ratio), "{trip:?}");
    }

    #[test]
    fn with_nothing_to_compare_with_it_does_not_trip() {
        let mut guardrail = Guardrail::new(1.5).expect("a fair cap");
        assert_eq!(serve(&mut guardrail, 2, 0, 5_000, Arm::On, 100.0), None);
        assert!(!guardrail.is_ready());
    }

    #[test]
    fn a_cap_in_the_noise_is_refused() {
        for cap in [1.0, 0.5, f64::NAN, f64::INFINITY, -1.0] {
            assert!(Guardrail::new(cap).is_err(), "{cap}");
        }
    }
}
