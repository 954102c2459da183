//! One worker thread: polls its run queue inside its tokio runtime.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use nexus_agent::{InPlace, MESSAGES_PER_RUN, System, Worker, WorkerSpec};
use nexus_base::{Rng, Time};

use crate::threads::{Local, Threads};

/// Bytes of a worker's stack. Only what is touched takes memory.
pub(crate) const STACK_BYTES: usize = 8 << 20;

/// Bytes of stack that asks in place leave for the handler they start. A guess
/// that lets a handler keep a large buffer or two on its stack.
const STACK_RESERVE_BYTES: usize = 2 << 20;

/// Agents run between two looks at sockets, alarms and work from outside, at most.
const RUNS_PER_SLICE: u32 = 256;

/// Time between two looks at sockets, alarms and work from outside, unless a
/// single run takes longer: a look is a system call. Untuned.
pub(crate) const SLICE: Duration = Duration::from_micros(100);

/// Agents run between two looks at the clock. Each may handle hundreds of
/// messages, and looks at the clock itself while it does.
const RUNS_PER_CLOCK: u32 = 8;

/// A sleeping worker's alarms ring together on a grid this fine: it is woken
/// once for all of them. Finer than tokio's own timers, which count milliseconds.
const ALARM_GRAIN: Duration = Duration::from_millis(1);

/// What a thread needs to become a worker.
pub(crate) fn spec(shard: usize, in_place: InPlace) -> WorkerSpec {
    let base = 0u8;
    let here = std::ptr::from_ref(&base).addr();
    WorkerSpec {
        shard,
        in_place,
        messages_per_run: MESSAGES_PER_RUN,
        checks_waits: false,
        stack_floor: here.saturating_sub(STACK_BYTES - STACK_RESERVE_BYTES),
    }
}

/// The loop of one worker; ends when the node stops.
pub(crate) struct WorkerLoop {
    threads: Arc<Threads>,
    local: Rc<Local>,
    alarm: Pin<Box<tokio::time::Sleep>>,
    asleep: bool,
}

impl WorkerLoop {
    pub(crate) fn new(
        threads: Arc<Threads>,
        local: Rc<Local>,
        system: Arc<System>,
        memory_node: usize,
        rng: Rng,
    ) -> WorkerLoop {
        let spec = spec(local.seat + 1, InPlace::Always);
        local.worker(|| Worker::new(system, spec, rng).on_memory_node(memory_node));
        let alarm = Box::pin(tokio::time::sleep(Duration::ZERO));
        WorkerLoop { threads, local, alarm, asleep: false }
    }

    /// Runs agents for one slice, until `end` at the latest.
    fn run_slice(&mut self, now: Time, end: Time) -> Slice {
        let mut now = now;
        let seat = &self.threads.seats()[self.local.seat];
        let worker = self.local.worker(|| unreachable!("made with the loop"));
        for run in 0..RUNS_PER_SLICE {
            if now > end || self.threads.is_stopping() {
                return Slice::Ended;
            }
            let Some(ready) = self.threads.next(&self.local, run == 0) else {
                return if run > 0 { Slice::Drained } else { Slice::Idle };
            };
            if run > 0 && run % RUNS_PER_CLOCK == 0 {
                now = self.threads.clock().now();
            }
            worker.run(now, ready);
            // A long run has looked at the clock itself.
            now = worker.now();
            seat.runs.store(seat.runs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        Slice::Ended
    }

    /// Has tokio wake this worker for its next alarm.
    fn sleep_until(&mut self, next: Option<Time>, now: Time, poller: &mut Poller<'_>) {
        let Some(next) = next else { return };
        let grain = ALARM_GRAIN.as_nanos() as u64;
        let rounded = next.as_nanos().div_ceil(grain).saturating_mul(grain);
        let after = Time::from_nanos(rounded).since(now).min(Duration::from_secs(86_400));
        #[allow(clippy::disallowed_methods, reason = "the edge is where clocks are read")]
        let at = tokio::time::Instant::now() + after;
        self.alarm.as_mut().reset(at);
        let _ = self.alarm.as_mut().poll(poller);
    }
}

/// How a slice ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slice {
    /// Its time was up; there may be more.
    Ended,
    /// It ran all there was.
    Drained,
    /// There was nothing.
    Idle,
}

impl Future for WorkerLoop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        let this = &mut *self;
        let seat = this.local.seat;
        this.threads.seats()[seat].set_waker(poller.waker());
        if std::mem::take(&mut this.asleep) {
            this.threads.get_up(seat);
        }
        let start = this.threads.clock().now();
        let length = this.threads.knobs().slice();
        let mut now = start;
        loop {
            if this.threads.is_stopping() {
                return Poll::Ready(());
            }
            let next_alarm = this.threads.ring_alarms(seat, now);
            let slice = this.run_slice(now, now.after(length));
            let looked = now;
            now = this.threads.clock().now();
            if slice == Slice::Drained && now.since(start) < length {
                // Perhaps an alarm is due by now; if not we sleep, which looks
                // at the sockets as well.
                continue;
            }
            if slice != Slice::Idle {
                // Sockets and tokio's own timers have their turn, then we go
                // on. Yielding so costs tokio a look at the sockets; waking
                // ourselves would cost two more system calls.
                return std::pin::pin!(tokio::task::yield_now()).poll(poller);
            }
            if this.threads.fall_asleep(seat) {
                this.asleep = true;
                this.sleep_until(next_alarm, looked, poller);
                return Poll::Pending;
            }
        }
    }
}
