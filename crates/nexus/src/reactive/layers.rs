//! The layers above the reactive level, of one kind of agents.
//!
//! All agents of a kind share one stack: what is learned of one serves the others,
//! and an agent holds nothing for it. A request goes through the highest layer its
//! agent is set to that is enabled and built; requests inside a layer that is taken
//! away finish there. Answers are kept for one life of one agent: after a crash it
//! starts empty, and nothing of before is told.
//!
//! Absent on purpose: a clock, and where readings come from: both are handed in.
//! So are layers that predict and that act in swarms: kinds have none yet, and an
//! agent that asks for one is told so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_agent::System;
use nexus_base::{AgentId, Level, Time};
use nexus_coord::{ReactiveError, Request, RequestKind};
use nexus_intel::adaptive::{
    AdaptationId, Adapter, AdapterError, AdapterSpec, AnswerCache, AnswerKey, Knobs, Lookup,
    ReadingError, Readings, RollbackError, Ticket, canonical_arguments,
};
use nexus_intel::safety::{Ladder, LadderError, LadderSpec, Reason};
use serde_json::{Value, json};

use super::LevelUsed;

/// Counters of lives that agents share by a hash of their keys. Two agents with one
/// counter cost each other answers when one starts anew, never a wrong one. A guess.
const LIVES_LEN: usize = 4_096;

/// The layers of a kind, returned by [`ReactiveKind::layers`](super::ReactiveKind::layers).
///
/// None is enabled at first: see [`Self::enable`], or `[levels]` of the settings.
/// Where several nodes share a process they share the layers of a kind, too; start
/// them without a common seed, so that agents of one key are told apart.
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
}

#[derive(Debug)]
struct Stack {
    ladder: Ladder,
    adapter: Adapter,
    answers: AnswerCache<Life, Value>,
    lives: Vec<u32>,
    /// The latest time that was handed in.
    now: Time,
}

/// One agent from one start to its end.
type Life = (AgentId, u32);

/// Who is asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) id: AgentId,
    pub(super) key: &'a str,
    pub(super) level: Level,
}

impl KindLayers {
    /// Layers of which none is enabled; the adaptive one adapts as `adapter` says.
    ///
    /// # Errors
    /// [`AdapterError`] if the specification does not hold.
    pub fn new(adapter: AdapterSpec) -> Result<KindLayers, AdapterError> {
        let spec = LadderSpec {
            asked: Level::Emergent,
            built: vec![Level::Adaptive],
            ..LadderSpec::default()
        };
        let adapter = Adapter::new(adapter)?;
        let stack = Stack {
            ladder: Ladder::new(Time::ZERO, spec).expect("the default holds together"),
            answers: AnswerCache::new(adapter.knobs().cache),
            adapter,
            lives: vec![0; LIVES_LEN],
            now: Time::ZERO,
        };
        Ok(KindLayers { stack: Mutex::new(stack), keeps: AtomicBool::new(false) })
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
        stack.settle();
        Ok(())
    }

    /// What serves an agent that is set to `asked`, and why if it is another level.
    pub fn level(&self, asked: Level) -> LevelUsed {
        self.lock().level(asked)
    }

    /// Where the knobs stand.
    pub fn knobs(&self) -> Knobs {
        self.lock().adapter.knobs()
    }

    /// Takes in what the sensors showed at `now`. While adaptation is not in use
    /// nothing is done with it.
    ///
    /// # Errors
    /// The first [`ReadingError`]; the readings of other sensors are used.
    pub fn handle_readings(&self, now: Time, readings: &Readings) -> Result<(), ReadingError> {
        let mut stack = self.lock();
        stack.now = stack.now.max(now);
        stack.ladder.handle_timeout(now);
        let mut outcome = Ok(());
        if stack.level(Level::Adaptive).used == Level::Adaptive {
            for (sensor, reading) in readings.iter() {
                outcome = outcome.and(stack.adapter.handle_reading(now, sensor, reading));
            }
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
    /// with id, cause and measured gain, and what was counted of answers kept.
    pub fn status(&self) -> Value {
        let stack = self.lock();
        let counts = stack.answers.counts();
        json!({
            "ladder": stack.ladder.status(),
            "knobs": stack.adapter.knobs(),
            "adaptations": stack.adapter.in_force().collect::<Vec<_>>(),
            "answers": {
                "kept": stack.answers.len(),
                "hits": counts.hits,
                "misses": counts.misses,
                "invalidated": counts.invalidated,
            },
        })
    }

    /// An agent of this key starts, or starts again: it knows nothing of before.
    pub(super) fn begin(&self, key: &str) {
        let life = &mut self.lock().lives[place(key)];
        *life = life.wrapping_add(1);
    }

    /// Has `run` do a request of an agent, unless its answer was kept.
    pub(super) fn serve(
        &self,
        now: Time,
        asked: Asked<'_>,
        request: &Request,
        run: impl FnOnce() -> Result<Value, ReactiveError>,
    ) -> (Result<Value, ReactiveError>, LevelUsed) {
        if asked.level == Level::Reactive {
            let done = run();
            self.note(asked, request, &done);
            return (done, LevelUsed::REACTIVE);
        }
        let (level, kept) = self.enter(now, asked, request);
        let inside = Inside { layers: self, level: level.used };
        let done = match kept {
            Some(Kept::Answer(value)) => Ok(value),
            Some(Kept::Nothing(key, ticket)) => {
                let done = run();
                if let Ok(value) = &done {
                    self.keep(now, key, ticket, value);
                }
                done
            }
            None => {
                let done = run();
                self.note(asked, request, &done);
                done
            }
        };
        drop(inside);
        (done, level)
    }

    fn enter(&self, now: Time, asked: Asked<'_>, request: &Request) -> (LevelUsed, Option<Kept>) {
        let mut stack = self.lock();
        stack.now = stack.now.max(now);
        stack.ladder.handle_timeout(now);
        let level = stack.level(asked.level);
        stack.ladder.enter(level.used).expect("the level used is one that is up");
        let keeps = level.used == Level::Adaptive && stack.adapter.knobs().cache.is_some();
        if !keeps || request.kind != RequestKind::Query {
            return (level, None);
        }
        let life = stack.life(asked);
        let key = AnswerKey::new(life, &*request.name, canonical_arguments(&request.args));
        let kept = match stack.answers.get(now, &key) {
            Lookup::Hit(value) => Kept::Answer(value.clone()),
            Lookup::Miss(ticket) => Kept::Nothing(key, ticket),
        };
        (level, Some(kept))
    }

    fn keep(&self, now: Time, key: AnswerKey<Life>, ticket: Ticket, value: &Value) {
        let bytes = value.to_string().len() as u64;
        self.keeps.store(true, Ordering::Relaxed);
        // One that is not kept is asked for again.
        let _ = self.lock().answers.insert(now, key, ticket, value.clone(), bytes);
    }

    /// What was kept of an agent goes when it changes, at whichever level it is: it
    /// may be set to another one and back.
    fn note(&self, asked: Asked<'_>, request: &Request, done: &Result<Value, ReactiveError>) {
        let changed = request.kind != RequestKind::Query && done.is_ok();
        // An agent does one request at a time, and whoever runs it next sees what was
        // stored here before: no answer of its own can be missed.
        if changed && self.keeps.load(Ordering::Relaxed) {
            let mut stack = self.lock();
            let life = stack.life(asked);
            stack.answers.invalidate(&life);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a look-up came to.
enum Kept {
    Answer(Value),
    Nothing(AnswerKey<Life>, Ticket),
}

/// A request inside a layer; it leaves also if its rule panics.
struct Inside<'a> {
    layers: &'a KindLayers,
    level: Level,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.layers.lock().ladder.leave(self.level);
    }
}

impl Stack {
    fn level(&self, asked: Level) -> LevelUsed {
        let is_up = |level: &&Level| **level <= asked && self.ladder.reason(**level).is_none();
        let used = *Level::ALL.iter().rev().find(is_up).expect("the reactive level is always up");
        let reason = self.ladder.reason(asked).map(|reason| match reason {
            Reason::NotEnabled => format!("{asked} is not enabled"),
            Reason::NotBuilt => format!("{asked} is not built"),
            other => format!("{asked}: {other}"),
        });
        LevelUsed { asked, used, reason }
    }

    fn life(&self, asked: Asked<'_>) -> Life {
        (asked.id, self.lives[place(asked.key)])
    }

    /// Brings what is kept in line with the knobs, and tells what was done.
    fn settle(&mut self) {
        let in_use = self.level(Level::Adaptive).used == Level::Adaptive;
        let limits = self.adapter.knobs().cache.filter(|_| in_use);
        self.answers.set_limits(limits);
        while let Some(effect) = self.adapter.poll_effect() {
            tracing::info!(target: "nexus", "{effect}");
        }
        while let Some(effect) = self.ladder.poll_effect() {
            tracing::info!(target: "nexus", ?effect);
        }
    }
}

/// The counter of a key: FNV-1a, which needs no secret, as a collision does no harm.
fn place(key: &str) -> usize {
    let fold = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    key.bytes().fold(0xcbf2_9ce4_8422_2325, fold) as usize % LIVES_LEN
}

/// The layers of the kind of this name, if it has some.
pub(crate) fn layers_of(system: &System, kind: &str) -> Option<&'static KindLayers> {
    system.beside_kind(kind)
}

/// What serves an agent of `kind` that is set to `asked`.
pub(crate) fn level_of(system: &System, kind: &str, asked: Level) -> LevelUsed {
    layers_of(system, kind).map_or_else(|| LevelUsed::of(asked), |layers| layers.level(asked))
}
