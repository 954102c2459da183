//! The simulated outside of a node: a run queue, a clock that is a number, one
//! wheel of timers, and the trace.
//!
//! Everything here happens on the world's own thread; a call from any other
//! is trouble, and the world fails for it at its next step. (It cannot fail
//! here: below us on the stack may be a handler, whose panics are its own.)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_agent::{Alarm, AlarmKey, Driver, Event, HandlerStart, Ready, TimerWheel};
use nexus_base::{EventName, Rng, Time};

use crate::builder::{Asks, Builder};
use crate::ready::ReadyList;
use crate::thread::here;
use crate::trace::Trace;

/// The last moment there is. [`Time::MAX`] is later than anything that
/// happens: an alarm set for it never rings.
const END: Time = Time::from_nanos(u64::MAX - 1);

pub(crate) struct SimDriver {
    thread: usize,
    clock: AtomicU64,
    observes: bool,
    events_per_instant_max: u64,
    parts: Mutex<Parts>,
    /// Whether there is anything in `trouble`.
    troubled: AtomicBool,
    trouble: Mutex<Option<String>>,
}

struct Parts {
    ready: ReadyList,
    wheel: TimerWheel<Due>,
    asks: AskChoice,
    trace: Trace,
    /// How much had happened when the clock last moved.
    events_before: u64,
    /// Nothing more will happen: the world is being taken down.
    closed: bool,
}

#[allow(clippy::large_enum_variant, reason = "there is one for each world")]
enum AskChoice {
    InPlace,
    Queued,
    Drawn(Rng),
}

/// What a time has come for.
enum Due {
    Alarm(Alarm),
    Input(u64),
}

/// What happens next.
pub(crate) enum Next {
    /// A cell has its turn.
    Turn(Ready),
    /// An alarm rings.
    Ring(Alarm),
    /// The input of this number is due.
    Input(u64),
    /// Nothing before the time asked for.
    Nothing,
    /// More than this has happened at this moment, which is the most that may.
    Stuck(u64),
}

impl SimDriver {
    pub(crate) fn new(spec: &Builder, chance: &Rng) -> SimDriver {
        let asks = match spec.asks {
            Asks::InPlace => AskChoice::InPlace,
            Asks::Queued => AskChoice::Queued,
            Asks::Seeded => AskChoice::Drawn(chance.fork("asks")),
        };
        SimDriver {
            thread: here(),
            clock: AtomicU64::new(0),
            observes: spec.detail.contents,
            events_per_instant_max: spec.events_per_instant_max,
            parts: Mutex::new(Parts {
                ready: ReadyList::new(spec.order, chance.fork("order")),
                wheel: TimerWheel::new(Time::ZERO),
                asks,
                trace: Trace::new(spec.detail),
                events_before: 0,
                closed: false,
            }),
            troubled: AtomicBool::new(false),
            trouble: Mutex::new(None),
        }
    }

    #[inline]
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(crate) fn time(&self) -> Time {
        Time::from_nanos(self.clock.load(Ordering::Relaxed))
    }

    /// Moves the clock on to `at`, unless it is there already.
    pub(crate) fn advance(&self, at: Time) {
        self.clock.fetch_max(at.as_nanos(), Ordering::Relaxed);
    }

    /// Moves the clock on to `at`, where as much may happen as at any other moment.
    pub(crate) fn move_to(&self, at: Time) {
        self.advance(at);
        let mut parts = self.parts();
        parts.events_before = parts.trace.events();
    }

    /// When the first alarm rings, or the first input is due.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.parts().wheel.next_timeout().filter(|at| *at <= END)
    }

    /// Takes out what happens next, not after `limit`: what is due now, or else
    /// who is ready, or else what is due first, whose time it then is.
    #[inline]
    pub(crate) fn next(&self, limit: Time) -> Next {
        let mut parts = self.parts();
        let now = self.time();
        if let Some((_, due)) = parts.wheel.pop_due(now) {
            return parts.begin(now, due);
        }
        if parts.trace.events() - parts.events_before > self.events_per_instant_max {
            return Next::Stuck(self.events_per_instant_max);
        }
        if let Some(ready) = parts.ready.pop() {
            parts.trace.turn(now, ready.agent(), || ready.name());
            return Next::Turn(ready);
        }
        match parts.wheel.pop_due(limit.min(END)) {
            Some((at, due)) => {
                self.advance(at);
                parts.events_before = parts.trace.events();
                parts.begin(at, due)
            }
            None => Next::Nothing,
        }
    }

    /// Has the input of this number come at `at`.
    pub(crate) fn set_input(&self, at: Time, number: u64) {
        self.parts().wheel.insert(at, Due::Input(number));
    }

    pub(crate) fn with_trace<R>(&self, f: impl FnOnce(&mut Trace) -> R) -> R {
        f(&mut self.parts().trace)
    }

    /// What went wrong that a world cannot go on from.
    #[inline]
    pub(crate) fn take_trouble(&self) -> Option<String> {
        if self.troubled.load(Ordering::Relaxed) { self.trouble().take() } else { None }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn report(&self, what: impl FnOnce() -> String) {
        self.trouble().get_or_insert_with(what);
        self.troubled.store(true, Ordering::Relaxed);
    }

    #[inline]
    fn is_abroad(&self) -> bool {
        here() != self.thread
    }

    /// Forgets everybody who is ready, for good.
    pub(crate) fn close(&self) {
        let mut parts = self.parts();
        parts.closed = true;
        parts.ready.clear();
    }

    /// Forgets everything that was due. What is in the alarms may be the
    /// user's, so they are dropped outside the lock.
    pub(crate) fn drain(&self) {
        loop {
            let due = self.parts().wheel.pop_due(Time::MAX);
            if due.is_none() {
                return;
            }
        }
    }
}

impl Parts {
    #[inline]
    fn begin(&mut self, at: Time, due: Due) -> Next {
        match due {
            Due::Alarm(alarm) => {
                self.trace.ring(at);
                Next::Ring(alarm)
            }
            Due::Input(number) => {
                self.trace.input(at);
                Next::Input(number)
            }
        }
    }
}

impl Driver for SimDriver {
    #[inline]
    fn ready(&self, ready: Ready) {
        if self.is_abroad() {
            self.report(|| woken_abroad(&ready.name()));
        }
        let mut parts = self.parts();
        if !parts.closed {
            parts.ready.push(ready);
        }
    }

    #[inline]
    fn now(&self) -> Time {
        self.time()
    }

    #[inline]
    fn set_alarm(&self, at: Time, alarm: Alarm) -> AlarmKey {
        if self.is_abroad() {
            self.report(alarm_abroad);
        }
        AlarmKey { wheel: 0, key: self.parts().wheel.insert(at, Due::Alarm(alarm)) }
    }

    #[inline]
    fn cancel_alarm(&self, key: AlarmKey) -> Option<Alarm> {
        match self.parts().wheel.cancel(key.key)? {
            Due::Alarm(alarm) => Some(alarm),
            Due::Input(_) => unreachable!("the keys of inputs are not given out"),
        }
    }

    fn chooses_in_place(&self) -> bool {
        match &mut self.parts().asks {
            AskChoice::InPlace => true,
            AskChoice::Queued => false,
            AskChoice::Drawn(chance) => chance.below(2) == 0,
        }
    }

    #[inline]
    fn handler_starts(&self, start: &HandlerStart<'_>) {
        self.parts().trace.start(self.time(), start);
    }

    fn foreign_wait(&self, agent: &str, message: &'static str) {
        self.report(|| foreign_wait(agent, message));
    }

    fn wants(&self, _: EventName) -> bool {
        self.observes
    }

    fn observe(&self, event: Event) {
        let text = format!("{} {}: {}", event.agent, event.name, event.detail);
        self.parts().trace.said(event.at, text);
    }
}

fn foreign_wait(agent: &str, message: &str) -> String {
    format!(
        "{agent}, handling {message}, awaits something the simulated world does not own: \
         no timer, answer or mailbox of its agents will ever wake it.\n\
         Await asks, tells, tasks, `cx.sleep` and `cx.cancelled` only; put a tokio timer, a \
         channel or a thread behind an agent, and a stand-in for that agent into the test."
    )
}

fn woken_abroad(agent: &str) -> String {
    format!(
        "{agent} was woken or sent to from another thread than the world's: when that happens \
         differs from run to run.\n\
         Send from the test itself, or at a set time with `World::at`."
    )
}

fn alarm_abroad() -> String {
    "another thread than the world's set an alarm in it: when that happens differs from run to \
     run.\nAsk from the test itself, or at a set time with `World::at`."
        .to_owned()
}
