//! The stack of layers over one kind or pool: what was asked, what is used, and why.
//!
//! Each layer has a [`Rung`]; the level used is the highest whose rung is up and
//! that was asked for. A layer may be taken away while requests are inside it:
//! they finish, and no other enters.
//!
//! Absent on purpose: the layers themselves. Whoever serves asks [`Ladder::enter`]
//! before going through one.

mod spec;
mod status;

use nexus_base::{BoundedQueue, EventName, Level, Time};

use super::{Reason, Rung, Stage};
use crate::measure::{Gain, Verdict};
pub use spec::{LadderError, LadderSpec};
pub use status::{LadderStatus, LayerStatus, Transition};

/// Transitions remembered; the oldest is forgotten beyond. Source: a guess; it is
/// what fits on a screen.
const HISTORY_LEN_MAX: usize = 32;
/// Effects waiting to be polled; the oldest is dropped beyond. Reached only by a
/// driver that does not carry them out. Source: a guess.
const EFFECTS_LEN_MAX: usize = 64;

/// What the outside is to do.
#[derive(Clone, PartialEq, Debug)]
pub enum LadderEffect {
    /// Tell whoever watches.
    Event {
        /// When it happened.
        at: Time,
        /// What it is called.
        name: EventName,
        /// What it is about, in words.
        detail: String,
    },
}

/// The layers of one kind or pool.
///
/// ```
/// use nexus_base::{Level, Time};
/// use nexus_intel::safety::{Ladder, LadderSpec, Reason};
///
/// let spec = LadderSpec {
///     asked: Level::Emergent,
///     enabled: vec![Level::Proactive, Level::Emergent],
///     built: vec![Level::Proactive, Level::Adaptive],
///     ..LadderSpec::default()
/// };
/// let mut ladder = Ladder::new(Time::ZERO, spec)?;
/// assert_eq!(ladder.used(), Level::Proactive);
/// assert_eq!(ladder.reason(Level::Emergent), Some(&Reason::NotBuilt));
/// assert_eq!(ladder.enter(Level::Adaptive), Err(Reason::NotEnabled));
///
/// ladder.enter(Level::Proactive).expect("it is being tried");
/// ladder.handle_fault(Time::ZERO, Level::Proactive, Reason::NotANumber)?;
/// assert_eq!((ladder.used(), ladder.inside(Level::Proactive)), (Level::Reactive, 1));
/// ladder.leave(Level::Proactive);
/// # Ok::<(), nexus_intel::safety::LadderError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ladder {
    asked: Level,
    layers: Vec<Layer>,
    /// The earliest timeout of a rung, kept since it is asked for with each request.
    next_timeout: Option<Time>,
    history: BoundedQueue<Transition>,
    effects: BoundedQueue<LadderEffect>,
}

#[derive(Clone, Debug)]
struct Layer {
    level: Level,
    rung: Rung,
    built: bool,
    /// Why it is not enabled, if it is not.
    disabled: Option<Reason>,
    gain: Gain,
    /// Requests that entered and did not leave.
    inside: u64,
}

impl Ladder {
    /// Sets the layers up; those that are asked for, enabled and built are tried.
    ///
    /// # Errors
    /// [`LadderError`] if the spec contradicts itself.
    pub fn new(now: Time, spec: LadderSpec) -> Result<Ladder, LadderError> {
        spec.check()?;
        let layer = |level| {
            let rung = Rung::new(spec.rung, Reason::NotEnabled)?;
            let disabled = (!spec.enabled.contains(&level)).then_some(Reason::NotEnabled);
            let built = spec.built.contains(&level);
            Ok(Layer { level, rung, built, disabled, gain: Gain::default(), inside: 0 })
        };
        let layers: Result<Vec<Layer>, LadderError> =
            Level::ALL[1..].iter().map(|&level| layer(level)).collect();
        let mut ladder = Ladder {
            asked: spec.asked,
            layers: layers?,
            next_timeout: None,
            history: BoundedQueue::new(HISTORY_LEN_MAX),
            effects: BoundedQueue::new(EFFECTS_LEN_MAX),
        };
        ladder.follow_wishes(now);
        Ok(ladder)
    }

    /// The level asked for.
    pub fn asked(&self) -> Level {
        self.asked
    }

    /// The highest level asked for whose layer is up.
    pub fn used(&self) -> Level {
        let up = self.layers.iter().rev().find(|layer| layer.rung.standing().is_up());
        up.map_or(Level::Reactive, |layer| layer.level)
    }

    /// Where the layer of a level stands; the reactive one is always on.
    pub fn stage(&self, level: Level) -> Stage {
        self.layer(level).map_or(Stage::On, |layer| layer.rung.standing().stage())
    }

    /// Why the layer of a level is not used, if it is not.
    pub fn reason(&self, level: Level) -> Option<&Reason> {
        self.layer(level)?.rung.standing().reason()
    }

    /// Asks for a level from now on: no layer above it is used.
    pub fn ask(&mut self, now: Time, level: Level) {
        self.asked = level;
        self.follow_wishes(now);
    }

    /// Enables the layer of a level: if it is asked for and built, it is tried, also if
    /// it was sent down for a while.
    ///
    /// # Errors
    /// [`LadderError::Reactive`], which is always enabled. Nothing has changed.
    pub fn enable(&mut self, now: Time, level: Level) -> Result<(), LadderError> {
        let layer = self.layer_mut(level)?;
        layer.disabled = None;
        if layer.rung.standing().stage() == Stage::CoolingDown {
            self.change(now, level, |rung| {
                rung.disable(now, Reason::Operator);
                rung.enable(now);
            });
        }
        self.follow_wishes(now);
        Ok(())
    }

    /// Takes the layer of a level away for an operator. Requests inside finish.
    ///
    /// # Errors
    /// [`LadderError::Reactive`], which cannot be taken away. Nothing has changed.
    pub fn disable(&mut self, now: Time, level: Level) -> Result<(), LadderError> {
        self.layer_mut(level)?.disabled = Some(Reason::Operator);
        self.follow_wishes(now);
        Ok(())
    }

    /// What measuring a layer says by now.
    ///
    /// # Errors
    /// [`LadderError::Reactive`], which is measured against nothing.
    pub fn handle_verdict(
        &mut self,
        now: Time,
        level: Level,
        verdict: Verdict,
        gain: Gain,
    ) -> Result<(), LadderError> {
        self.layer_mut(level)?.gain = gain;
        self.change(now, level, |rung| rung.handle_verdict(now, verdict, gain));
        Ok(())
    }

    /// Something about a layer is broken: it is sent down at once.
    ///
    /// # Errors
    /// [`LadderError::Reactive`], below which there is nothing.
    pub fn handle_fault(
        &mut self,
        now: Time,
        level: Level,
        reason: Reason,
    ) -> Result<(), LadderError> {
        self.layer_mut(level)?;
        self.change(now, level, |rung| rung.handle_fault(now, reason));
        Ok(())
    }

    /// Ends cool-downs and stays that are over.
    pub fn handle_timeout(&mut self, now: Time) {
        for level in &Level::ALL[1..] {
            self.change(now, *level, |rung| rung.handle_timeout(now));
        }
    }

    /// When to call [`Self::handle_timeout`] next; `None` while nothing is pending.
    pub fn next_timeout(&self) -> Option<Time> {
        self.next_timeout
    }

    /// The oldest thing the caller has yet to carry out.
    pub fn poll_effect(&mut self) -> Option<LadderEffect> {
        self.effects.pop()
    }

    /// Whether there is something to carry out.
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// A request goes through the layer of a level, until [`Self::leave`].
    ///
    /// # Errors
    /// Why the layer is not used; the request has not entered.
    pub fn enter(&mut self, level: Level) -> Result<(), Reason> {
        let Ok(layer) = self.layer_mut(level) else { return Ok(()) };
        if let Some(reason) = layer.rung.standing().reason() {
            return Err(reason.clone());
        }
        layer.inside += 1;
        Ok(())
    }

    /// A request that had entered has gone through.
    ///
    /// # Panics
    /// If none is inside.
    pub fn leave(&mut self, level: Level) {
        if let Ok(layer) = self.layer_mut(level) {
            assert!(layer.inside > 0, "who leaves a layer has entered it");
            layer.inside -= 1;
        }
    }

    /// Requests inside the layer of a level. When it is not used and none is inside,
    /// what it holds may be dropped. Nobody counts those in the reactive one.
    pub fn inside(&self, level: Level) -> u64 {
        self.layer(level).map_or(0, |layer| layer.inside)
    }

    fn layer(&self, level: Level) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.level == level)
    }

    fn layer_mut(&mut self, level: Level) -> Result<&mut Layer, LadderError> {
        let layer = self.layers.iter_mut().find(|layer| layer.level == level);
        layer.ok_or(LadderError::Reactive)
    }

    /// Brings each rung in line with what is asked for, enabled and built.
    fn follow_wishes(&mut self, now: Time) {
        for level in &Level::ALL[1..] {
            let asked = self.asked;
            let layer =
                self.layer(*level).expect("there is a layer for each level above the first");
            let unwanted = match &layer.disabled {
                _ if !layer.built => Some(Reason::NotBuilt),
                Some(reason) => Some(reason.clone()),
                None => (*level > asked).then_some(Reason::NotAsked { asked }),
            };
            self.change(now, *level, |rung| match unwanted {
                Some(reason) => rung.disable(now, reason),
                None => rung.enable(now),
            });
        }
    }

    /// Lets something happen to a rung and, if its stage changed, remembers and tells.
    fn change(&mut self, now: Time, level: Level, act: impl FnOnce(&mut Rung)) {
        let used = self.used();
        let layer = self.layer_mut(level).expect("only layers above the first change");
        let from = layer.rung.standing().stage();
        act(&mut layer.rung);
        let (to, reason) = (layer.rung.standing().stage(), layer.rung.standing().reason().cloned());
        let timeouts = self.layers.iter().filter_map(|layer| layer.rung.next_timeout());
        self.next_timeout = timeouts.min();
        if from == to {
            return;
        }
        let transition = Transition {
            at_s: now.as_secs_f64(),
            layer: level,
            from,
            to,
            used_before: used,
            used: self.used(),
            reason: reason.map(|reason| reason.to_string()),
        };
        self.effects.push_evicting(LadderEffect::Event {
            at: now,
            name: transition.event(),
            detail: transition.to_string(),
        });
        self.history.push_evicting(transition);
    }
}

#[cfg(test)]
mod tests;
