//! The driver that runs agents on threads.
//!
//! Each worker is a thread with a current-thread tokio runtime, so handlers
//! may use tokio's sockets and timers, and a run queue that is polled inside
//! it. Work stays on the worker that made it: waking a sleeping CPU costs more
//! than most handlers take. Others help themselves only where there is a
//! backlog, or where the monitor finds a worker stuck in one long handler.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crossbeam_deque::{Injector, Steal, Stealer, Worker as Deque};
use nexus_agent::{Alarm, AlarmKey, Driver, Event, Execution, Ready, TimerWheel, Worker};
use nexus_base::{EventName, Time};

use crate::blocking::BlockingPool;
use crate::clock::Clock;
use crate::events::EventLog;
use crate::lengths::Lengths;
use crate::locality::{Knobs, Locality};

/// Ready agents in one worker's queue above which another worker takes half,
/// unless the node was tuned to something else. Below it the queue is done
/// sooner than the other CPU is awake. Measured 2026-11 on a 2-core virtual
/// machine, where a wake-up takes 20 to 80 µs.
pub(crate) const BACKLOG: usize = 64;

/// An alarm rings late by at most this, and by at most a 24th of the time it
/// was set for. A thousand agents that each want to be woken once a second then
/// cost 30 wake-ups a second instead of a thousand.
const ALARM_LATE_MAX: Duration = Duration::from_millis(40);

/// Agents a worker queues between two looks at how many it has.
const PUSHES_PER_LOOK: u32 = 64;

pub(crate) struct Threads {
    clock: Clock,
    injector: Injector<Ready>,
    knobs: Knobs,
    seats: Box<[Seat]>,
    /// How many seats say they sleep: a quick no for those who might wake one.
    sleepers: AtomicUsize,
    /// The worker whose work waits behind one long handler; beyond the seats if none.
    stuck: AtomicUsize,
    stopping: AtomicBool,
    /// When alarms last rang, in nanoseconds.
    rung: AtomicU64,
    pub(crate) blocking: BlockingPool,
    pub(crate) events: EventLog,
}

/// What others see of a worker.
pub(crate) struct Seat {
    stealer: Stealer<Ready>,
    /// The other seats, those to help first in front.
    others: Box<[u16]>,
    alarms: Mutex<TimerWheel<Alarm>>,
    /// When the worker last looked at its alarms, in nanoseconds.
    now: AtomicU64,
    sleeping: AtomicBool,
    /// Told by the monitor: take from whoever has anything.
    help: AtomicBool,
    waker: Mutex<Option<Waker>>,
    /// Agents run so far, for the monitor to see progress.
    pub(crate) runs: AtomicU64,
    /// Tasks of tokio's that answer in place, entered and left so far: odd within one.
    pub(crate) tasks: Arc<AtomicU64>,
    /// The system's number of the worker's thread; 0 until it has one.
    thread: AtomicU32,
}

/// The queue of the worker that this thread is.
pub(crate) struct Local {
    threads: *const Threads,
    pub(crate) seat: usize,
    pub(crate) queue: Deque<Ready>,
    /// Agents queued here so far.
    pushes: Cell<u32>,
    /// Set by the worker's loop when it begins.
    worker: OnceCell<Worker>,
    /// How long tokio's tasks take here.
    lengths: Lengths,
    /// As the seat's.
    tasks: Arc<AtomicU64>,
}

impl Local {
    /// What runs agents on this thread.
    pub(crate) fn worker(&self, make: impl FnOnce() -> Worker) -> &Worker {
        self.worker.get_or_init(make)
    }
}

thread_local! {
    static LOCAL: RefCell<Option<Rc<Local>>> = const { RefCell::new(None) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Threads {
    /// The driver for `workers` workers, placed as `locality` says, and their queues.
    pub(crate) fn new(workers: usize, locality: &Locality) -> (Arc<Threads>, Vec<Deque<Ready>>) {
        let queues: Vec<_> = (0..workers).map(|_| Deque::new_fifo()).collect();
        let seat = |(seat, queue)| Seat::new(queue, locality.neighbours(seat));
        let clock = Clock::start();
        let threads = Threads {
            clock,
            injector: Injector::new(),
            knobs: Knobs::default(),
            seats: queues.iter().enumerate().map(seat).collect(),
            sleepers: AtomicUsize::new(0),
            stuck: AtomicUsize::new(usize::MAX),
            stopping: AtomicBool::new(false),
            rung: AtomicU64::new(0),
            blocking: BlockingPool::default(),
            events: EventLog::default(),
        };
        (Arc::new(threads), queues)
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    pub(crate) fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Has every worker return as soon as it is between two agents.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for seat in &self.seats {
            seat.wake();
        }
        self.blocking.stop();
    }

    /// Makes the current thread the worker in `seat`.
    pub(crate) fn sit(self: &Arc<Threads>, seat: usize, queue: Deque<Ready>) -> Rc<Local> {
        let local = Rc::new(Local {
            threads: Arc::as_ptr(self),
            seat,
            queue,
            pushes: Cell::new(0),
            worker: OnceCell::new(),
            lengths: Lengths::default(),
            tasks: self.seats[seat].tasks.clone(),
        });
        self.seats[seat].thread.store(thread_number(), Ordering::Relaxed);
        LOCAL.with(|slot| *slot.borrow_mut() = Some(local.clone()));
        local
    }

    /// Has the current thread be no worker any more. What its tokio tasks made
    /// ready in their last moments is forgotten: [`Threads::end`] may have been.
    pub(crate) fn get_off(local: &Local) {
        LOCAL.with(RefCell::take);
        while local.queue.pop().is_some() {}
    }

    /// The next agent for the worker `local`.
    pub(crate) fn next(&self, local: &Local, look_outside: bool) -> Option<Ready> {
        if look_outside
            && let Some(ready) = self.take_from_stuck(local).or_else(|| self.take_injected(local))
        {
            return Some(ready);
        }
        local
            .queue
            .pop()
            .or_else(|| self.take_injected(local))
            .or_else(|| self.take_from_others(local))
    }

    fn take_injected(&self, local: &Local) -> Option<Ready> {
        if self.injector.is_empty() {
            return None;
        }
        take(|| self.injector.steal_batch_and_pop(&local.queue))
    }

    /// Says which worker has work that waits behind one long handler, if one has.
    pub(crate) fn note_stuck(&self, seat: Option<usize>) {
        self.stuck.store(seat.unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// Busy workers help too: nobody else may ever come free.
    fn take_from_stuck(&self, local: &Local) -> Option<Ready> {
        let stuck = self.seats.get(self.stuck.load(Ordering::Relaxed))?;
        take(|| stuck.stealer.steal_batch_and_pop(&local.queue))
    }

    fn take_from_others(&self, local: &Local) -> Option<Ready> {
        let here = &self.seats[local.seat];
        let sent = here.help.swap(false, Ordering::AcqRel);
        let enough = if sent { 1 } else { self.knobs.help_backlog() };
        let others = here.others.iter().map(|other| &self.seats[usize::from(*other)]);
        let mut loaded = others.filter(|seat| seat.stealer.len() >= enough);
        loaded.find_map(|seat| take(|| seat.stealer.steal_batch_and_pop(&local.queue)))
    }

    /// Announces that the worker in `seat` is about to sleep. False if there is
    /// something to do after all.
    pub(crate) fn fall_asleep(&self, seat: usize) -> bool {
        self.seats[seat].sleeping.store(true, Ordering::SeqCst);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        // Whoever injects looks at the sleepers after pushing; we look at the
        // injector after lying down. One of us sees the other.
        fence(Ordering::SeqCst);
        if self.injector.is_empty() && !self.is_stopping() {
            return true;
        }
        self.get_up(seat);
        false
    }

    /// Takes back [`Self::fall_asleep`], unless whoever woke the worker has.
    pub(crate) fn get_up(&self, seat: usize) {
        if self.seats[seat].sleeping.swap(false, Ordering::SeqCst) {
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Wakes a sleeping worker, and not the same one again before it has slept anew.
    fn wake_one(&self) {
        fence(Ordering::SeqCst);
        if let Some(seat) = self.rouse(0..self.seats.len()) {
            seat.wake();
        }
    }

    /// Sends a sleeping worker to help, the nearest to the one in `seat`, which
    /// has work for it.
    pub(crate) fn send_help(&self, seat: usize) {
        // The one with the work comes last: tokio may keep it while it counts as asleep.
        let others = self.seats[seat].others.iter().map(|other| usize::from(*other));
        if let Some(helper) = self.rouse(others.chain([seat])) {
            helper.help.store(true, Ordering::Release);
            helper.wake();
        }
    }

    /// The first of `seats` whose worker sleeps. It counts as awake from here on:
    /// tokio may keep it in a long task, and then the next call finds another.
    fn rouse(&self, mut seats: impl Iterator<Item = usize>) -> Option<&Seat> {
        if self.sleepers.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let index = seats.find(|seat| self.seats[*seat].is_asleep())?;
        self.get_up(index);
        Some(&self.seats[index])
    }

    /// Wakes another worker if what was injected still waits: the one that was
    /// woken for it does not come.
    pub(crate) fn wake_another(&self) {
        if !self.injector.is_empty() {
            self.wake_one();
        }
    }

    /// Whether every worker sleeps and nothing waits for one.
    pub(crate) fn is_idle(&self) -> bool {
        self.sleepers.load(Ordering::SeqCst) == self.seats.len() && self.injector.is_empty()
    }

    /// Rings what is due on the worker's own wheel; when the next alarm is.
    pub(crate) fn ring_alarms(&self, seat: usize, now: Time) -> Option<Time> {
        self.seats[seat].now.store(now.as_nanos(), Ordering::Relaxed);
        loop {
            let mut alarms = lock(&self.seats[seat].alarms);
            let Some((_, alarm)) = alarms.pop_due(now) else { return alarms.next_timeout() };
            drop(alarms);
            self.rung.fetch_max(now.as_nanos(), Ordering::Relaxed);
            alarm.ring();
        }
    }

    /// Forgets what is left to do once all agents are closed: entries in the
    /// run queues, and alarms, whose waiters find the node over. How many
    /// messages those held.
    pub(crate) fn end(&self) -> usize {
        let mut messages = 0;
        while take(|| self.injector.steal()).is_some() {}
        self.blocking.end();
        for seat in &self.seats {
            // Each entry leads back to us by its cell, so none goes by itself.
            while take(|| seat.stealer.steal()).is_some() {}
            // Not under the lock: a woken waiter may cancel another alarm.
            while let Some((_, alarm)) = { lock(&seat.alarms).pop_due(Time::MAX) } {
                messages += usize::from(alarm.is_mail());
                alarm.end();
            }
        }
        messages
    }

    /// `at`, later by up to a 24th of the time until then and at most by
    /// [`ALARM_LATE_MAX`], so that alarms that are close together ring together.
    /// `looks` says that the worker in `seat` is the one who asks, and awake.
    fn rounded(&self, at: Time, seat: usize, looks: bool) -> Time {
        let seen = || Time::from_nanos(self.seats[seat].now.load(Ordering::Relaxed));
        // What a sleeping worker saw last may be long past.
        let now = if looks { seen() } else { self.clock.now() };
        let late_max = (at.since(now) / 24).min(ALARM_LATE_MAX).as_nanos() as u64;
        let Some(grain) = late_max.checked_ilog2().map(|bits| 1u64 << bits) else { return at };
        at.as_nanos().checked_next_multiple_of(grain).map_or(at, Time::from_nanos)
    }

    /// Timers that have not rung.
    pub(crate) fn alarm_count(&self) -> usize {
        self.seats.iter().map(|seat| lock(&seat.alarms).len()).sum()
    }

    /// The seat of the current thread, if it is one of this node's workers.
    fn with_local<R>(&self, f: impl FnOnce(Option<&Local>) -> R) -> R {
        let mut f = Some(f);
        let mut call = |local: Option<&Local>| f.take().expect("called once")(local);
        let called = LOCAL.try_with(|slot| {
            let slot = slot.borrow();
            call(slot.as_deref().filter(|local| std::ptr::eq(local.threads, self)))
        });
        // Where the thread is about to end: thread-locals of users that are
        // dropped after ours may still send and wake.
        called.unwrap_or_else(|_| call(None))
    }
}

/// How the system calls this thread; 0 where it has no numbers.
#[cfg(target_os = "linux")]
fn thread_number() -> u32 {
    rustix::thread::gettid().as_raw_pid().unsigned_abs()
}

#[cfg(not(target_os = "linux"))]
fn thread_number() -> u32 {
    0
}

/// Whether this thread is a worker, of whatever node.
pub(crate) fn is_worker() -> bool {
    LOCAL.try_with(|slot| slot.borrow().is_some()).unwrap_or(false)
}

/// Which worker this thread is, of whatever node.
pub(crate) fn seat() -> Option<usize> {
    LOCAL.with(|slot| slot.borrow().as_ref().map(|local| local.seat))
}

/// Calls `f` as this thread's worker would be called, if it is one: what `f`
/// asks may then be answered in place. Not where that takes long: see [`Lengths`].
pub(crate) fn as_worker<R>(f: impl FnOnce() -> R) -> R {
    let local = LOCAL.with(|slot| slot.borrow().clone());
    let worker = local.as_ref().and_then(|local| Some((local, local.worker.get()?)));
    let Some((local, worker)) = worker else { return f() };
    let driver = worker.system().driver();
    let begun = driver.now();
    if local.lengths.are_long(begun) {
        return f();
    }
    let within = Within::enter(&local.tasks);
    let done = worker.enter(begun, f);
    drop(within);
    local.lengths.note(begun, driver.now());
    done
}

/// Counts that a task was entered, and that it was left, however it is.
struct Within<'t>(&'t AtomicU64);

impl Within<'_> {
    fn enter(tasks: &AtomicU64) -> Within<'_> {
        count(tasks);
        Within(tasks)
    }
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        count(self.0);
    }
}

/// One more; this thread alone counts.
fn count(tasks: &AtomicU64) {
    tasks.store(tasks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Retries a steal that lost a race; somebody else made progress each time.
fn take(mut steal: impl FnMut() -> Steal<Ready>) -> Option<Ready> {
    loop {
        match steal() {
            Steal::Success(ready) => return Some(ready),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

impl Seat {
    fn new(queue: &Deque<Ready>, others: Box<[u16]>) -> Seat {
        Seat {
            stealer: queue.stealer(),
            others,
            alarms: Mutex::new(TimerWheel::new(Time::ZERO)),
            now: AtomicU64::new(0),
            sleeping: AtomicBool::new(false),
            help: AtomicBool::new(false),
            waker: Mutex::new(None),
            runs: AtomicU64::new(0),
            tasks: Arc::default(),
            thread: AtomicU32::new(0),
        }
    }

    /// The system's number of the worker's thread, where it has one.
    pub(crate) fn thread(&self) -> Option<u32> {
        Some(self.thread.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    pub(crate) fn set_waker(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
    }

    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.sleeping.load(Ordering::Relaxed)
    }

    pub(crate) fn backlog(&self) -> usize {
        self.stealer.len()
    }
}

impl Driver for Threads {
    fn ready(&self, ready: Ready) {
        if ready.execution() == Execution::Blocking {
            return self.blocking.push(ready);
        }
        let elsewhere = self.with_local(|local| match local {
            Some(local) => {
                local.queue.push(ready);
                // While the loop sleeps tokio polls sockets, timers and tasks on
                // this very thread; what these make ready has to get it up.
                let seat = &self.seats[local.seat];
                if seat.sleeping.load(Ordering::Relaxed) {
                    seat.wake();
                }
                let pushes = local.pushes.get().wrapping_add(1);
                local.pushes.set(pushes);
                if pushes.is_multiple_of(PUSHES_PER_LOOK)
                    && local.queue.len() >= self.knobs.help_backlog()
                {
                    self.send_help(local.seat);
                }
                None
            }
            None => Some(ready),
        });
        if let Some(ready) = elsewhere {
            self.injector.push(ready);
            self.wake_one();
        }
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    fn now_since(&self, seen: Time) -> Time {
        self.clock.now_since(seen)
    }

    fn rung(&self) -> Time {
        Time::from_nanos(self.rung.load(Ordering::Relaxed))
    }

    fn set_alarm(&self, at: Time, alarm: Alarm) -> AlarmKey {
        let here = self.with_local(|local| local.map(|local| local.seat));
        let seat = here.unwrap_or(0);
        // A loop that is running looks at its alarms before it sleeps.
        let looks = here.is_some() && !self.seats[seat].sleeping.load(Ordering::Relaxed);
        let at = self.rounded(at, seat, looks);
        let mut alarms = lock(&self.seats[seat].alarms);
        let earlier = !looks && alarms.next_timeout().is_none_or(|next| at < next);
        let key = alarms.insert(at, alarm);
        drop(alarms);
        if earlier {
            // The worker may be asleep until a later alarm.
            self.seats[seat].wake();
        }
        AlarmKey { wheel: seat as u32, key }
    }

    fn cancel_alarm(&self, key: AlarmKey) -> Option<Alarm> {
        lock(&self.seats[key.wheel as usize].alarms).cancel(key.key)
    }

    fn wants(&self, name: EventName) -> bool {
        self.events.wants(name)
    }

    fn observe(&self, event: Event) {
        self.events.push(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locality::LocalitySpec;

    #[test]
    fn an_alarm_set_from_outside_is_late_by_a_part_of_its_own_time_alone() {
        let locality = Locality::new(&LocalitySpec::default(), 1).expect("nothing is asked for");
        let (threads, _queues) = Threads::new(1, &locality);
        // Long enough after the worker has last seen the time, which is never.
        while threads.clock.now() < Time::from_nanos(300_000_000) {
            std::hint::spin_loop();
        }
        for milliseconds in 1..20 {
            let wait = Duration::from_millis(milliseconds);
            let at = threads.clock.now().after(wait);
            let late = threads.rounded(at, 0, false).since(at);
            assert!(late <= wait / 24, "{late:?} late after {wait:?}");
        }
    }
}
