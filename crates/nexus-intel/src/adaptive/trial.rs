//! What each adaptation in force is worth: one after the other is left out in some
//! blocks of time, and taken back where it measures worse.
//!
//! What relieves is judged by the time that requests take, as declared. What spends
//! time on purpose, a longer wait or a better answer, is judged by the requests that
//! miss their deadlines: by time alone it would always look like harm.
//!
//! Absent on purpose: adaptations that bounds force. They have no rule that could rest.

use std::time::Duration;

use nexus_base::{Rng, Time};

use super::adaptation::AdaptationId;
use super::adapter::Adapter;
use super::knobs::AdaptationKind;
use crate::layers::{TrialError, TrialSpec};
use crate::measure::{
    Arm, Gain, Guardrail, Objective, Outcome, Phase, Switchback, SwitchbackSpec, Verdict,
};

/// Blocks after which an adaptation of which nothing is sure stays as it is and makes
/// room for the next. The same guess as for layers.
const PATIENCE_BLOCKS: u64 = 150;

/// Within this a request is in time that counts as free, and beyond it is one that
/// counts as an hour: any length does.
const MISSED_ABOVE: Duration = Duration::from_secs(1);

/// Measures the adaptations of one [`Adapter`], the oldest first, each until it surely
/// pays or for 150 blocks.
///
/// An adaptation acts from when it is applied, also before enough is known to measure
/// it; then it is left out in every second block until the trial is over.
///
/// ```
/// use nexus_base::{Rng, Time};
/// use nexus_intel::adaptive::{AdaptationTrial, Adapter, AdapterSpec};
/// use nexus_intel::layers::TrialSpec;
/// use nexus_intel::measure::Objective;
///
/// let mut adapter = Adapter::new(AdapterSpec::default())?;
/// let spec = TrialSpec::new(Objective::MeanSeconds);
/// let mut trial = AdaptationTrial::new(Time::ZERO, spec, Rng::new(1))?;
/// let came = trial.handle_came(Time::ZERO, &mut adapter);
/// assert!(trial.measured().is_none(), "nothing is in force");
/// # let _ = came;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AdaptationTrial {
    spec: TrialSpec,
    rng: Rng,
    current: Option<Current>,
    /// The latest whose trial began: each has one.
    begun: AdaptationId,
}

#[derive(Clone, Debug)]
struct Current {
    id: AdaptationId,
    by_misses: bool,
    switchback: Switchback,
    /// `None` where time is spent on purpose.
    guardrail: Option<Guardrail>,
    told: Option<(u64, Verdict)>,
}

/// When a request began to be served, and on which arm of which trial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Came {
    at: Time,
    trial: Option<(AdaptationId, Arm)>,
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// What it cost.
    pub cost: Duration,
    /// Whether somebody still waited for it.
    pub in_time: bool,
}

/// An adaptation on trial.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct OnTrial {
    /// Which.
    pub id: AdaptationId,
    /// What requests cost with it, relative to without.
    pub gain: Gain,
    /// What the trial is doing.
    pub phase: Phase,
}

impl AdaptationTrial {
    /// A trial of nothing yet. In which blocks something is left out is drawn from `rng`.
    ///
    /// # Errors
    /// [`TrialError`] if the spec contradicts itself.
    pub fn new(now: Time, spec: TrialSpec, rng: Rng) -> Result<AdaptationTrial, TrialError> {
        // Whether it can be set up at all is said now, not when it is needed.
        Switchback::new(now, spec.switchback, rng.clone())?;
        Guardrail::new(spec.harm_cap)?;
        Ok(AdaptationTrial { spec, rng, current: None, begun: AdaptationId::new(0) })
    }

    /// A request begins to be served, with the knobs as they are after this.
    pub fn handle_came(&mut self, now: Time, adapter: &mut Adapter) -> Came {
        self.attend(now, adapter);
        let trial = self.current.as_ref().map(|current| (current.id, current.switchback.arm()));
        Came { at: now, trial }
    }

    /// A request that came has ended. What follows for the adaptation is done.
    pub fn handle_ended(&mut self, now: Time, came: Came, ended: Ended, adapter: &mut Adapter) {
        let Some(current) = &mut self.current else { return };
        let Some((_, arm)) = came.trial.filter(|(id, _)| *id == current.id) else { return };
        let by_misses = if ended.in_time { Duration::ZERO } else { Duration::MAX };
        let cost = if current.by_misses { by_misses } else { ended.cost };
        let outcome = Outcome { arrived: came.at, cost, size: 0 };
        current.switchback.handle_outcome(now, outcome);
        let guardrail = current.guardrail.as_mut();
        if let Some(trip) = guardrail.and_then(|rail| rail.handle_outcome(now, arm, outcome)) {
            let harm = format!("costs rose to {:.2} times those without it", trip.ratio);
            // One that is over already needs no end.
            let _ = adapter.handle_harm(now, current.id, &harm);
        }
        current.tell(now, adapter);
        self.attend(now, adapter);
    }

    /// What is measured now.
    pub fn measured(&self) -> Option<OnTrial> {
        self.current.as_ref().map(|current| OnTrial {
            id: current.id,
            gain: current.switchback.gain(),
            phase: current.switchback.phase(),
        })
    }

    /// Ends what is over, begins what is next, and has the knobs show the arm.
    fn attend(&mut self, now: Time, adapter: &mut Adapter) {
        if let Some(current) = &self.current {
            let in_force = adapter.in_force().any(|adaptation| adaptation.id == current.id);
            if !in_force || current.has_had_its_turn() {
                self.current = None;
                adapter.end_trial(now);
            }
        }
        if self.current.is_none() {
            let next = adapter.in_force().find(|adaptation| adaptation.id > self.begun);
            let next = next.map(|adaptation| (adaptation.id, adaptation.kind));
            self.current = next.map(|(id, kind)| self.begin(now, id, kind));
        }
        let Some(current) = &mut self.current else { return };
        current.switchback.handle_timeout(now);
        let shown = (current.id, current.switchback.arm());
        if adapter.trial() != Some(shown) {
            let set = adapter.set_trial_arm(now, shown.0, shown.1);
            set.expect("it is in force, and nobody else tries any");
        }
    }

    fn begin(&mut self, now: Time, id: AdaptationId, kind: AdaptationKind) -> Current {
        self.begun = id;
        let by_misses =
            matches!(kind, AdaptationKind::RaiseTimeout | AdaptationKind::PreferQuality);
        let mut spec = self.spec.switchback;
        if by_misses {
            let objective = Objective::MissedShare(MISSED_ABOVE);
            spec = SwitchbackSpec { objective, ..spec };
        }
        let rng = self.rng.fork_index("adaptation", id.number());
        let switchback = Switchback::new(now, spec, rng).expect("the spec was checked");
        let guardrail = Guardrail::new(self.spec.harm_cap).expect("the cap was checked");
        Current {
            id,
            by_misses,
            switchback: switchback.settling_on(),
            guardrail: (!by_misses).then_some(guardrail),
            told: None,
        }
    }
}

impl Current {
    fn has_had_its_turn(&self) -> bool {
        self.told
            .is_some_and(|(blocks, verdict)| verdict == Verdict::Gain || blocks >= PATIENCE_BLOCKS)
    }

    /// Tells the adapter what is new.
    fn tell(&mut self, now: Time, adapter: &mut Adapter) {
        let (gain, verdict) = (self.switchback.gain(), self.switchback.verdict());
        if self.told != Some((gain.blocks, verdict)) {
            self.told = Some((gain.blocks, verdict));
            // One that is forgotten by now is over.
            let _ = adapter.handle_gain(now, self.id, gain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adaptive::{AdapterSpec, Pace, RolledBack, Rule, RuleSpec, Rules, Sensor, Side};

    fn at(second: f64) -> Time {
        Time::ZERO.after(Duration::from_secs_f64(second))
    }

    /// A busy processor has `kind` applied, once.
    fn adapted(kind: AdaptationKind) -> Adapter {
        let rule = Rule::new(RuleSpec {
            name: "busy".to_owned(),
            sensor: Sensor::Cpu,
            when: Side::Above,
            enter: 0.9,
            leave: 0.7,
            enter_after_s: 1.0,
            leave_after_s: 86_400.0,
            adaptation: kind,
        });
        let rules = Rules::new(vec![rule.expect("it makes sense")]).expect("one of a name");
        let pace = Pace {
            dwell: Duration::from_secs(86_400),
            rest_min: Duration::from_secs(86_400),
            ..Pace::default()
        };
        let spec = AdapterSpec { rules, pace, ..AdapterSpec::default() };
        let mut adapter = Adapter::new(spec).expect("it holds together");
        for second in 0..3 {
            let reading = 0.95 + f64::from(second) * 1e-6;
            adapter.handle_reading(at(f64::from(second)), Sensor::Cpu, reading).expect("a share");
        }
        assert_eq!(adapter.in_force().count(), 1);
        adapter
    }

    /// Twenty requests a second for `seconds`, that end as `ends` says by whether the
    /// adaptation shows in the knobs and by their number.
    fn serve(
        kind: AdaptationKind,
        seconds: u32,
        ends: impl Fn(bool, u32) -> Ended,
    ) -> (Adapter, AdaptationTrial) {
        let mut adapter = adapted(kind);
        let full = adapter.knobs();
        let spec = TrialSpec::new(Objective::MeanSeconds);
        let mut trial = AdaptationTrial::new(at(3.0), spec, Rng::new(3)).expect("a sound spec");
        for number in 0..20 * seconds {
            let began = at(3.0 + f64::from(number) / 20.0);
            // Readings go on, so that the sensor is believed.
            let reading = 0.95 + f64::from(number % 7) * 1e-3;
            adapter.handle_reading(began, Sensor::Cpu, reading).expect("a share");
            let came = trial.handle_came(began, &mut adapter);
            let ended = ends(adapter.knobs() == full, number);
            let end = began.after(ended.cost.min(Duration::from_millis(40)));
            trial.handle_ended(end, came, ended, &mut adapter);
        }
        (adapter, trial)
    }

    fn in_time(millis: u64) -> Ended {
        Ended { cost: Duration::from_millis(millis), in_time: true }
    }

    #[test]
    fn what_relieves_is_kept_for_good_once_it_surely_does() {
        let quicker =
            |with, number: u32| in_time(if with { 5 } else { 10 } + u64::from(number % 3));
        let (adapter, trial) = serve(AdaptationKind::ReduceComplexity, 1_200, quicker);
        let kept = adapter.in_force().next().expect("it pays");
        let [_, high] = kept.gain.expect("measured").interval.expect("by many blocks");
        assert!(high < 0.8, "{high}");
        assert_eq!((trial.measured(), adapter.trial()), (None, None), "its trial is over");
        assert!(adapter.knobs().complexity < 1.0);
    }

    #[test]
    fn what_makes_requests_slower_is_taken_back_by_itself() {
        let check = |slower: u64| {
            let ends =
                |with, number: u32| in_time(if with { slower } else { 10 } + u64::from(number % 3));
            let (adapter, trial) = serve(AdaptationKind::ReduceComplexity, 1_200, ends);
            let ended = adapter.history().iter().next().expect("it was applied").clone();
            let end = ended.rolled_back.expect("it does not pay");
            assert!(matches!(end.how, RolledBack::Automatic(_)), "{end:?}");
            assert_eq!((trial.measured(), adapter.knobs().complexity), (None, 1.0));
            end.at
        };
        // The guardrail needs a block or two, the intervals some more.
        assert!(check(40) < check(12));
    }

    #[test]
    fn what_spends_time_on_purpose_is_judged_by_deadlines_that_are_missed() {
        let slower =
            |with, number: u32| in_time(if with { 30 } else { 10 } + u64::from(number % 3));
        let (adapter, _) = serve(AdaptationKind::PreferQuality, 1_200, slower);
        assert!(adapter.knobs().prefer_quality, "slower, but nobody waited in vain");

        let late = |with: bool, number: u32| Ended {
            in_time: !number.is_multiple_of(if with { 4 } else { 16 }),
            ..in_time(10)
        };
        let (adapter, _) = serve(AdaptationKind::PreferQuality, 1_200, late);
        assert_eq!(adapter.in_force().count(), 0);
        // The other way round it is a gain.
        let helped = |with: bool, number: u32| late(!with, number);
        let (adapter, _) = serve(AdaptationKind::RaiseTimeout, 1_200, helped);
        let gain = adapter.in_force().next().expect("it pays").gain.expect("measured");
        assert!(gain.ratio.expect("a ratio") < 0.5, "{gain}");
    }

    #[test]
    fn a_step_is_left_out_with_those_that_go_further() {
        let mut spec = AdapterSpec::default();
        spec.pace.dwell = Duration::from_secs(1);
        let mut adapter = Adapter::new(spec).expect("it holds together");
        for second in 0..30 {
            let reading = 0.95 + f64::from(second) * 1e-6;
            adapter.handle_reading(at(f64::from(second)), Sensor::Cpu, reading).expect("a share");
        }
        let ids: Vec<_> = adapter.in_force().map(|adaptation| adaptation.id).collect();
        assert_eq!((ids.len(), adapter.knobs().complexity), (2, 0.5));
        let mut without = |id| {
            adapter.end_trial(at(30.0));
            adapter.set_trial_arm(at(30.0), id, Arm::Off).expect("in force").complexity
        };
        assert_eq!((without(ids[0]), without(ids[1])), (1.0, 0.75));
    }

    #[test]
    fn an_adaptation_that_ends_meanwhile_is_left_alone() {
        let (mut adapter, mut trial) =
            serve(AdaptationKind::ReduceComplexity, 1, |_, _| in_time(5));
        let id = trial.measured().expect("it is in force").id;
        let came = trial.handle_came(at(5.0), &mut adapter);
        adapter.rollback(at(5.1), id).expect("it is in force");
        trial.handle_ended(at(5.2), came, in_time(5), &mut adapter);
        assert_eq!((trial.measured(), adapter.knobs().complexity), (None, 1.0));
    }
}
