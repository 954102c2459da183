//! The layers above the reactive level, of one kind of agents.
//!
//! All agents of a kind on a node share one stack: what is learned of one serves the
//! others, and an agent holds nothing for it. A request goes through the highest layer its
//! agent is set to that is enabled and built; requests inside a layer that is taken
//! away finish there. Answers are kept for one life of one agent: after a crash it
//! starts empty, and nothing of before is told.
//!
//! Absent on purpose: where readings come from: they are handed in, by
//! [`feed`](super::feed). So are layers that act in swarms: kinds have none yet, and
//! an agent that asks for one is told so.

mod answers;
mod fetch;
mod foreseen;
mod of_kind;
mod serving;
mod stack;
mod variants;
mod why;
mod written;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_agent::{Beside, Driver, Event, System};
use nexus_base::{AgentId, Level, Time};
use nexus_coord::{DEADLINE_DEFAULT, Reactive, ReactiveError, Request, RequestKind, State};
use nexus_intel::adaptive::{
    AdaptationId, AdapterError, AdapterSpec, Knobs, ReadingError, Readings, RollbackError,
};
use nexus_intel::layers::{TrialError, TrialSpec};
use nexus_intel::learn::ModelFileError;
use nexus_intel::safety::LadderError;
use serde_json::Value;

use super::{Answer, LevelUsed, RequestError};
use answers::{Kept, ToKeep};
use serving::Through;
use stack::Stack;
use written::Written;

pub use foreseen::AdmissionCounts;
pub(crate) use of_kind::{deadline_of, level_of};
pub use why::{AnswersWhy, KindWhy, VariantCounts};
pub(super) use written::Query;

/// The layers of a kind on one node (or in one simulated world), made by
/// [`ReactiveKind::layers`](super::ReactiveKind::layers) and found by [`Self::of`].
///
/// None is enabled at first: see [`Self::enable`], or `[levels]` of the settings.
///
/// ```
/// use nexus::adaptive::AdapterSpec;
/// use nexus::{KindLayers, Level};
///
/// let layers = KindLayers::new(AdapterSpec::default())?;
/// assert_eq!(layers.level(Level::Adaptive).reason.as_deref(), Some("adaptive is not enabled"));
/// layers.enable(Level::Adaptive)?;
/// assert_eq!(layers.level(Level::Adaptive).used, Level::Adaptive);
/// assert_eq!(layers.level(Level::Emergent).used, Level::Adaptive);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KindLayers {
    stack: Mutex<Stack>,
    /// Whether answers may be kept: what changes state looks here before it locks.
    keeps: AtomicBool,
    /// Whether any layer is enabled: where none is, nothing is written out for it.
    is_on: AtomicBool,
    /// Read instead of the node's clock, if somebody said so.
    clock: Option<fn() -> Time>,
}

/// Who is asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) id: AgentId,
    pub(super) kind: &'static str,
    pub(super) key: &'a str,
    pub(super) level: Level,
    /// When whoever asked gives up.
    pub(super) deadline: Time,
}

impl KindLayers {
    /// Layers of which none is enabled; the adaptive one adapts as `adapter` says.
    ///
    /// # Errors
    /// [`AdapterError`] if the specification does not hold.
    pub fn new(adapter: AdapterSpec) -> Result<KindLayers, AdapterError> {
        let stack = Mutex::new(Stack::new(adapter)?);
        let (keeps, is_on) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(KindLayers { stack, keeps, is_on, clock: None })
    }

    /// Those of the kind of this name on a node or in a world: `None` if it has none, or
    /// is not known there yet: a kind is from its first agent on, or by
    /// [`Node::register`](crate::Node::register).
    ///
    /// ```
    /// use nexus::{KindLayers, Kv, Node};
    ///
    /// let node = Node::start()?;
    /// node.spawn::<Kv>("visits")?;
    /// assert!(KindLayers::of(node.system(), "kv").is_none(), "kv has rules alone");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(system: &System, kind: &str) -> Option<Arc<KindLayers>> {
        system.beside_kind(kind)
    }

    /// Measures what each layer is worth, and each adaptation, as `spec` says: the
    /// agents of a kind share a machine, so a layer is left out for all of them in some
    /// blocks of time, until it surely pays, and steps down where it does not. While it
    /// does nothing it is not measured: no adaptation is in force, or the model has
    /// not seen enough.
    ///
    /// Left out, layers are used as they are enabled, and adaptations alone are
    /// measured, by the mean time of a handler in blocks of two seconds and more.
    ///
    /// # Errors
    /// [`TrialError`] if the spec contradicts itself.
    pub fn with_trial(self, spec: TrialSpec) -> Result<KindLayers, TrialError> {
        self.lock().set_trial(spec)?;
        Ok(self)
    }

    /// Reads the time from `clock` and not from the node that an agent is on: where
    /// time is a number, as in tests.
    pub fn with_clock(self, clock: fn() -> Time) -> KindLayers {
        KindLayers { clock: Some(clock), ..self }
    }

    /// Enables the layer of a level. One that is not built stays unused, and says so.
    ///
    /// # Errors
    /// [`LadderError::Reactive`], which is always enabled. Nothing has changed.
    pub fn enable(&self, level: Level) -> Result<(), LadderError> {
        let mut stack = self.lock();
        let now = stack.now;
        stack.ladder.enable(now, level)?;
        stack.settle();
        self.is_on.store(stack.is_enabled(), Ordering::Relaxed);
        Ok(())
    }

    /// Takes the layer of a level away. Requests inside finish; answers that were
    /// kept are forgotten.
    ///
    /// # Errors
    /// [`LadderError::Reactive`], which cannot be taken away. Nothing has changed.
    pub fn disable(&self, level: Level) -> Result<(), LadderError> {
        let mut stack = self.lock();
        let now = stack.now;
        stack.ladder.disable(now, level)?;
        stack.answers.clear();
        stack.settle();
        self.is_on.store(stack.is_enabled(), Ordering::Relaxed);
        Ok(())
    }

    /// What serves an agent that is set to `asked`, and why if it is another level.
    pub fn level(&self, asked: Level) -> LevelUsed {
        self.lock().level(asked)
    }

    /// Where the knobs stand. While an adaptation is measured it is left out of them
    /// now and then.
    pub fn knobs(&self) -> Knobs {
        self.lock().adapter.knobs()
    }

    /// How long `request` may take at an agent that is set to `level`: as it says
    /// itself, or else five seconds, and longer where it is predicted to take longer and
    /// while adaptation raises timeouts.
    pub fn deadline(&self, level: Level, request: &Request) -> Duration {
        let is_on = level > Level::Reactive && self.is_on.load(Ordering::Relaxed);
        match request.deadline {
            Some(deadline) => deadline,
            None if !is_on => DEADLINE_DEFAULT,
            None => {
                let written = Written::new(request, true);
                self.lock().timeout(level, &written, DEADLINE_DEFAULT)
            }
        }
    }

    /// Takes in what the sensors showed at `now`. While adaptation is not in use
    /// nothing is done with it. A node does this by itself, every second.
    ///
    /// # Errors
    /// The first [`ReadingError`]; the readings of other sensors are used.
    pub fn handle_readings(&self, now: Time, readings: &Readings) -> Result<(), ReadingError> {
        let mut stack = self.lock();
        stack.pass(now);
        let (mut outcome, now) = (Ok(()), stack.now);
        if stack.level(Level::Adaptive).used == Level::Adaptive {
            for (sensor, reading) in readings.iter() {
                outcome = outcome.and(stack.adapter.handle_reading(now, sensor, reading));
            }
            // Of a sensor that has fallen silent nothing is read.
            stack.adapter.handle_timeout(now);
        }
        stack.settle();
        outcome
    }

    /// Takes one adaptation back, whichever: the others stay. Returns where the knobs
    /// stand now.
    ///
    /// # Errors
    /// [`RollbackError`] if there is none to take back; nothing was changed.
    pub fn rollback(&self, id: AdaptationId) -> Result<Knobs, RollbackError> {
        let mut stack = self.lock();
        let now = stack.now;
        let knobs = stack.adapter.rollback(now, id)?;
        stack.settle();
        Ok(knobs)
    }

    /// All there is to show: the ladder, the knobs, the adaptations in force each
    /// with id, cause and measured gain, and what was counted.
    pub fn status(&self) -> KindWhy {
        self.lock().why()
    }

    /// The model of how long requests take, as bytes.
    pub fn save_model(&self) -> Vec<u8> {
        self.lock().prophet.save()
    }

    /// Takes on a model that was saved by this build. What requests of each name take
    /// is not in it, and is learned anew.
    ///
    /// # Errors
    /// [`ModelFileError`] if it is none, is damaged, or was made by another build;
    /// nothing has changed.
    pub fn load_model(&self, bytes: &[u8]) -> Result<(), ModelFileError> {
        self.lock().prophet.load(bytes)
    }

    /// Whether any layer is enabled.
    pub(crate) fn is_enabled(&self) -> bool {
        self.lock().is_enabled()
    }

    /// The time, by the clock that was handed in or by that of the node.
    fn now(&self, driver: &dyn Driver) -> Time {
        self.clock.map_or_else(|| driver.now(), |clock| clock())
    }

    /// The time, and the deadline by the same clock.
    fn by_clock<'a>(&self, asked: &Asked<'a>, driver: &dyn Driver) -> (Time, Asked<'a>) {
        let now = driver.now();
        let Some(clock) = self.clock else { return (now, *asked) };
        let (left, now) = (asked.deadline.since(now), clock());
        (now, Asked { deadline: now.after(left), ..*asked })
    }

    /// Tells the node what has happened to the layers of this kind.
    pub(super) fn tell(&self, kind: &str, driver: &dyn Driver) {
        let events = self.lock().take_events();
        tell(events, kind, driver);
    }

    /// Has an agent do a request, unless its answer was kept or it would surely be late.
    /// With the answer comes the query that usually follows.
    pub(super) fn serve(
        &self,
        asked: &Asked<'_>,
        driver: &dyn Driver,
        (rules, state): (&Reactive, &mut State),
        request: &Request,
    ) -> Result<(Answer, Option<Query>), RequestError> {
        if asked.level == Level::Reactive {
            let done = rules.handle_request(state, request);
            self.note(asked, request, &done);
            return Ok((Answer { value: done?, level: LevelUsed::REACTIVE }, None));
        }
        let (now, asked) = self.by_clock(asked, driver);
        let is_on = self.is_on.load(Ordering::Relaxed);
        let (asked, written) = (&asked, Written::new(request, is_on));
        let entered = self.lock().enter(now, asked, rules, &written)?;
        let inside = entered.inside;
        let guard = Guard { layers: self, through: inside.through };
        let (done, answer) = match entered.answer {
            Kept::Answer(found) => (Ok(Arc::unwrap_or_clone(found.value)), None),
            Kept::Later(key, ticket) => {
                let done = rules.handle_request_as(state, request, entered.variant);
                let keep = |value: &Value| ToKeep::new(key, ticket, value.clone());
                let answer = done.as_ref().ok().map(keep);
                (done, answer)
            }
            Kept::Never => {
                let done = rules.handle_request_as(state, request, entered.variant);
                self.note(asked, request, &done);
                (done, None)
            }
        };
        if answer.is_some() {
            self.keeps.store(true, Ordering::Relaxed);
        }
        let (now, is_done) = (self.now(driver), done.is_ok());
        // It leaves below, with the lock taken once.
        std::mem::forget(guard);
        let after = self.lock().end(now, asked, &written, inside, (is_done, answer));
        tell(after.events, asked.kind, driver);
        Ok((Answer { value: done?, level: entered.level }, after.next))
    }

    /// Runs a query that usually follows, before anybody asks it.
    pub(super) fn fetch(
        &self,
        asked: &Asked<'_>,
        driver: &dyn Driver,
        (rules, state): (&Reactive, &mut State),
        request: &Request,
    ) {
        let now = self.now(driver);
        let written = Written::new(request, true);
        let begun = self.lock().begin_fetch(now, asked, rules, &written);
        let Some((variant, key, ticket)) = begun else { return };
        // A query changes nothing; one that panics when nobody asked it is nobody's crash.
        let run = || rules.handle_request_as(state, request, variant);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        let value = done.ok().and_then(Result::ok);
        let answer = value.map(|value| ToKeep::new(key, ticket, value));
        self.keeps.store(true, Ordering::Relaxed);
        let now = self.now(driver);
        self.lock().end_fetch(now, answer);
    }

    /// Somebody was waiting, so nothing was fetched.
    pub(super) fn skip_fetch(&self) {
        self.lock().fetch.handle_skipped();
    }

    /// What was kept of an agent goes when it changes, at whichever level it is: it
    /// may be set to another one and back.
    fn note(&self, asked: &Asked<'_>, request: &Request, done: &Result<Value, ReactiveError>) {
        let changed = request.kind != RequestKind::Query && done.is_ok();
        // An agent does one request at a time, and whoever runs it next sees what was
        // stored here before: no answer of its own can be missed.
        if changed && self.keeps.load(Ordering::Relaxed) {
            self.lock().invalidate(asked);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beside for KindLayers {
    /// It starts, or starts again, and knows nothing of before.
    fn handle_start(&self, key: &str) {
        self.lock().begin_life(key);
    }
}

fn tell(events: VecDeque<Event>, kind: &str, driver: &dyn Driver) {
    for mut event in events {
        kind.clone_into(&mut event.agent);
        driver.observe(event);
    }
}

/// A request inside layers; it leaves also if its rule panics.
struct Guard<'a> {
    layers: &'a KindLayers,
    through: Through,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.layers.lock().leave(self.through);
    }
}
