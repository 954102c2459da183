//! The world: one node in virtual time.

use std::collections::BTreeMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nexus_agent::{
    Agent, AskError, Handle, Handler, InPlace, KindSpec, Message, SpawnError, System, Task,
    TellError, Wire, Worker, WorkerSpec, encode,
};
use nexus_base::{IdSecret, Rng, Time};

use crate::books::{self, Books};
use crate::builder::Builder;
use crate::driver::{Next, SimDriver};
use crate::waker::Flag;
use crate::{Asks, Record, TraceHash};

/// Stack that handlers nested by asks in place may take: well within the 2 MiB
/// of a test's thread.
const STACK_BYTES_MAX: usize = 512 * 1_024;

/// What may happen until a world is idle. A guess: some minutes of real time.
pub const EVENTS_MAX: u64 = 200_000_000;

/// What may happen while virtual time stands still, unless
/// [`Builder::events_per_instant_max`] says otherwise. A guess: seconds of real
/// time, and more than a million agents need that all have a few things to do
/// at one moment.
pub const EVENTS_PER_INSTANT_MAX: u64 = 20_000_000;

/// Agents named when a world can go no further.
const NAMED_MAX: usize = 8;

type Input = Box<dyn FnOnce(&mut World)>;

/// One node in virtual time, on the thread that made it.
///
/// Time moves only when nobody has anything left to do: to the moment the next
/// timer, deadline or input is due. Until then those who are ready have their
/// turns in an order drawn from the seed, one message each, and each ask is
/// answered in place or through the mailbox as drawn. Equal seeds give equal
/// runs, which [`World::trace_hash`] tells.
///
/// After each step the world fails by panicking if a handler awaits something
/// it does not own, if another thread meddles, or if a message was lost
/// uncounted.
///
/// See the crate for an example.
pub struct World {
    seed: u64,
    system: Arc<System>,
    driver: Arc<SimDriver>,
    worker: Worker,
    inputs: BTreeMap<u64, Input>,
    inputs_made: u64,
    books: Option<Books>,
    /// A world does not leave its thread: the order of its events would then
    /// be another's.
    stays: PhantomData<*const ()>,
}

impl World {
    /// A world with nobody in it, all of whose chances come from `seed`.
    pub fn new(seed: u64) -> World {
        World::builder(seed).build()
    }

    /// A world to be made differently.
    pub fn builder(seed: u64) -> Builder {
        Builder::new(seed)
    }

    pub(crate) fn make(spec: &Builder) -> World {
        let chance = Rng::new(spec.seed);
        let driver = Arc::new(SimDriver::new(spec, &chance));
        let mut secret = chance.fork("secret");
        let secret = IdSecret::new(secret.next_u64(), secret.next_u64());
        let system = System::new(driver.clone(), secret, 1);
        let worker = Worker::new(system.clone(), worker_spec(spec), chance.fork("worker"));
        World {
            seed: spec.seed,
            system,
            driver,
            worker,
            inputs: BTreeMap::new(),
            inputs_made: 0,
            books: spec.checks_books.then(Books::new),
            stays: PhantomData,
        }
    }

    /// What all chances here come from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The agents, as code outside of handlers sees them.
    pub fn system(&self) -> &Arc<System> {
        &self.system
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.driver.time()
    }

    /// Says how agents of kind `A` are made, beyond what their type says.
    ///
    /// # Panics
    /// If another type has the kind's name.
    #[track_caller]
    pub fn register<A: Agent>(&self, spec: KindSpec<A>) {
        if let Err(error) = self.system.register(spec) {
            self.fail(&error.to_string());
        }
    }

    /// Makes an agent. A test of what happens when that fails calls
    /// [`System::spawn`] instead.
    ///
    /// # Panics
    /// If it cannot be made.
    #[track_caller]
    pub fn spawn<A: Agent>(&self, key: &str) -> Handle<A> {
        match self.system.spawn(key) {
            Ok(agent) => agent,
            Err(error) => self.fail(&format!("{}/{key} cannot be spawned: {error}", A::KIND)),
        }
    }

    /// The agent of kind `A` called `key`, if there is one.
    pub fn find<A: Agent>(&self, key: &str) -> Option<Handle<A>> {
        self.system.find(key)
    }

    /// Tells `agent` something, from outside. Where its mailbox is full and its
    /// policy is to wait, the world goes on until there is room.
    ///
    /// # Errors
    /// [`TellError`] with the message.
    #[track_caller]
    pub fn tell<A: Handler<M>, M: Message>(
        &mut self,
        agent: &Handle<A>,
        message: M,
    ) -> Result<(), TellError<M>> {
        self.block_on(agent.tell(message))
    }

    /// Asks `agent` from outside; the world goes on until there is an answer,
    /// or the ask's deadline has come.
    ///
    /// # Errors
    /// [`AskError`].
    #[track_caller]
    pub fn ask<A: Handler<M>, M: Message>(
        &mut self,
        agent: &Handle<A>,
        message: M,
    ) -> Result<M::Reply, AskError> {
        let answer = self.block_on(agent.ask(message));
        self.trace_answer(M::NAME, &answer);
        answer
    }

    fn trace_answer<R: Wire>(&self, message: &str, answer: &Result<R, AskError>) {
        self.driver.with_trace(|trace| match answer {
            Ok(reply) => trace.answer(self.now(), message, || encode(reply)),
            Err(error) => trace.said(self.now(), format!("{message} is not answered: {error}")),
        });
    }

    /// Runs `future` beside the agents, where its asks can be answered in place.
    ///
    /// # Errors
    /// [`SpawnError::ShuttingDown`].
    pub fn task<F>(&self, future: F) -> Result<Task<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.system.task(future)
    }

    /// Goes on until `future`, which is outside the agents, is ready.
    ///
    /// # Panics
    /// If it is not when nothing more can happen.
    #[track_caller]
    pub fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        let flag = Flag::raised();
        let waker = Waker::from(flag.clone());
        let mut future = pin!(future);
        loop {
            if flag.lower()
                && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return output;
            }
            if !flag.is_up() && !self.step() {
                self.fail(&self.deadlock());
            }
        }
    }

    /// Has `input` come in from outside at `at`, or now if that has passed.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// use std::time::Duration;
    /// use nexus_sim::World;
    ///
    /// let mut world = World::new(1);
    /// let at = world.now().after(Duration::from_secs(5));
    /// world.at(at, |world| assert_eq!(world.now().as_secs_f64(), 5.0));
    /// world.run_until_idle();
    /// ```
    pub fn at(&mut self, at: Time, input: impl FnOnce(&mut World) + 'static) {
        self.inputs_made += 1;
        self.inputs.insert(self.inputs_made, Box::new(input));
        self.driver.set_input(at, self.inputs_made);
    }

    /// As [`World::at`], counted from now.
    pub fn after(&mut self, time: Duration, input: impl FnOnce(&mut World) + 'static) {
        self.at(self.now().after(time), input);
    }

    /// Lets the next thing happen, whenever it is; false if there is none.
    ///
    /// # Panics
    /// See [`World`].
    #[track_caller]
    pub fn step(&mut self) -> bool {
        self.step_within(Time::MAX)
    }

    /// Lets everything happen that does within `time`; then that time has passed.
    #[track_caller]
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now().after(time));
    }

    /// Lets everything happen that does until `at`, at `at` included; then it is `at`.
    #[track_caller]
    pub fn run_until(&mut self, at: Time) {
        while self.step_within(at) {}
        self.driver.advance(at);
    }

    /// Lets everything happen that ever will.
    ///
    /// # Panics
    /// If that is more than [`EVENTS_MAX`]: agents with periodic timers are
    /// never idle, see [`World::run_for`].
    #[track_caller]
    pub fn run_until_idle(&mut self) {
        let last = self.events().saturating_add(EVENTS_MAX);
        while self.step_within(Time::MAX) {
            if self.events() > last {
                self.fail(&format!(
                    "it is not idle after {EVENTS_MAX} events; use `run_for` where something \
                     happens for ever"
                ));
            }
        }
    }

    #[inline]
    #[track_caller]
    fn step_within(&mut self, limit: Time) -> bool {
        match self.driver.next(limit) {
            Next::Turn(ready) => self.worker.run(self.driver.time(), ready),
            Next::Ring(alarm) => alarm.ring(),
            Next::Input(number) => {
                let input = self.inputs.remove(&number).expect("an input comes once");
                input(self);
            }
            Next::Nothing => return false,
            Next::Stuck(events) => self.fail(&format!(
                "time stands still: {events} events at this moment, and no end. {}",
                self.names_of_busy()
            )),
        }
        self.look_round();
        true
    }

    /// Sees whether the step did anything that a world does not do.
    #[inline]
    #[track_caller]
    fn look_round(&mut self) {
        if let Some(trouble) = self.driver.take_trouble() {
            self.fail(&trouble);
        }
        if let Some(books) = &mut self.books
            && let Err(trouble) = books.step(&self.system)
        {
            self.fail(&trouble);
        }
    }

    /// Checks at once, and not only now and then, that no message was lost uncounted.
    ///
    /// # Panics
    /// If one was.
    #[track_caller]
    pub fn check_books(&self) {
        if let Err(trouble) = books::check(&self.system) {
            self.fail(&trouble);
        }
    }

    /// What has happened so far, as one number.
    pub fn trace_hash(&self) -> TraceHash {
        self.driver.with_trace(|trace| trace.hash())
    }

    /// How much has happened so far: turns, handlers started, alarms, inputs.
    pub fn events(&self) -> u64 {
        self.driver.with_trace(|trace| trace.events())
    }

    /// What has happened so far, if the world keeps it (see [`Builder::records`]);
    /// of a long run the beginning.
    pub fn records(&self) -> Vec<Record> {
        self.driver.with_trace(|trace| trace.records().to_vec())
    }

    fn deadlock(&self) -> String {
        format!(
            "deadlocked in virtual time: nobody is ready and no timer is set, so what the test \
             waits for will never come (or comes from outside the world). {}",
            self.names_of_busy()
        )
    }

    fn names_of_busy(&self) -> String {
        let busy = self.system.busy();
        if busy.is_empty() {
            return "All agents are idle.".to_owned();
        }
        let mut names: Vec<String> = busy
            .iter()
            .take(NAMED_MAX)
            .map(|one| {
                format!("{}/{} {} with {} waiting", one.kind, one.key, one.phase, one.mailbox_len)
            })
            .collect();
        if busy.len() > NAMED_MAX {
            names.push(format!("and {} more", busy.len() - NAMED_MAX));
        }
        format!("Not idle: {}.", names.join(", "))
    }

    #[cold]
    #[track_caller]
    fn fail(&self, trouble: &str) -> ! {
        panic!("world of seed {} at {}: {trouble}", self.seed, self.now())
    }
}

fn worker_spec(spec: &Builder) -> WorkerSpec {
    let here = 0u8;
    let here = std::ptr::from_ref(std::hint::black_box(&here)).addr();
    WorkerSpec {
        shard: 1,
        in_place: if spec.asks == Asks::InPlace { InPlace::Always } else { InPlace::Asked },
        messages_per_run: spec.messages_per_turn,
        checks_waits: true,
        stack_floor: here.saturating_sub(STACK_BYTES_MAX),
    }
}

impl Drop for World {
    /// Ends every agent. Nobody who is ready has a turn any more.
    #[allow(clippy::disallowed_macros, reason = "a test that fails tells its seed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "the world of seed {} ended at {} with trace {}",
                self.seed,
                self.now(),
                self.trace_hash()
            );
        }
        self.driver.close();
        self.system.close_all(&self.worker);
        self.driver.drain();
    }
}
