//! What the layers of a kind hold and decide, under their lock.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_agent::Event;
use nexus_base::{EventName, Level, Rng, Time};
use nexus_intel::adaptive::{AdaptationTrial, Adapter, AdapterError, AdapterSpec, Knobs};
use nexus_intel::layers::{Trial, TrialError, TrialSpec};
use nexus_intel::measure::{Objective, SwitchbackSpec};
use nexus_intel::safety::{Ladder, LadderEffect, LadderSpec, Reason, Stage};

use super::Asked;
use super::answers::{Answers, Life};
use super::fetch::Fetch;
use super::foreseen::Prophet;
use super::serving::Through;
use super::variants::Variants;
use super::why::KindWhy;
use super::written::Written;
use crate::pool::Measured;
use crate::reactive::LevelUsed;

/// Counters of lives that agents share by a hash of their keys. Two agents with one
/// counter cost each other answers when one starts anew, never a wrong one. A guess.
const LIVES_LEN: usize = 4_096;

/// Events that wait for a node to take them, at most; the oldest give way. A guess:
/// adaptations follow each other a second apart at the least, and readings take
/// events along every second.
const EVENTS_MAX: usize = 256;

/// The shortest block of a trial, as of pools.
const BLOCK_MIN: Duration = Duration::from_secs(2);

/// In which blocks something is left out follows from this: nothing that is measured
/// knows it.
const TRIAL_SEED: u64 = 0x6b69_6e64;

/// How adaptations are measured unless somebody says otherwise.
const TRIAL: TrialSpec = {
    let usual = TrialSpec::new(Objective::MeanSeconds);
    TrialSpec { switchback: SwitchbackSpec { block_min: BLOCK_MIN, ..usual.switchback }, ..usual }
};

#[derive(Debug)]
pub(super) struct Stack {
    pub(super) ladder: Ladder,
    pub(super) adapter: Adapter,
    pub(super) trial: AdaptationTrial,
    /// Of whole layers, if they are measured, and by what.
    pub(super) layers_trial: Option<(Trial, Objective)>,
    pub(super) prophet: Prophet,
    pub(super) fetch: Fetch,
    pub(super) answers: Answers,
    pub(super) variants: Variants,
    lives: Vec<u32>,
    events: VecDeque<Event>,
    /// The latest time that was handed in.
    pub(super) now: Time,
}

impl Stack {
    pub(super) fn new(adapter: AdapterSpec) -> Result<Stack, AdapterError> {
        let spec = LadderSpec {
            asked: Level::Emergent,
            built: vec![Level::Proactive, Level::Adaptive],
            ..LadderSpec::default()
        };
        let adapter = Adapter::new(adapter)?;
        let trial = AdaptationTrial::new(Time::ZERO, TRIAL, Rng::new(TRIAL_SEED));
        Ok(Stack {
            ladder: Ladder::new(Time::ZERO, spec).expect("the default holds together"),
            answers: Answers::new(adapter.knobs().cache),
            adapter,
            trial: trial.expect("the default holds together"),
            layers_trial: None,
            prophet: Prophet::default(),
            fetch: Fetch::default(),
            variants: Variants::default(),
            lives: vec![0; LIVES_LEN],
            events: VecDeque::new(),
            now: Time::ZERO,
        })
    }

    /// Has layers measured, and adaptations as they are.
    pub(super) fn set_trial(&mut self, spec: TrialSpec) -> Result<(), TrialError> {
        let rng = Rng::new(TRIAL_SEED);
        let layers = Trial::new(self.now, spec, rng.fork("layers"))?;
        self.adapter.end_trial(self.now);
        self.trial = AdaptationTrial::new(self.now, spec, rng)?;
        self.layers_trial = Some((layers.settling_on(), spec.switchback.objective));
        Ok(())
    }

    pub(super) fn begin_life(&mut self, key: &str) {
        let life = &mut self.lives[place(key)];
        *life = life.wrapping_add(1);
    }

    pub(super) fn life(&self, asked: &Asked<'_>) -> Life {
        (asked.id, self.lives[place(asked.key)])
    }

    /// What serves an agent that is set to `asked`.
    pub(super) fn level(&self, asked: Level) -> LevelUsed {
        let is_used = |level: &&Level| **level <= asked && self.is_used(**level);
        let used = *Level::ALL.iter().rev().find(is_used).expect("the reactive one always is");
        let reason = self.ladder.reason(asked).map(|reason| match reason {
            Reason::NotEnabled => format!("{asked} is not enabled"),
            Reason::NotBuilt => format!("{asked} is not built"),
            other => format!("{asked}: {other}"),
        });
        let left_out = self.left_out().filter(|level| *level == asked && reason.is_none());
        let left_out = left_out.map(|_| format!("{asked} is left out for a while, to be measured"));
        LevelUsed { asked, used, reason: reason.or(left_out) }
    }

    fn is_used(&self, level: Level) -> bool {
        self.ladder.reason(level).is_none() && self.left_out() != Some(level)
    }

    fn left_out(&self) -> Option<Level> {
        self.layers_trial.as_ref().and_then(|(trial, _)| trial.left_out())
    }

    /// The layers that a request goes through at an agent that is set to `asked`.
    pub(super) fn through(&self, asked: Level) -> Through {
        let through = |level| level <= asked && self.is_used(level);
        Through { proactive: through(Level::Proactive), adaptive: through(Level::Adaptive) }
    }

    /// How long a request that names no deadline may take where that is usually `usual`.
    pub(super) fn timeout(&self, asked: Level, request: &Written<'_>, usual: Duration) -> Duration {
        let through = self.through(asked);
        let predicted = through.proactive.then(|| self.prophet.wait(request, usual, self.now));
        let wait = predicted.unwrap_or(usual);
        if through.adaptive { self.adapter.knobs().timeout(wait) } else { wait }
    }

    /// Whether any layer is wanted: then the sensors are looked at.
    pub(super) fn is_enabled(&self) -> bool {
        let is_off = |reason: &Reason| {
            matches!(
                reason,
                Reason::NotEnabled | Reason::NotBuilt | Reason::Operator | Reason::NotAsked { .. }
            )
        };
        Level::ALL[1..].iter().any(|level| !self.ladder.reason(*level).is_some_and(is_off))
    }

    pub(super) fn pass(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.ladder.next_timeout().is_some_and(|at| at <= self.now) {
            self.ladder.handle_timeout(self.now);
            self.settle();
        }
        if let Some((trial, _)) = &mut self.layers_trial {
            let adapts = self.adapter.in_force().next().is_some();
            let adapts = adapts || self.adapter.knobs() != Knobs::NEUTRAL;
            let predicts = self.prophet.is_ready();
            trial.attend(self.now, &self.ladder, |level| match level {
                Level::Proactive => predicts,
                Level::Adaptive => adapts,
                Level::Reactive | Level::Emergent => false,
            });
        }
    }

    pub(super) fn invalidate(&mut self, asked: &Asked<'_>) {
        let life = self.life(asked);
        self.answers.invalidate(&life);
        self.fetch.handle_changed(&life);
    }

    /// Brings what is kept in line with the knobs, and notes what there is to tell.
    pub(super) fn settle(&mut self) {
        self.follow_knobs();
        while let Some(effect) = self.adapter.poll_effect() {
            tracing::info!(target: "nexus", "{effect}");
            if let Some(name) = effect.event() {
                self.note(self.now, name, effect.to_string());
            }
        }
        while let Some(LadderEffect::Event { at, name, detail }) = self.ladder.poll_effect() {
            tracing::info!(target: "nexus", %name, "{detail}");
            self.note(at, name, detail);
        }
    }

    pub(super) fn follow_knobs(&mut self) {
        if self.ladder.reason(Level::Adaptive).is_some() {
            let fetches = self.ladder.reason(Level::Proactive).is_none();
            self.answers.set_limits(fetches.then_some(Fetch::LIMITS));
            return;
        }
        let limits = self.adapter.knobs().cache;
        // What is left out for a block, to be measured, is not forgotten.
        if limits.is_some() || self.adapter.trial().is_none() {
            let fetches = self.ladder.reason(Level::Proactive).is_none();
            self.answers.set_limits(limits.or(fetches.then_some(Fetch::LIMITS)));
        }
    }

    fn note(&mut self, at: Time, name: EventName, detail: String) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        // Whose layers they are, whoever takes the event knows.
        self.events.push_back(Event { at, name, agent: String::new(), detail });
    }

    pub(super) fn take_events(&mut self) -> VecDeque<Event> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn why(&self) -> KindWhy {
        let measured = self.layers_trial.as_ref().and_then(|(trial, _)| trial.measured());
        let learns = self.ladder.stage(Level::Proactive) != Stage::Off;
        KindWhy {
            ladder: self.ladder.status(),
            measured: measured.map(|(layer, gain, phase)| Measured { layer, gain, phase }),
            knobs: self.adapter.knobs(),
            adaptations: self.adapter.in_force().cloned().collect(),
            trial: self.trial.measured(),
            answers: self.answers.why(),
            variants: self.variants.counts().clone(),
            model: learns.then(|| self.prophet.explain()),
            admission: learns.then(|| self.prophet.counts()),
            prefetch: learns.then(|| self.fetch.counts()),
        }
    }
}

/// The counter of a key: FNV-1a, which needs no secret, as a collision does no harm.
fn place(key: &str) -> usize {
    let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    key.bytes().fold(0xcbf2_9ce4_8422_2325, fold) as usize % LIVES_LEN
}
