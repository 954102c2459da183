//! A driver on real threads, as small as it can be, and what the tests count.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Poller, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use nexus_agent::{
    Alarm, AlarmKey, Driver, InPlace, Listing, MESSAGES_PER_RUN, Ready, System, TimerWheel, Worker,
    WorkerSpec,
};
use nexus_base::{IdSecret, Rng, Time};

/// Threads that run agents.
pub const RUNNERS: usize = 3;

const STACK_BYTES: usize = 8 << 20;

/// How far the clock goes on with every agent run, and while nobody is ready.
/// It is a number, so that deadlines come when there is work and not when the
/// machine is slow.
const TICK_NS: u64 = 1_000;

/// A runner that finds nothing to do looks again this often: alarms are due by
/// a clock that nothing else would move on.
const IDLE: Duration = Duration::from_millis(1);

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run queue, one wheel of alarms, a clock that is a number.
pub struct Threads {
    ready: Mutex<VecDeque<Ready>>,
    work: Condvar,
    wheel: Mutex<TimerWheel<Alarm>>,
    clock: AtomicU64,
    stopping: AtomicBool,
}

impl Threads {
    /// Forgets who is ready, and ends the alarms. Both lead back to the system.
    pub fn clear(&self) {
        let ready = std::mem::take(&mut *lock(&self.ready));
        drop(ready);
        loop {
            let alarm = lock(&self.wheel).pop_due(Time::MAX);
            let Some((_, alarm)) = alarm else { return };
            alarm.end();
        }
    }

    fn next(&self) -> Option<Ready> {
        let mut ready = lock(&self.ready);
        if ready.is_empty() {
            ready = self.work.wait_timeout(ready, IDLE).unwrap_or_else(PoisonError::into_inner).0;
        }
        ready.pop_front()
    }

    fn tick(&self) -> Time {
        let now = Time::from_nanos(self.clock.fetch_add(TICK_NS, Ordering::Relaxed) + TICK_NS);
        loop {
            let due = lock(&self.wheel).pop_due(now);
            match due {
                Some((_, alarm)) => alarm.ring(),
                None => return now,
            }
        }
    }

    fn run(&self, worker: &Worker) {
        while !self.stopping.load(Ordering::Acquire) {
            let ready = self.next();
            let now = self.tick();
            if let Some(ready) = ready {
                worker.run(now, ready);
            }
        }
    }
}

impl Driver for Threads {
    fn ready(&self, ready: Ready) {
        lock(&self.ready).push_back(ready);
        self.work.notify_one();
    }

    fn now(&self) -> Time {
        Time::from_nanos(self.clock.load(Ordering::Relaxed))
    }

    fn set_alarm(&self, at: Time, alarm: Alarm) -> AlarmKey {
        AlarmKey { wheel: 0, key: lock(&self.wheel).insert(at, alarm) }
    }

    fn cancel_alarm(&self, key: AlarmKey) -> Option<Alarm> {
        lock(&self.wheel).cancel(key.key)
    }
}

/// A system and the threads that run it.
pub struct Node {
    pub system: Arc<System>,
    threads: Arc<Threads>,
    runners: Vec<JoinHandle<()>>,
}

impl Node {
    pub fn start() -> Node {
        let threads = Arc::new(Threads {
            ready: Mutex::default(),
            work: Condvar::new(),
            wheel: Mutex::new(TimerWheel::new(Time::ZERO)),
            clock: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        let system = System::new(threads.clone(), IdSecret::new(1, 2), RUNNERS);
        let runners = (1..=RUNNERS)
            .map(|shard| {
                let (threads, system) = (threads.clone(), system.clone());
                let run = move || threads.run(&worker(system, shard, InPlace::Always));
                thread::Builder::new().stack_size(STACK_BYTES).spawn(run).expect("a thread")
            })
            .collect();
        Node { system, threads, runners }
    }

    /// Waits until nobody has anything to do. Fails when that takes `limit`.
    #[track_caller]
    pub fn settle(&self, limit: Duration) {
        let (look, looks) = (Duration::from_millis(2), limit.as_millis() / 2);
        for _ in 0..looks {
            if self.system.busy().is_empty() {
                return;
            }
            thread::park_timeout(look);
        }
        panic!("still busy: {:#?}", self.system.busy());
    }

    /// Stops the runners, wherever they are, and closes what is left. What
    /// others send meanwhile may come after all; then the threads, which are
    /// returned, want clearing again.
    #[track_caller]
    pub fn end(self) -> (Arc<Threads>, Vec<Listing>) {
        self.threads.stopping.store(true, Ordering::Release);
        self.threads.work.notify_all();
        self.runners.into_iter().for_each(|runner| runner.join().expect("no runner panics"));
        let stuck = self.system.close_all(&worker(self.system.clone(), 0, InPlace::Never)).stuck;
        self.threads.clear();
        (self.threads, stuck)
    }
}

fn worker(system: Arc<System>, shard: usize, in_place: InPlace) -> Worker {
    let here = std::ptr::from_ref(std::hint::black_box(&0_u8)).addr();
    let spec = WorkerSpec {
        shard,
        in_place,
        messages_per_run: MESSAGES_PER_RUN,
        checks_waits: false,
        stack_floor: here.saturating_sub(STACK_BYTES / 2),
    };
    Worker::new(system, spec, Rng::new(shard as u64))
}

struct Woken {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Runs `future` on this thread, which is no worker, polling it when it is woken
/// and at no other time. Fails when it takes `limit`.
#[track_caller]
pub fn block_on<F: Future>(future: F, limit: Duration) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken { thread: thread::current(), woken: AtomicBool::new(true) });
    let waker = Waker::from(woken.clone());
    let look = Duration::from_millis(10);
    let mut left = limit;
    loop {
        while woken.woken.swap(false, Ordering::Acquire) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Poller::from_waker(&waker)) {
                return output;
            }
        }
        assert!(!left.is_zero(), "forgotten: not woken for {limit:?}");
        thread::park_timeout(look);
        left = left.saturating_sub(look);
    }
}

/// How many of something there are.
pub struct Census(AtomicI64);

impl Census {
    pub const fn new() -> Census {
        Census(AtomicI64::new(0))
    }

    pub fn alive(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn born(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn died(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
