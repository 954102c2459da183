//! One request through the layers of its kind: what runs, who is refused, what is kept.

use std::collections::VecDeque;
use std::time::Duration;

use nexus_agent::Event;
use nexus_base::{Level, Time};
use nexus_coord::{Reactive, RequestKind, Variant};
use nexus_intel::adaptive::{self, AnswerKey, Came, Knobs, Ticket};
use nexus_intel::layers::Counted;
use nexus_intel::measure::Objective;
use nexus_intel::proactive::Fault;
use nexus_intel::safety::{Reason, Stage};

use super::Asked;
use super::answers::{Kept, Life, ToKeep};
use super::foreseen::{Expected, TooLate};
use super::stack::Stack;
use super::variants::{is_varied, wanted};
use super::written::{Query, Written};
use crate::reactive::LevelUsed;

/// The layers that a request goes through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Through {
    pub(super) proactive: bool,
    pub(super) adaptive: bool,
}

/// A request that is to be served, as the layers would have it.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) level: LevelUsed,
    pub(super) variant: Variant,
    pub(super) answer: Kept,
    pub(super) inside: Inside,
}

/// What is known of a request while it is inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside {
    pub(super) through: Through,
    began: Time,
    /// For the trials, if there can be some.
    came: Option<Came>,
    counted: Option<Counted>,
    /// Absent where nothing ran.
    expected: Option<Expected>,
}

/// What is to be done after a request.
#[derive(Debug, Default)]
pub(super) struct After {
    /// To be told to the node.
    pub(super) events: VecDeque<Event>,
    /// To be asked before somebody does.
    pub(super) next: Option<Query>,
}

impl Through {
    fn levels(self) -> impl Iterator<Item = Level> {
        let levels = [(self.proactive, Level::Proactive), (self.adaptive, Level::Adaptive)];
        levels.into_iter().filter(|(through, _)| *through).map(|(_, level)| level)
    }
}

impl Stack {
    /// A request begins to be served.
    ///
    /// # Errors
    /// [`TooLate`] if it is not even begun; it has not entered.
    pub(super) fn enter(
        &mut self,
        now: Time,
        asked: &Asked<'_>,
        rules: &Reactive,
        request: &Written<'_>,
    ) -> Result<Entered, TooLate> {
        self.pass(now);
        let through = self.through(asked.level);
        let counted = self.count(asked.level);
        let came = through.adaptive.then(|| self.trial.handle_came(self.now, &mut self.adapter));
        self.follow_knobs();
        let mut variant = self.wanted(through, rules, request);
        let mut answer = self.look_up(through, asked, request, variant);
        let mut expected = None;
        if !matches!(answer, Kept::Answer(_)) && self.ladder.stage(Level::Proactive) != Stage::Off {
            let foreseen = self.prophet.expect(request, variant, self.now);
            let foreseen = match through.proactive {
                true => self.admit(rules, request, foreseen, asked, counted)?,
                false => foreseen,
            };
            if foreseen.variant != variant {
                variant = foreseen.variant;
                answer = self.look_up(through, asked, request, variant);
            }
            expected = Some(foreseen).filter(|_| !matches!(answer, Kept::Answer(_)));
        }
        if !matches!(answer, Kept::Answer(_)) && is_varied(rules, request) {
            self.variants.count(&request.name, variant);
        }
        self.enter_layers(through);
        let level = self.level(asked.level);
        let inside = Inside { through, began: self.now, came, counted, expected };
        Ok(Entered { level, variant, answer, inside })
    }

    fn admit(
        &mut self,
        rules: &Reactive,
        request: &Written<'_>,
        expected: Expected,
        asked: &Asked<'_>,
        counted: Option<Counted>,
    ) -> Result<Expected, TooLate> {
        let admitted = self.prophet.admit(rules, request, expected, asked.deadline);
        let Err(too_late) = admitted else { return admitted };
        // Without the layer it would have taken at least what is left, in vain.
        let left = asked.deadline.since(self.now);
        if let (Some((trial, objective)), Some(counted)) = (&mut self.layers_trial, counted) {
            let is_share = matches!(objective, Objective::MissedShare(_));
            let cost = if is_share { Duration::MAX } else { left };
            trial.record(self.now, counted, cost, &mut self.ladder);
            self.settle();
        }
        Err(too_late)
    }

    /// A request of an agent below the layer that is measured tells nothing of it.
    fn count(&self, asked: Level) -> Option<Counted> {
        let (trial, _) = self.layers_trial.as_ref()?;
        let counts = trial.measures().is_some_and(|level| level <= asked);
        counts.then(|| trial.count(self.now, 0))
    }

    fn wanted(&self, through: Through, rules: &Reactive, request: &Written<'_>) -> Variant {
        let knobs = if through.adaptive { self.adapter.knobs() } else { Knobs::NEUTRAL };
        let wanted = wanted(&knobs);
        if rules.has_variant(request, wanted) { wanted } else { Variant::Usual }
    }

    fn look_up(
        &mut self,
        through: Through,
        asked: &Asked<'_>,
        request: &Written<'_>,
        variant: Variant,
    ) -> Kept {
        let keeps = through.adaptive && self.adapter.knobs().cache.is_some();
        if request.kind != RequestKind::Query || !(keeps || through.proactive) {
            return Kept::Never;
        }
        let life = self.life(asked);
        let found = self.answers.look_up(self.now, life, request, variant, keeps);
        if let Kept::Answer(kept) = &found
            && kept.is_first_use()
        {
            self.fetch.handle_used();
        }
        found
    }

    fn enter_layers(&mut self, through: Through) {
        for level in through.levels() {
            self.ladder.enter(level).expect("what is gone through is up");
        }
    }

    /// A request that had entered leaves, having ended or panicked.
    pub(super) fn leave(&mut self, through: Through) {
        through.levels().for_each(|level| self.ladder.leave(level));
    }

    /// A request that had entered was done, or was not and said why: then nothing is
    /// learned or measured of it, as a refusal is quick whatever the layers do.
    pub(super) fn end(
        &mut self,
        now: Time,
        asked: &Asked<'_>,
        request: &Written<'_>,
        inside: Inside,
        (is_done, answer): (bool, Option<ToKeep>),
    ) -> After {
        self.pass(now);
        self.leave(inside.through);
        if let Some(answer) = answer {
            self.answers.keep(self.now, answer, false);
        }
        if is_done {
            self.learn(asked, request, inside);
        }
        self.settle();
        let life = self.life(asked);
        let follows = is_done && inside.through.proactive;
        let next = follows.then(|| self.fetch.handle_asked(self.now, life, request));
        After { events: self.take_events(), next: next.flatten() }
    }

    /// What a request took teaches the model and the trials.
    fn learn(&mut self, asked: &Asked<'_>, request: &Written<'_>, inside: Inside) {
        let cost = self.now.since(inside.began);
        if let Some(expected) = &inside.expected
            && let Some(fault) = self.prophet.learn(request, expected, cost)
        {
            self.send_down(fault);
        }
        if let Some(came) = inside.came {
            let ended = adaptive::Ended { cost, in_time: self.now <= asked.deadline };
            self.trial.handle_ended(self.now, came, ended, &mut self.adapter);
        }
        if let (Some((trial, _)), Some(counted)) = (&mut self.layers_trial, inside.counted) {
            trial.record(self.now, counted, cost, &mut self.ladder);
        }
    }

    /// A model with a fault is not used until its layer has cooled down.
    fn send_down(&mut self, fault: Fault) {
        let reason = match fault {
            Fault::NoAmount => Reason::NotANumber,
            fault => Reason::model_error(fault.to_string()),
        };
        let told = self.ladder.handle_fault(self.now, Level::Proactive, reason);
        told.expect("it is above the reactive level");
    }

    /// What a query that is not asked yet will be kept under, if it is to run at all.
    pub(super) fn begin_fetch(
        &mut self,
        now: Time,
        asked: &Asked<'_>,
        rules: &Reactive,
        request: &Written<'_>,
    ) -> Option<(Variant, AnswerKey<Life>, Ticket)> {
        self.pass(now);
        let through = self.through(asked.level);
        if !through.proactive || !self.fetch.is_on(self.now) {
            return None;
        }
        self.follow_knobs();
        let variant = self.wanted(through, rules, request);
        if !self.prophet.is_brief(request, variant, self.now) {
            return None;
        }
        let life = self.life(asked);
        let (key, ticket) = self.answers.miss(self.now, life, request, variant)?;
        Some((variant, key, ticket))
    }

    /// It ran; without an answer it failed.
    pub(super) fn end_fetch(&mut self, now: Time, answer: Option<ToKeep>) {
        self.pass(now);
        let kept = answer.is_some_and(|answer| self.answers.keep(self.now, answer, true));
        self.fetch.handle_ran(self.now, kept);
    }
}
