//! Measuring the layers of a live pool or kind, one after the other from below.

use std::time::Duration;

use nexus_base::{Level, Rng, Time};

use crate::measure::{
    Arm, ErrorBudget, Gain, Guardrail, Objective, Outcome, Phase, Span, Switchback, SwitchbackSpec,
    Verdict,
};
use crate::safety::{Ladder, Reason, Stage};

/// How the layers of a live pool or kind are measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TrialSpec {
    /// How each is switched to and fro; its `alpha` is what all of them may err together.
    pub switchback: SwitchbackSpec,
    /// A layer that makes costs so many times what they are without is to be stopped
    /// within a block.
    pub harm_cap: f64,
}

impl TrialSpec {
    /// The usual for this objective: stopped at one and a half times the cost.
    pub const fn new(objective: Objective) -> TrialSpec {
        TrialSpec { switchback: SwitchbackSpec::new(objective), harm_cap: 1.5 }
    }
}

/// Why a trial cannot be set up like this.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// Its switchback.
    #[error(transparent)]
    Switchback(#[from] crate::measure::SwitchbackError),
    /// What it may err.
    #[error(transparent)]
    Budget(#[from] crate::measure::BudgetError),
    /// Its guardrail.
    #[error(transparent)]
    HarmCap(#[from] crate::measure::HarmCapError),
}

/// Blocks after which a layer of which nothing is sure yet makes room for the next one
/// above it, and has its turn again later. A guess: where a gain is worth having, one
/// of 5 % was sure by then on the pools tried.
const PATIENCE_BLOCKS: u64 = 150;

/// The trial of one layer at a time, against the next lower one in use: of those that
/// are tried above all in use, in turn from below, or else the highest in use.
#[derive(Debug)]
pub struct Trial {
    spec: TrialSpec,
    rng: Rng,
    layer: Option<Layer>,
    /// Above which level the next layer to be tried is.
    above: Level,
    /// Whether layers are used until it is known how long blocks have to be.
    settles_on: bool,
}

/// When a request came, and in a block of which arm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counted {
    at: Time,
    arm: Arm,
    size: u64,
}

/// The layer that is measured.
#[derive(Debug)]
struct Layer {
    level: Level,
    switchback: Switchback,
    guardrail: Guardrail,
    /// Blocks that the ladder has been told of.
    told: Option<(u64, Verdict)>,
}

impl Trial {
    /// A trial of nothing yet. In which blocks a layer is used is drawn from `rng`.
    ///
    /// # Errors
    /// [`TrialError`] if the spec contradicts itself.
    pub fn new(now: Time, mut spec: TrialSpec, rng: Rng) -> Result<Trial, TrialError> {
        let mut budget = ErrorBudget::new(spec.switchback.alpha, 1)?;
        spec.switchback.alpha = budget.take("this", Level::Proactive)?;
        // Whether it can be set up at all is said now, not when it is needed.
        Switchback::new(now, spec.switchback, rng.fork("trial"))?;
        Guardrail::new(spec.harm_cap)?;
        Ok(Trial { spec, rng, layer: None, above: Level::Reactive, settles_on: false })
    }

    /// The same, with layers used also while it is not known how long blocks have to be.
    pub fn settling_on(self) -> Trial {
        Trial { settles_on: true, ..self }
    }

    /// The level that is to serve, where nothing is used that is not measured.
    pub fn level(&self, ladder: &Ladder) -> Level {
        match &self.layer {
            Some(layer) if layer.switchback.arm() == Arm::On => layer.level,
            Some(layer) => below(ladder, layer.level),
            None => Level::Reactive,
        }
    }

    /// The layer that is measured.
    pub fn measures(&self) -> Option<Level> {
        self.layer.as_ref().map(|layer| layer.level)
    }

    /// The layer that is left out at present, so that it can be told what it is worth.
    pub fn left_out(&self) -> Option<Level> {
        let layer = self.layer.as_ref().filter(|layer| layer.switchback.arm() == Arm::Off);
        layer.map(|layer| layer.level)
    }

    /// Measures what the ladder says is next, and ends blocks that are over. A layer that
    /// does nothing at present, as `acts` says, is not measured.
    pub fn attend(&mut self, now: Time, ladder: &Ladder, acts: impl Fn(Level) -> bool) {
        if let Some(layer) = self.layer.as_ref().filter(|layer| layer.has_had_its_turn()) {
            self.above = layer.level;
        }
        let next = self.next(ladder, acts);
        if next != self.layer.as_ref().map(|layer| layer.level) {
            self.layer = next.map(|level| self.begin(now, level));
        }
        if let Some(layer) = &mut self.layer {
            layer.switchback.handle_timeout(now);
        }
    }

    /// The layer to measure. Where a layer is in use those below it are part of it, and
    /// are not tried by themselves any more.
    fn next(&mut self, ladder: &Ladder, acts: impl Fn(Level) -> bool) -> Option<Level> {
        let acts = &acts;
        let in_stage = |stage| move |level: &Level| ladder.stage(*level) == stage && acts(*level);
        let in_use = Level::ALL[1..].iter().copied().rfind(in_stage(Stage::On));
        let is_trying = in_stage(Stage::Trying);
        let tried = || {
            Level::ALL[1..]
                .iter()
                .copied()
                .filter(|level| is_trying(level) && Some(*level) > in_use)
        };
        let in_turn = tried().find(|&level| level > self.above);
        if in_turn.is_none() {
            self.above = Level::Reactive;
        }
        in_turn.or(tried().next()).or(in_use)
    }

    fn begin(&self, now: Time, level: Level) -> Layer {
        let rng = self.rng.fork(level.as_str()).fork_index("trial", now.as_nanos());
        let switchback = Switchback::new(now, self.spec.switchback, rng);
        let switchback = switchback.expect("the spec was checked");
        let guardrail = Guardrail::new(self.spec.harm_cap);
        Layer {
            level,
            switchback: if self.settles_on { switchback.settling_on() } else { switchback },
            guardrail: guardrail.expect("the cap was checked"),
            told: None,
        }
    }

    /// A request came, of such a size.
    pub fn count(&self, now: Time, size: u64) -> Counted {
        let arm = self.layer.as_ref().map_or(Arm::Off, |layer| layer.switchback.arm());
        Counted { at: now, arm, size }
    }

    /// A request has ended that was counted. What follows for the ladder, if anything.
    pub fn record(&mut self, now: Time, counted: Counted, cost: Duration, ladder: &mut Ladder) {
        let Some(layer) = &mut self.layer else { return };
        let outcome = Outcome { arrived: counted.at, cost, size: counted.size };
        layer.switchback.handle_outcome(now, outcome);
        if let Some(trip) = layer.guardrail.handle_outcome(now, counted.arm, outcome) {
            let reason = Reason::Guardrail { ratio: trip.ratio };
            let _ = ladder.handle_fault(now, layer.level, reason);
            return;
        }
        layer.tell(now, ladder);
    }

    /// The level without the layer that is measured, and with it.
    pub fn levels(&self, ladder: &Ladder) -> Option<[Level; 2]> {
        let layer = self.layer.as_ref()?;
        Some([below(ladder, layer.level), layer.level])
    }

    /// The present block, if anything is measured in it.
    pub fn span(&self) -> Option<Span> {
        self.layer.as_ref()?.switchback.span()
    }

    /// What layers are judged by.
    pub fn objective(&self) -> Objective {
        self.spec.switchback.objective
    }

    /// What is measured, of which layer, and what the switchback is doing.
    pub fn measured(&self) -> Option<(Level, Gain, Phase)> {
        let layer = self.layer.as_ref()?;
        Some((layer.level, layer.switchback.gain(), layer.switchback.phase()))
    }
}

impl Counted {
    /// When it came.
    pub fn at(&self) -> Time {
        self.at
    }
}

impl Layer {
    /// Whether it has been measured for long, and nothing is sure.
    fn has_had_its_turn(&self) -> bool {
        self.told.is_some_and(|(blocks, verdict)| {
            verdict == Verdict::Unsure && blocks >= PATIENCE_BLOCKS
        })
    }

    /// Tells the ladder what is new.
    fn tell(&mut self, now: Time, ladder: &mut Ladder) {
        let (gain, verdict) = (self.switchback.gain(), self.switchback.verdict());
        if self.told != Some((gain.blocks, verdict)) {
            self.told = Some((gain.blocks, verdict));
            let told = ladder.handle_verdict(now, self.level, verdict, gain);
            told.expect("only layers above the reactive level are measured");
        }
    }
}

/// The highest level in use below `level`.
fn below(ladder: &Ladder, level: Level) -> Level {
    let lower = Level::ALL.into_iter().rev().filter(|&lower| lower < level);
    lower.into_iter().find(|&lower| ladder.stage(lower) == Stage::On).unwrap_or_default()
}

#[cfg(all(test, feature = "adaptive"))]
mod tests {
    use super::*;
    use crate::safety::LadderSpec;

    /// One request a second of 0.1 to 0.9 s, whichever the layer, until another layer
    /// than `level` is measured; how many came meanwhile.
    fn serve_until_next(
        trial: &mut Trial,
        ladder: &mut Ladder,
        rng: &mut Rng,
        from: u64,
        level: Level,
    ) -> u64 {
        for number in from..from + 20_000 {
            let came = Time::from_nanos(number * 1_000_000_000);
            trial.attend(came, ladder, |_| true);
            if trial.measured().is_none_or(|(measured, ..)| measured != level) {
                return number;
            }
            let counted = trial.count(came, 1);
            let cost = Duration::from_secs_f64(0.1 + 0.8 * rng.unit());
            trial.record(came.after(cost), counted, cost, ladder);
        }
        panic!("{level} is measured for ever: {:?}", trial.measured());
    }

    #[test]
    fn a_layer_of_which_nothing_is_sure_makes_room_for_the_next_and_has_its_turn_again() {
        let enabled = vec![Level::Proactive, Level::Adaptive];
        let spec = LadderSpec { asked: Level::Adaptive, enabled, ..LadderSpec::default() };
        let mut ladder = Ladder::new(Time::ZERO, spec).expect("the usual patience");
        let spec = TrialSpec::new(Objective::MeanSeconds);
        let mut trial = Trial::new(Time::ZERO, spec, Rng::new(1)).expect("the usual spec");
        trial.attend(Time::ZERO, &ladder, |_| true);
        let (mut rng, mut at) = (Rng::new(2), 0);
        for level in [Level::Proactive, Level::Adaptive, Level::Proactive] {
            assert_eq!(trial.measured().map(|(level, ..)| level), Some(level));
            at = serve_until_next(&mut trial, &mut ladder, &mut rng, at, level);
        }
        for level in [Level::Proactive, Level::Adaptive] {
            assert_eq!(ladder.stage(level), Stage::Trying, "nothing is sure of either");
        }
    }

    #[test]
    fn a_layer_that_does_nothing_at_present_is_not_measured() {
        let enabled = vec![Level::Proactive, Level::Adaptive];
        let spec = LadderSpec { asked: Level::Adaptive, enabled, ..LadderSpec::default() };
        let ladder = Ladder::new(Time::ZERO, spec).expect("the usual patience");
        let spec = TrialSpec::new(Objective::MeanSeconds);
        let trial = Trial::new(Time::ZERO, spec, Rng::new(1)).expect("the usual spec");
        let mut trial = trial.settling_on();
        let mut check = |acts: &dyn Fn(Level) -> bool, measured: Option<Level>| {
            trial.attend(Time::ZERO, &ladder, acts);
            assert_eq!(trial.measured().map(|(level, ..)| level), measured);
            assert_eq!(trial.left_out(), None, "it settles");
        };
        check(&|_| false, None);
        check(&|level| level == Level::Adaptive, Some(Level::Adaptive));
        check(&|level| level == Level::Proactive, Some(Level::Proactive));
    }
}
