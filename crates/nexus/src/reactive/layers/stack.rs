//! What the layers of a kind hold and decide, under their lock.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_agent::Event;
use nexus_base::{AgentId, Level, Rng, Time};
use nexus_coord::{Reactive, Request, RequestKind, Variant};
use nexus_intel::adaptive::{
    self, AdaptationTrial, Adapter, AdapterError, AdapterSpec, AnswerCache, AnswerKey, Came,
    Lookup, Ticket, canonical_arguments,
};
use nexus_intel::layers::{TrialError, TrialSpec};
use nexus_intel::measure::{Objective, SwitchbackSpec};
use nexus_intel::safety::{Ladder, LadderEffect, LadderSpec, Reason};
use serde_json::Value;

use super::Asked;
use super::variants::{Variants, is_varied, wanted};
use super::why::{AnswersWhy, KindWhy};
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
    answers: AnswerCache<Life, Value>,
    variants: Variants,
    lives: Vec<u32>,
    events: VecDeque<Event>,
    /// The latest time that was handed in.
    pub(super) now: Time,
}

/// One agent from one start to its end.
pub(super) type Life = (AgentId, u32);

/// A request that is to be served, as the layers would have it.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) level: LevelUsed,
    pub(super) variant: Variant,
    pub(super) answer: Kept,
    pub(super) began: Time,
    /// For the trial, if there can be one.
    pub(super) came: Option<Came>,
}

/// A request that was served.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) began: Time,
    pub(super) came: Option<Came>,
    /// Its answer, if it is to be kept.
    pub(super) answer: Option<(AnswerKey<Life>, Ticket, Value)>,
}

/// What is kept of a request's answer.
#[derive(Debug)]
pub(super) enum Kept {
    /// It: nothing need run.
    Answer(Value),
    /// Nothing yet; what it will be kept under.
    Later(AnswerKey<Life>, Ticket),
    /// Nothing: it is no query, or answers are not kept.
    Never,
}

impl Stack {
    pub(super) fn new(adapter: AdapterSpec) -> Result<Stack, AdapterError> {
        let spec = LadderSpec {
            asked: Level::Emergent,
            built: vec![Level::Adaptive],
            ..LadderSpec::default()
        };
        let adapter = Adapter::new(adapter)?;
        let trial = AdaptationTrial::new(Time::ZERO, TRIAL, Rng::new(TRIAL_SEED));
        Ok(Stack {
            ladder: Ladder::new(Time::ZERO, spec).expect("the default holds together"),
            answers: AnswerCache::new(adapter.knobs().cache),
            adapter,
            trial: trial.expect("the default holds together"),
            variants: Variants::default(),
            lives: vec![0; LIVES_LEN],
            events: VecDeque::new(),
            now: Time::ZERO,
        })
    }

    /// How adaptations are measured from now on.
    pub(super) fn set_trial(&mut self, spec: TrialSpec) -> Result<(), TrialError> {
        self.adapter.end_trial(self.now);
        self.trial = AdaptationTrial::new(self.now, spec, Rng::new(TRIAL_SEED))?;
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
        let is_up = |level: &&Level| **level <= asked && self.ladder.reason(**level).is_none();
        let used = *Level::ALL.iter().rev().find(is_up).expect("the reactive level is always up");
        let reason = self.ladder.reason(asked).map(|reason| match reason {
            Reason::NotEnabled => format!("{asked} is not enabled"),
            Reason::NotBuilt => format!("{asked} is not built"),
            other => format!("{asked}: {other}"),
        });
        LevelUsed { asked, used, reason }
    }

    /// How long a request that names no deadline may take where that is usually `usual`.
    pub(super) fn timeout(&self, asked: Level, usual: Duration) -> Duration {
        match self.level(asked).used {
            Level::Adaptive => self.adapter.knobs().timeout(usual),
            _ => usual,
        }
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
    }

    /// A request begins to be served.
    pub(super) fn enter(
        &mut self,
        now: Time,
        asked: &Asked<'_>,
        rules: &Reactive,
        request: &Request,
    ) -> Entered {
        self.pass(now);
        let level = self.level(asked.level);
        self.ladder.enter(level.used).expect("the level used is one that is up");
        let is_adaptive = level.used == Level::Adaptive;
        let came = is_adaptive.then(|| self.trial.handle_came(self.now, &mut self.adapter));
        let knobs = self.adapter.knobs();
        self.follow_knobs();
        let wanted = if is_adaptive { wanted(&knobs) } else { Variant::Usual };
        let is_there = rules.has_variant(request, wanted);
        let variant = if is_there { wanted } else { Variant::Usual };
        let keeps = is_adaptive && knobs.cache.is_some() && request.kind == RequestKind::Query;
        let answer = if keeps { self.look_up(asked, request, variant) } else { Kept::Never };
        if !matches!(answer, Kept::Answer(_)) && is_varied(rules, request) {
            self.variants.count(&request.name, variant);
        }
        Entered { level, variant, answer, began: self.now, came }
    }

    /// A coarse answer is not told for a better one, or the other way round.
    fn look_up(&mut self, asked: &Asked<'_>, request: &Request, variant: Variant) -> Kept {
        let query = format!("{variant} {}", request.name);
        let key = AnswerKey::new(self.life(asked), query, canonical_arguments(&request.args));
        match self.answers.get(self.now, &key) {
            Lookup::Hit(value) => Kept::Answer(value.clone()),
            Lookup::Miss(ticket) => Kept::Later(key, ticket),
        }
    }

    /// A request that had entered leaves, having ended or panicked.
    pub(super) fn leave(&mut self, level: Level) {
        self.ladder.leave(level);
    }

    /// A request that had entered was done, or was not and said why. Gives what there
    /// is to tell.
    pub(super) fn end(
        &mut self,
        now: Time,
        asked: &Asked<'_>,
        level: Level,
        ended: Ended,
    ) -> VecDeque<Event> {
        self.pass(now);
        self.leave(level);
        if let Some((key, ticket, value)) = ended.answer {
            let bytes = value.to_string().len() as u64;
            // One that is not kept is asked for again.
            let _ = self.answers.insert(self.now, key, ticket, value, bytes);
        }
        if let Some(came) = ended.came {
            let cost = self.now.since(ended.began);
            let ended = adaptive::Ended { cost, in_time: self.now <= asked.deadline };
            self.trial.handle_ended(self.now, came, ended, &mut self.adapter);
            self.settle();
        }
        self.take_events()
    }

    pub(super) fn invalidate(&mut self, asked: &Asked<'_>) {
        let life = self.life(asked);
        self.answers.invalidate(&life);
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

    fn follow_knobs(&mut self) {
        // A trial that leaves caching out for a block does not have what is kept forgotten.
        let in_use = self.level(Level::Adaptive).used == Level::Adaptive;
        let is_kept = self.adapter.trial().is_some();
        let knobs = self.adapter.knobs().cache;
        let limits = knobs.filter(|_| in_use);
        if limits.is_some() || !in_use || !is_kept {
            self.answers.set_limits(limits);
        }
    }

    fn note(&mut self, at: Time, name: nexus_base::EventName, detail: String) {
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
        let counts = self.answers.counts();
        KindWhy {
            ladder: self.ladder.status(),
            knobs: self.adapter.knobs(),
            adaptations: self.adapter.in_force().cloned().collect(),
            trial: self.trial.measured(),
            answers: AnswersWhy {
                kept: self.answers.len(),
                hits: counts.hits,
                misses: counts.misses,
                invalidated: counts.invalidated,
            },
            variants: self.variants.counts().clone(),
        }
    }
}

/// The counter of a key: FNV-1a, which needs no secret, as a collision does no harm.
fn place(key: &str) -> usize {
    let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    key.bytes().fold(0xcbf2_9ce4_8422_2325, fold) as usize % LIVES_LEN
}
