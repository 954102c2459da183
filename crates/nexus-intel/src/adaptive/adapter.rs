//! The adapter: readings in, adaptations out.
//!
//! Which knobs stand where follows from the set of adaptations in force alone,
//! not from the order in which they came. So any one of them can be taken back
//! at any time, and what is left is as if it had never been: of the newest, the
//! knobs from just before it; of an earlier one, those of the others together.
//!
//! Absent on purpose: the gain of an adaptation is measured elsewhere and handed
//! in; what handlers do with the knobs is theirs.

mod rule_state;

use nexus_base::{BoundedQueue, Time};

use super::adaptation::{Adaptation, AdaptationId, End, Reason, RolledBack};
use super::bounds::{Bounds, Steps};
use super::effect::Effect;
use super::history::{History, Missing};
use super::knobs::{AdaptationKind, Knobs};
use super::pace::{Pace, PaceError};
use super::rules::Rules;
use super::sensor::Sensor;
use super::sensors::{Health, ReadingError, SensorSpec, SensorSpecError, Sensors, Turn};

use crate::measure::{Arm, Gain, Verdict};
use rule_state::RuleState;

/// Effects that wait for being polled, at most; the oldest give way, the latest
/// [`Effect::Turn`] never does. A guess.
pub const EFFECTS_MAX: usize = 1_024;

/// Characters of what a guardrail says that are kept.
const HARM_CHARS_MAX: usize = 200;

/// What is worth having, as a share: whatever is surely no harm. Whether a gain pays
/// for its trouble is for the ladder to say, of a whole layer.
const ANY_GAIN: f64 = 0.0;

/// What an adapter is made of.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AdapterSpec {
    /// What is done about what.
    pub rules: Rules,
    /// How far.
    pub bounds: Bounds,
    /// When sensors are doubted.
    pub sensors: SensorSpec,
    /// How fast.
    pub pace: Pace,
}

/// An adapter that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AdapterError {
    /// For its sensors.
    #[error("the sensors are badly specified")]
    Sensors(#[from] SensorSpecError),
    /// For its pace.
    #[error("the pace is badly specified")]
    Pace(#[from] PaceError),
}

/// An adaptation that cannot be rolled back. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RollbackError {
    /// It is not in the history.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// It was rolled back before.
    #[error("adaptation {id} was rolled back already, at {at}")]
    Already {
        /// Which.
        id: AdaptationId,
        /// When it was.
        at: Time,
    },
}

/// An adaptation that cannot be tried. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrialError {
    /// It is not in force.
    #[error(transparent)]
    NotInForce(#[from] RollbackError),
    /// Another one is: of two at once nobody could tell which did what.
    #[error("adaptation {0} is on trial: end that first")]
    Another(AdaptationId),
}

/// What followed from a measured gain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GainOutcome {
    /// It stays in force.
    Kept,
    /// It measured worse and was rolled back.
    RolledBack,
    /// It was over already; the gain is in the history.
    OverAlready,
}

/// Applies what rules ask for, step by step and inside bounds, and takes it back.
///
/// Time does not run backwards here: an earlier `now` counts as the latest seen.
///
/// ```
/// use std::time::Duration;
/// use nexus_base::Time;
/// use nexus_intel::adaptive::{Adapter, AdapterSpec, Sensor};
///
/// let mut adapter = Adapter::new(AdapterSpec::default())?;
/// for second in 0..12u32 {
///     let now = Time::ZERO.after(Duration::from_secs(u64::from(second)));
///     adapter.handle_reading(now, Sensor::Cpu, 0.95 + f64::from(second) * 1e-6)?;
/// }
/// assert_eq!(adapter.knobs().complexity, 0.75);
/// let now = Time::ZERO.after(Duration::from_secs(12));
/// let id = adapter.history().iter().next().expect("one was applied").id;
/// assert_eq!(adapter.rollback(now, id)?.complexity, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Adapter {
    rules: Rules,
    bounds: Bounds,
    pace: Pace,
    sensors: Sensors,
    /// One for each rule.
    states: Vec<RuleState>,
    history: History,
    /// In force, by increasing id. Bounded by the steps that bounds have room for.
    active: Vec<Active>,
    trial: Option<(AdaptationId, Arm)>,
    /// Rules have nothing done before.
    next_step_at: Time,
    /// Where the knobs stood when that was last told.
    told: Knobs,
    effects: BoundedQueue<Effect>,
    effects_lost: u64,
    now: Time,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    id: AdaptationId,
    kind: AdaptationKind,
    rule_index: usize,
}

impl Adapter {
    /// An adapter that has applied nothing. Knobs that bounds force are turned:
    /// poll the effects.
    ///
    /// # Errors
    /// [`AdapterError`] if the specification does not hold.
    pub fn new(spec: AdapterSpec) -> Result<Adapter, AdapterError> {
        let AdapterSpec { rules, bounds, sensors, pace } = spec;
        pace.check()?;
        let mut adapter = Adapter {
            states: rules.iter().map(|_| RuleState::default()).collect(),
            rules,
            bounds,
            pace,
            sensors: Sensors::new(sensors)?,
            history: History::default(),
            active: Vec::new(),
            trial: None,
            next_step_at: Time::ZERO,
            told: Knobs::NEUTRAL,
            effects: BoundedQueue::new(EFFECTS_MAX),
            effects_lost: 0,
            now: Time::ZERO,
        };
        adapter.tell_knobs();
        Ok(adapter)
    }

    /// Where the knobs stand now; with the arm of a trial off, without what is
    /// on trial and the further steps of its kind.
    pub fn knobs(&self) -> Knobs {
        let left_out = self.trial.and_then(|(id, arm)| (arm == Arm::Off).then_some(id));
        self.bounds.knobs(&self.steps(left_out))
    }

    /// What was applied.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What is in force, oldest first.
    pub fn in_force(&self) -> impl Iterator<Item = &Adaptation> {
        let remembered = |active: &Active| self.history.get(active.id);
        self.active.iter().map(move |active| remembered(active).expect("in force, so remembered"))
    }

    /// The sensors, and whether they are believed.
    pub fn sensors(&self) -> &Sensors {
        &self.sensors
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The bounds.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What is on trial, and which arm its knobs show.
    pub fn trial(&self) -> Option<(AdaptationId, Arm)> {
        self.trial
    }

    /// Effects that gave way because nobody polled.
    pub fn effects_lost(&self) -> u64 {
        self.effects_lost
    }

    /// Takes in one reading of a sensor.
    ///
    /// # Errors
    /// [`ReadingError`] if it cannot be: counted, and not used.
    pub fn handle_reading(
        &mut self,
        now: Time,
        sensor: Sensor,
        reading: f64,
    ) -> Result<(), ReadingError> {
        // What was due before comes before.
        self.handle_timeout(now);
        let turn = self.sensors.handle_reading(self.now, sensor, reading)?;
        if let Some(turn) = turn {
            self.tell_turn(turn);
        }
        self.handle_timeout(now);
        Ok(())
    }

    /// Does what is due at `now`. A late call is safe; a missing one is not.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        while let Some(turn) = self.sensors.handle_timeout(self.now) {
            self.tell_turn(turn);
        }
        self.look_at_rules();
        self.take_step();
        self.tell_knobs();
    }

    /// When to call [`Self::handle_timeout`] next; `None` while nothing is pending.
    pub fn next_timeout(&self) -> Option<Time> {
        let indices = 0..self.states.len();
        let dues = indices.flat_map(|index| [self.leave_due(index), self.enter_due(index)]);
        let step = dues.flatten().min().map(|due| due.max(self.next_step_at));
        step.into_iter().chain(self.sensors.next_timeout()).min()
    }

    /// The oldest thing the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop()
    }

    /// Takes back one adaptation, whichever: the others stay, and the knobs are
    /// as if it had never been. Its rule [rests](Pace). Returns where the knobs
    /// stand now.
    ///
    /// # Errors
    /// [`RollbackError`] if there is none to take back; nothing was changed.
    pub fn rollback(&mut self, now: Time, id: AdaptationId) -> Result<Knobs, RollbackError> {
        let active = self.find(id)?;
        self.now = self.now.max(now);
        self.end_badly(active, RolledBack::ByOperator);
        Ok(self.knobs())
    }

    /// Takes in what one adaptation was measured to be worth. If all of the
    /// interval is harm it is taken back, and its rule [rests](Pace); if all of
    /// it is gain, past failures of the rule are forgotten.
    ///
    /// # Errors
    /// [`Missing`] if the adaptation is not in the history; nothing was changed.
    pub fn handle_gain(
        &mut self,
        now: Time,
        id: AdaptationId,
        gain: Gain,
    ) -> Result<GainOutcome, Missing> {
        self.history.get_mut(id)?.gain = Some(gain);
        self.now = self.now.max(now);
        let Ok(active) = self.find(id) else { return Ok(GainOutcome::OverAlready) };
        let verdict = gain.verdict(ANY_GAIN);
        if verdict == Verdict::Harm {
            self.end_badly(active, RolledBack::Automatic(Reason::Worse(gain)));
            return Ok(GainOutcome::RolledBack);
        }
        if verdict == Verdict::Gain {
            self.states[active.rule_index].forgive();
        }
        Ok(GainOutcome::Kept)
    }

    /// Takes back an adaptation of which a guardrail says that it does `harm`.
    /// Its rule [rests](Pace).
    ///
    /// # Errors
    /// [`RollbackError`] if there is none to take back; nothing was changed.
    pub fn handle_harm(
        &mut self,
        now: Time,
        id: AdaptationId,
        harm: &str,
    ) -> Result<Knobs, RollbackError> {
        let active = self.find(id)?;
        self.now = self.now.max(now);
        let harm = harm.chars().take(HARM_CHARS_MAX).collect();
        self.end_badly(active, RolledBack::Automatic(Reason::Harm(harm)));
        Ok(self.knobs())
    }

    /// Has the knobs show one adaptation or leave it out, as blocks of a trial
    /// say. It is on trial until [`Self::end_trial`], or until it ends. Returns
    /// where the knobs stand now.
    ///
    /// # Errors
    /// [`TrialError`] if it is not in force or another one is on trial.
    pub fn set_trial_arm(
        &mut self,
        now: Time,
        id: AdaptationId,
        arm: Arm,
    ) -> Result<Knobs, TrialError> {
        self.find(id)?;
        if let Some((other, _)) = self.trial.filter(|(other, _)| *other != id) {
            return Err(TrialError::Another(other));
        }
        self.now = self.now.max(now);
        self.trial = Some((id, arm));
        self.tell_knobs();
        Ok(self.knobs())
    }

    /// Ends the trial, if there is one: the knobs show all that is in force.
    pub fn end_trial(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.trial = None;
        self.tell_knobs();
    }

    fn find(&self, id: AdaptationId) -> Result<Active, RollbackError> {
        if let Some(active) = self.active.iter().find(|active| active.id == id) {
            return Ok(*active);
        }
        let ended = self.history.get(id)?.rolled_back.as_ref();
        let at = ended.expect("what is not in force has ended").at;
        Err(RollbackError::Already { id, at })
    }

    /// How many steps of each kind are in force, one of them and those that go further
    /// left out: a handler in two variants would not notice the one alone.
    fn steps(&self, left_out: Option<AdaptationId>) -> Steps {
        let mut steps = Steps::default();
        let out = left_out.and_then(|id| self.find(id).ok());
        let is_out =
            |active: &Active| out.is_some_and(|out| active.kind == out.kind && active.id >= out.id);
        let counted = self.active.iter().filter(|active| !is_out(active));
        counted.for_each(|active| steps[active.kind as usize] += 1);
        steps
    }

    /// Whether one more step would turn any knob.
    fn has_room(&self, kind: AdaptationKind) -> bool {
        let steps = self.steps(None);
        let mut further = steps;
        further[kind as usize] += 1;
        self.bounds.knobs(&steps) != self.bounds.knobs(&further)
    }

    fn newest_of(&self, rule_index: usize) -> Option<Active> {
        self.active.iter().rfind(|active| active.rule_index == rule_index).copied()
    }

    /// When a step of this rule is to be taken back.
    fn leave_due(&self, rule_index: usize) -> Option<Time> {
        let left_since = self.states[rule_index].left_since()?;
        self.newest_of(rule_index)?;
        Some(left_since.after(self.rules.get(rule_index).leave_after()))
    }

    /// When a step of this rule is to be applied.
    fn enter_due(&self, rule_index: usize) -> Option<Time> {
        let rule = self.rules.get(rule_index);
        let met = self.states[rule_index].met_since()?.after(rule.enter_after());
        let due = met.max(self.states[rule_index].rests_until());
        self.has_room(rule.adaptation()).then_some(due)
    }

    fn look_at_rules(&mut self) {
        for rule_index in 0..self.states.len() {
            let rule = self.rules.get(rule_index);
            let sensor = rule.sensor();
            let reading = self.sensors.reading(sensor);
            self.states[rule_index].handle_reading(self.now, rule, reading);
            if let Health::Doubted(doubt) = self.sensors.health(sensor) {
                while let Some(active) = self.newest_of(rule_index) {
                    let reason = Reason::Doubted(sensor, doubt);
                    self.end(active, RolledBack::Automatic(reason));
                }
            }
        }
    }

    /// One step at a time: back before forth, and of those forth by precedence.
    fn take_step(&mut self) {
        if self.now < self.next_step_at {
            return;
        }
        let is_due = |due: Option<Time>| due.is_some_and(|due| due <= self.now);
        let rules = 0..self.states.len();
        if let Some(back) = rules.clone().find(|index| is_due(self.leave_due(*index))) {
            let active = self.newest_of(back).expect("due, so there is one");
            self.end(active, RolledBack::RuleLeft);
            self.states[back].note_step(self.now);
            self.next_step_at = self.now.after(self.pace.dwell);
            return;
        }
        let forth = AdaptationKind::ALL.iter().find_map(|kind| {
            let of_kind = |index: &usize| self.rules.get(*index).adaptation() == *kind;
            rules.clone().find(|index| of_kind(index) && is_due(self.enter_due(*index)))
        });
        if let Some(forth) = forth {
            self.apply(forth);
        }
    }

    fn apply(&mut self, rule_index: usize) {
        let rule = self.rules.get(rule_index);
        let (kind, sensor, name) = (rule.adaptation(), rule.sensor(), rule.name().to_owned());
        let (id, now) = (self.history.next_id(), self.now);
        let before = self.bounds.knobs(&self.steps(None));
        self.active.push(Active { id, kind, rule_index });
        let after = self.bounds.knobs(&self.steps(None));
        let readings = self.sensors.readings();
        let reading = readings.get(sensor).expect("its rule is met, so it shows something");
        self.history.push(Adaptation {
            id,
            kind,
            at: now,
            rule: name.clone(),
            sensor,
            readings,
            before,
            after,
            gain: None,
            rolled_back: None,
        });
        self.states[rule_index].note_step(now);
        self.next_step_at = now.after(self.pace.dwell);
        self.tell(Effect::Applied { id, kind, rule: name, sensor, reading });
    }

    /// Ends what did harm, or what somebody did not want: its rule rests.
    fn end_badly(&mut self, active: Active, how: RolledBack) {
        self.end(active, how);
        self.states[active.rule_index].rest(self.now, &self.pace);
        self.next_step_at = self.next_step_at.max(self.now.after(self.pace.dwell));
        self.tell_knobs();
    }

    fn end(&mut self, active: Active, how: RolledBack) {
        let Active { id, kind, .. } = active;
        self.active.retain(|other| other.id != id);
        self.trial = self.trial.filter(|(on_trial, _)| *on_trial != id);
        let record = self.history.get_mut(id).expect("what is in force is remembered");
        record.rolled_back = Some(End { at: self.now, how: how.clone() });
        let rule = record.rule.clone();
        self.tell(Effect::RolledBack { id, kind, rule, how });
    }

    fn tell_turn(&mut self, Turn { sensor, health }: Turn) {
        match health {
            Health::Doubted(doubt) => self.tell(Effect::Doubted { sensor, doubt }),
            Health::Trusted => self.tell(Effect::Trusted { sensor }),
            Health::Absent => (),
        }
    }

    fn tell_knobs(&mut self) {
        let knobs = self.knobs();
        if knobs != self.told {
            self.told = knobs;
            self.tell(Effect::Turn(knobs));
        }
    }

    fn tell(&mut self, effect: Effect) {
        let Some(lost) = self.effects.push_evicting(effect) else { return };
        self.effects_lost += 1;
        // Whoever polls late must still learn where the knobs stand.
        let later = self.effects.iter().any(|effect| matches!(effect, Effect::Turn(_)));
        if matches!(lost, Effect::Turn(_)) && !later {
            self.effects.push_evicting(lost);
        }
    }
}

#[cfg(test)]
mod tests;
