//! One executor thread, as the agents that run on it see it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::Context as Poller;
use std::time::Duration;

use nexus_base::{Rng, Time};

use crate::raw::{self, Ready};
use crate::{Kind, System, run};

/// Messages one agent handles before the next agent has its turn. Long enough
/// to pay for the switch, short enough that ten thousand busy agents each get
/// a turn every few milliseconds. Measured 2026-11 on a 2-core EPYC: 64 costs
/// a tenth in throughput, 1,024 gains nothing more.
pub const MESSAGES_PER_RUN: u32 = 256;

/// Sends, told or asked in place, before a run yields to others. As above.
pub const SENDS_PER_RUN: u32 = 512;

/// How long one agent keeps its worker before the next one has its turn, if
/// others are ready and its handlers end in between; in place as well. A
/// guess: some thousand usual messages, and less than anybody notices.
///
/// Seen only where the clock is looked at, so a run may be longer by some
/// handlers, at most 16, and by one tick of a coarse clock.
pub const RUN_TIME_MAX: Duration = Duration::from_millis(1);

/// Sends between two looks at the clock, once a run is under way. A look
/// costs 4 ns, so that is a quarter of a nanosecond for each send.
const SENDS_PER_CLOCK: u32 = 16;

/// Handlers nested on one stack by asks in place, at most, whatever the stack
/// has left. A guess: deeper nesting is a loop more often than a design.
const DEPTH_MAX: u32 = 256;

/// When an ask may be answered on the asker's own stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InPlace {
    /// Whenever the rules allow it.
    Always,
    /// When [`crate::Driver::chooses_in_place`] agrees.
    Asked,
    /// Never: the thread is not a worker, or belongs to blocking agents.
    Never,
}

/// How a worker runs agents.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSpec {
    /// Which of the system's counters this worker alone writes; 0 is shared by all others.
    pub shard: usize,
    /// Whether asks are answered in place.
    pub in_place: InPlace,
    /// Messages an agent handles in one run; [`MESSAGES_PER_RUN`].
    pub messages_per_run: u32,
    /// Whether to show the driver the handlers that start, and to report those
    /// that wait for what it does not own.
    pub checks_waits: bool,
    /// Addresses below this are not used for another handler in place.
    pub stack_floor: usize,
}

/// One executor thread. Not shared: it stays on the thread that made it.
pub struct Worker {
    system: Arc<System>,
    spec: WorkerSpec,
    memory_node: usize,
    now: Cell<Time>,
    /// When the current run has had its time.
    run_end: Cell<Time>,
    sends_left: Cell<u32>,
    /// At how many sends left to look whether the run may go on.
    sends_look: Cell<u32>,
    leaves: Cell<u32>,
    recorded_seed: Cell<Option<u64>>,
    rng: RefCell<Rng>,
}

impl Worker {
    /// A worker of `system`. `rng` seeds its agents' generators.
    pub fn new(system: Arc<System>, spec: WorkerSpec, rng: Rng) -> Worker {
        Worker {
            system,
            spec,
            memory_node: 0,
            now: Cell::new(Time::ZERO),
            run_end: Cell::new(Time::ZERO),
            sends_left: Cell::new(0),
            sends_look: Cell::new(0),
            leaves: Cell::new(0),
            recorded_seed: Cell::new(None),
            rng: RefCell::new(rng),
        }
    }

    /// For a thread that does one thing with an agent and is no worker of ours.
    pub(crate) fn guest(system: Arc<System>) -> Worker {
        let spec = WorkerSpec {
            shard: 0,
            in_place: InPlace::Never,
            messages_per_run: 0,
            checks_waits: false,
            stack_floor: 0,
        };
        Worker::new(system, spec, Rng::new(0))
    }

    /// The same on a CPU of that memory node, of those the system was made
    /// with: agents made by this worker lie there.
    pub fn on_memory_node(mut self, memory_node: usize) -> Worker {
        self.memory_node = memory_node.min(self.system.memory_nodes() - 1);
        self
    }

    pub(crate) fn memory_node(&self) -> usize {
        self.memory_node
    }

    /// Whose agents it runs.
    pub fn system(&self) -> &Arc<System> {
        &self.system
    }

    /// The time of the current run.
    #[inline]
    pub fn now(&self) -> Time {
        self.now.get()
    }

    /// Runs one agent for at most its share of messages.
    pub fn run(&self, now: Time, ready: Ready) {
        self.begin_run(now);
        raw::enter(self, || {
            if let Some(owned) = ready.own(self) {
                run::run(owned, self.spec.messages_per_run);
            }
        });
    }

    /// Takes the time afresh in the middle of a run.
    pub(crate) fn refresh_now(&self) {
        self.now.set(self.system.driver().now());
    }

    /// Takes the time afresh if the run may have been going on for long.
    pub(crate) fn catch_up(&self) {
        self.now.set(self.system.driver().now_since(self.now.get()));
    }

    /// Goes on to when the last alarm rang, if that is later.
    pub(crate) fn pass_alarms(&self) {
        self.now.set(self.system.driver().rung().max(self.now.get()));
    }

    /// Makes this the current thread's worker while `f` runs.
    pub fn enter<R>(&self, now: Time, f: impl FnOnce() -> R) -> R {
        self.begin_run(now);
        raw::enter(self, f)
    }

    #[inline]
    fn begin_run(&self, now: Time) {
        self.now.set(now);
        self.run_end.set(now.after(RUN_TIME_MAX));
        self.sends_left.set(SENDS_PER_RUN);
        self.sends_look.set(SENDS_PER_RUN - 2);
    }

    /// Whether the current run has had its time, as far as is known.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.now.get() > self.run_end.get()
    }

    /// Whether an agent of `kind` may run on this stack now, asked by whoever `poller` wakes.
    #[inline]
    pub(crate) fn in_place(&self, kind: &Kind, depth: u32, poller: &Poller<'_>) -> Room {
        let may = self.spec.in_place != InPlace::Never
            && kind.runs_in_place()
            && depth < DEPTH_MAX
            && std::ptr::eq(kind.system_ptr(), Arc::as_ptr(&self.system));
        if !may || !self.stack_has_room() {
            return Room::Queue;
        }
        if !self.spend() && self.can_yield(poller) {
            return Room::Yield;
        }
        if self.spec.in_place == InPlace::Asked && !self.system.driver().chooses_in_place() {
            return Room::Queue;
        }
        Room::Here
    }

    /// Takes one send out of the run's share; false when it is used up.
    #[inline]
    pub(crate) fn spend(&self) -> bool {
        let left = self.sends_left.get();
        if left > self.sends_look.get() {
            self.sends_left.set(left - 1);
            return true;
        }
        self.spend_looking(left)
    }

    /// As [`Self::spend`]; the rest of the run's share is gone if its time is.
    #[cold]
    fn spend_looking(&self, left: u32) -> bool {
        self.catch_up();
        let left = if self.is_out_of_time() { 0 } else { left };
        self.sends_left.set(left.saturating_sub(1));
        // At first after two sends, four, eight: they may be long ones.
        let spent = SENDS_PER_RUN - left;
        self.sends_look.set(left.saturating_sub(spent.min(SENDS_PER_CLOCK)));
        left > 0
    }

    /// Whether the handler that `poller` is of can let others go first: it
    /// comes back in another run, with a new share. Not so on a thread of its
    /// own, which has nobody else to run, nor where the handler polls through
    /// another waker, and perhaps blocks until that is woken.
    #[cold]
    pub(crate) fn can_yield(&self, poller: &Poller<'_>) -> bool {
        let is_woken = |turn: raw::CurrentTurn<'_>| turn.cell().is_woken_by(poller.waker());
        self.spec.in_place != InPlace::Never && raw::with_turn(|turn| turn.is_some_and(is_woken))
    }

    #[inline]
    fn stack_has_room(&self) -> bool {
        let here = 0u8;
        std::hint::black_box(std::ptr::from_ref(&here)).addr() > self.spec.stack_floor
    }

    pub(crate) fn shard(&self) -> usize {
        self.spec.shard
    }

    /// Seeds the generator of one step.
    pub(crate) fn draw_seed(&self) -> u64 {
        self.rng.borrow_mut().next_u64()
    }

    pub(crate) fn set_recorded_seed(&self, seed: u64) {
        self.recorded_seed.set(Some(seed));
    }

    #[inline]
    pub(crate) fn take_recorded_seed(&self) -> Option<u64> {
        self.recorded_seed.take()
    }

    /// Shows the driver the message a handler is about to start with, where it checks.
    #[inline]
    pub(crate) fn show_start<M: crate::Message>(&self, cell: &raw::CellRef, message: &M) {
        if self.spec.checks_waits {
            let encode = || crate::codec::encode(message);
            let start = crate::HandlerStart { cell, message: M::NAME, encode: &encode };
            self.system.driver().handler_starts(&start);
        }
    }

    fn note_leaf(&self) {
        self.leaves.set(self.leaves.get() + 1);
    }

    #[inline]
    pub(crate) fn begin_poll(&self) -> u32 {
        self.leaves.replace(0)
    }

    #[inline]
    pub(crate) fn end_poll(
        &self,
        before: u32,
        pending: bool,
        who: impl FnOnce() -> (String, &'static str),
    ) {
        let leaves = self.leaves.replace(before);
        if self.spec.checks_waits && pending && leaves == 0 {
            let (agent, message) = who();
            self.system.driver().foreign_wait(&agent, message);
        }
    }
}

/// Notes that a future of ours has returned `Pending`: the driver owns what it waits for.
pub(crate) fn note_leaf() {
    raw::with_worker(|worker| {
        if let Some(worker) = worker {
            worker.note_leaf();
        }
    });
}

/// Whether an ask can be answered on the asker's stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    /// Here and now.
    Here,
    /// Through the mailbox.
    Queue,
    /// Later: the asker has used up its share and lets others go first.
    Yield,
}
