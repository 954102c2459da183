//! A running node.

mod spec;

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use nexus_agent::{
    Agent, BreakerConfig, Counts, DeadLetter, Event, Handle, InPlace, KindSpec, Listing,
    MappedError, MappedFolder, Metadata, SpawnError, SupervisorId, SupervisorSpec, System, Task,
    Worker,
};
use nexus_base::{AgentId, IdSecret, Rng};
use std::collections::BTreeMap;

use crate::circuit_breaker::{Breakers, CircuitBreaker};
use crate::locality::{
    self, Locality, LocalityReport, PREWARM_AGENTS_MAX, Placement, PrewarmError, Prewarmed,
    TUNE_EVERY_MIN, Tuning, TuningReport,
};
use crate::metrics::{self, Reading};
use crate::operation::Operations;
use crate::process::Process;
use crate::reactive::feed::Feed;
use crate::serve::HttpFigures;
use crate::threads::{self, Threads};
use crate::worker::{self, WorkerLoop};
use crate::{monitor, park};
pub use spec::NodeSpec;

/// Workers on one node, at most. A guess beyond any machine we know.
pub const WORKERS_MAX: usize = 1_024;

/// Tasks of tokio's that a worker runs between two turns of its agents and looks at the
/// sockets, at most. Tokio's own 61 take as long as a request to some 61 idle agents does,
/// but agents with much to do keep the worker for some milliseconds each time: connections
/// then get a fifth of the CPU, and requests wait where neither mailboxes nor deadlines are.
/// Measured with `bench/load.sh 'overload spin'`; fewer than so many are usually ready.
const TURNS_PER_LOOK: u32 = 244;

/// Every how many of these a new connection has its turn, before those that were there.
/// With tokio's 31 one waited for seconds in the same test.
const TURNS_PER_NEW: u32 = 8;

/// How long a node that is dropped without [`Node::shutdown`] waits for its agents.
const DROP_LIMIT: Duration = Duration::from_secs(5);

/// A running node: its agents, and the threads they run on.
///
/// ```
/// use nexus::prelude::*;
///
/// struct Counter(u64);
///
/// impl Agent for Counter {
///     const KIND: &'static str = "counter";
///     fn new(_key: &str) -> Self {
///         Counter(0)
///     }
/// }
///
/// #[derive(Message)]
/// #[message(reply = u64)]
/// struct Add(u64);
///
/// impl Handler<Add> for Counter {
///     async fn handle(&mut self, Add(by): Add, _cx: &mut Context<Self>) -> u64 {
///         self.0 += by;
///         self.0
///     }
/// }
///
/// let node = Node::start()?;
/// let visits = node.spawn::<Counter>("visits")?;
/// assert_eq!(node.block_on(visits.ask(Add(2)))?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Node {
    figures: Figures,
    workers: Vec<JoinHandle<()>>,
    /// The workers' runtimes, for what is to live on them.
    handles: Vec<tokio::runtime::Handle>,
    /// Threads that look after the workers; each ends when its sender is dropped.
    watchers: Vec<(Sender<()>, JoinHandle<()>)>,
    locality: Arc<Locality>,
    tuning: Option<Arc<Tuning>>,
}

/// What a node knows of itself, for whoever reports it.
#[derive(Clone)]
pub(crate) struct Figures {
    pub(crate) system: Arc<System>,
    pub(crate) threads: Arc<Threads>,
    operations: Operations,
    breakers: Arc<Breakers>,
}

impl Figures {
    /// All figures as text, with those of the port if there is one.
    pub(crate) fn metrics(&self, http: Option<&HttpFigures>) -> String {
        let process = Process::read();
        metrics::text(Reading {
            kinds: self.system.counts(),
            errors: self.system.error_counts(),
            operations: self.operations.counts(),
            breakers: self.breakers.reports(),
            alarms: self.threads.alarm_count(),
            dead_letters: self.system.dead_letters().len(),
            workers: self.threads.seats().len(),
            blocking_threads: self.threads.blocking.thread_count(),
            http: http.cloned(),
            process,
        })
    }
}

/// Why a node did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The number of workers makes no sense.
    #[error("a node has 1 to {WORKERS_MAX} workers, not {0}; leave it out to use every CPU")]
    Workers(usize),
    /// The system has no thread, or no runtime, for a worker.
    #[error("a worker thread could not be started; free some threads or ask for fewer workers")]
    Thread(#[source] std::io::Error),
    /// Room for so many agents is not made.
    #[error("room can be made for at most {PREWARM_AGENTS_MAX} agents of a kind, not {0}")]
    Prewarm(usize),
    /// The tuner would look too often to see anything.
    #[error(
        "the tuner reads at most every {TUNE_EVERY_MIN:?}, not every {0:?}; leave it out for none"
    )]
    TuneEvery(Duration),
    /// State cannot be mapped where it was asked for.
    #[error("the folder for mapped state cannot be used")]
    Mapped(#[source] MappedError),
}

/// What a shutdown came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Whether every agent came to rest before the limit.
    pub drained: bool,
    /// Agents that were still at work when time was up, as `kind/key: phase`.
    pub cut_short: Vec<String>,
    /// Agents whose handlers never returned: their threads are left behind.
    pub stuck: Vec<String>,
    /// Messages that were left in the mailboxes of stuck agents: accepted, never
    /// handled, and not among the dead letters.
    pub left_queued: u64,
    /// Messages set for later that will not be sent.
    pub timers_dropped: usize,
    /// What became of the messages of each kind.
    pub counts: BTreeMap<&'static str, Counts>,
}

impl Node {
    /// A node with one worker for each CPU.
    ///
    /// # Errors
    /// As [`NodeSpec::start`].
    pub fn start() -> Result<Node, StartError> {
        NodeSpec::new().start()
    }

    fn with(
        workers: usize,
        mut rng: Rng,
        locality: Locality,
        reads_sensors: bool,
    ) -> Result<Node, StartError> {
        let locality = Arc::new(locality);
        let (threads, queues) = Threads::new(workers, &locality);
        let secret = IdSecret::new(rng.next_u64(), rng.next_u64());
        let memory_nodes = locality.memory_nodes();
        let system = System::on_memory_nodes(threads.clone(), secret, workers, memory_nodes);
        let operations = Operations::new(threads.clone());
        let mut node = Node {
            figures: Figures { system, threads, operations, breakers: Arc::default() },
            workers: Vec::new(),
            handles: Vec::new(),
            watchers: Vec::new(),
            locality,
            tuning: None,
        };
        let (settled, settling) = channel();
        for (seat, queue) in queues.into_iter().enumerate() {
            let runtime = node.runtime().map_err(StartError::Thread)?;
            let Figures { system, threads, .. } = node.figures.clone();
            if seat == 0 {
                let (handle, clock) = (runtime.handle().clone(), threads.clock());
                threads.blocking.host(&system, clock, handle, &node.locality);
            }
            node.handles.push(runtime.handle().clone());
            let (locality, settled) = (node.locality.clone(), settled.clone());
            let rng = rng.fork_index("worker", seat as u64);
            let run = move || {
                // Nobody listens where nobody was to be kept anywhere.
                let _ = settled.send(locality.settle_worker(seat));
                // Whoever listens waits until the last sender is gone.
                drop(settled);
                let memory_node = locality.memory_node_of(seat);
                let local = threads.sit(seat, queue);
                let here = local.clone();
                runtime.block_on(async {
                    WorkerLoop::new(threads, here, system, memory_node, rng).await;
                });
                // Sockets that handlers left open are closed without waiting for them.
                runtime.shutdown_background();
                Threads::get_off(&local);
            };
            node.workers.push(thread(&format!("nexus-worker-{seat}"), run)?);
        }
        drop(settled);
        if node.locality.confines() {
            let failed: Vec<_> = settling.into_iter().filter_map(Result::err).collect();
            if let Some(first) = failed.first() {
                node.locality.note_unsettled(failed.len(), first);
            }
        }
        let Figures { system, threads, .. } = node.figures.clone();
        let watched = threads.clone();
        let feed = || Feed::new(system.clone(), threads.clock(), node.handles[0].clone());
        let feed = reads_sensors.then(feed);
        node.watch("nexus-monitor", move |stop| monitor::watch(&watched, feed, stop))?;
        if let Some(every) = node.locality.tune_every {
            let tuning = Arc::new(Tuning::new(every, rng.fork("tuner")));
            node.tuning = Some(tuning.clone());
            node.watch("nexus-tuner", move |stop| tuning.run(&threads, &system, stop))?;
        }
        Ok(node)
    }

    /// What a worker's sockets and timers live in.
    fn runtime(&self) -> std::io::Result<tokio::runtime::Runtime> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.event_interval(TURNS_PER_LOOK).global_queue_interval(TURNS_PER_NEW);
        if self.locality.confines() {
            let locality = self.locality.clone();
            builder.on_thread_start(move || locality.settle_other());
        }
        builder.enable_all().build()
    }

    /// Starts a thread that looks after the workers until `stop` is dropped.
    fn watch(
        &mut self,
        name: &str,
        watch: impl FnOnce(&Receiver<()>) + Send + 'static,
    ) -> Result<(), StartError> {
        let (stop, stopped) = channel();
        self.watchers.push((stop, thread(name, move || watch(&stopped))?));
        Ok(())
    }

    /// What the agents have in common; the methods here are shortcuts to it.
    pub fn system(&self) -> &Arc<System> {
        &self.figures.system
    }

    /// Makes agents as `spec` says instead of as their type says. Comes before
    /// the first of them is spawned: a kind is registered once.
    ///
    /// ```
    /// # use nexus::prelude::*;
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// use nexus::{KindSpec, MailboxSpec, Overflow};
    ///
    /// let node = Node::start()?;
    /// let mailbox = MailboxSpec::overflow(Overflow::Wait).len_max(100);
    /// node.register(KindSpec::from_fn(|_key| Cart).mailbox(mailbox))?;
    /// node.spawn::<Cart>("42")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`System::register`].
    pub fn register<A: Agent>(&self, spec: KindSpec<A>) -> Result<(), SpawnError> {
        self.figures.system.register(spec)?;
        if self.locality.prewarm > 0
            && let Err(error) = self.prewarm::<A>(self.locality.prewarm)
        {
            // Agents can be spawned all the same.
            tracing::warn!(target: "nexus", kind = A::KIND, "not prewarmed: {error}");
        }
        Ok(())
    }

    /// Makes room for `agents` more of type `A` before they come: places for
    /// their states, in memory that has been touched, and for their names. For a
    /// million small ones that takes this thread a few hundredths of a second;
    /// none of them then waits for the registry to grow.
    ///
    /// ```
    /// # use nexus::prelude::*;
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// let node = Node::start()?;
    /// let warm = node.prewarm::<Cart>(10_000)?;
    /// assert_eq!(warm.agents, 10_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PrewarmError`]; spawning is as it was.
    pub fn prewarm<A: Agent>(&self, agents: usize) -> Result<Prewarmed, PrewarmError> {
        let Figures { system, threads, .. } = &self.figures;
        locality::prewarm::<A>(system, &self.locality, threads.clock(), agents)
    }

    /// Where the node's threads and memory are, and why some switches are off.
    pub fn locality(&self) -> LocalityReport {
        self.locality.report()
    }

    /// Which worker is where, and which one serves what.
    pub fn placement(&self) -> &Placement {
        self.locality.placement()
    }

    /// Where large state can be kept on a disk, if [`NodeSpec::mapped`] said so.
    pub fn mapped_folder(&self) -> Option<&MappedFolder> {
        self.locality.mapped.as_ref()
    }

    /// What the tuner has tried, if [`NodeSpec::tune_every`] started one.
    pub fn tuning(&self) -> Option<TuningReport> {
        self.tuning.as_ref().map(|tuning| tuning.report())
    }

    /// Makes an agent.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing has changed then.
    pub fn spawn<A: Agent>(&self, key: &str) -> Result<Handle<A>, SpawnError> {
        self.figures.system.spawn(key)
    }

    /// Makes an agent under `supervisor`.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing has changed then.
    pub fn spawn_under<A: Agent>(
        &self,
        supervisor: SupervisorId,
        key: &str,
    ) -> Result<Handle<A>, SpawnError> {
        self.figures.system.spawn_under(supervisor, key)
    }

    /// Adds a supervisor under `parent`, or under the node's own.
    ///
    /// ```
    /// # use nexus::prelude::*;
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// use nexus::{Strategy, SupervisorSpec};
    ///
    /// let node = Node::start()?;
    /// let spec = SupervisorSpec { strategy: Strategy::OneForAll, ..SupervisorSpec::default() };
    /// let shop = node.supervisor(None, spec)?;
    /// // When one of these crashes, both are made afresh.
    /// node.spawn_under::<Cart>(shop, "42")?;
    /// node.spawn_under::<Cart>(shop, "43")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SpawnError::NoSupervisor`] if `parent` is gone.
    pub fn supervisor(
        &self,
        parent: Option<SupervisorId>,
        spec: SupervisorSpec,
    ) -> Result<SupervisorId, SpawnError> {
        self.figures.system.supervisor(parent, spec)
    }

    /// The agent of kind `A` called `key`, if it runs here.
    pub fn find<A: Agent>(&self, key: &str) -> Option<Handle<A>> {
        self.figures.system.find(key)
    }

    /// A page of the agents that run here; see [`System::list`].
    ///
    /// ```
    /// # use nexus::prelude::*;
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// let node = Node::start()?;
    /// for key in ["42", "43", "44"] {
    ///     node.spawn::<Cart>(key)?;
    /// }
    /// let page = node.list(Some("cart"), None, 2);
    /// let rest = node.list(Some("cart"), page.last().map(|cart| cart.id), 2);
    /// assert_eq!((page.len(), rest.len()), (2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list(&self, kind: Option<&str>, after: Option<AgentId>, limit: usize) -> Vec<Listing> {
        self.figures.system.list(kind, after, limit)
    }

    /// Attaches `metadata` to an agent, in place of what it had.
    pub fn set_metadata<A: Agent>(&self, agent: &Handle<A>, metadata: Metadata) {
        self.figures.system.set_metadata(agent, metadata);
    }

    /// Runs `future` on this thread until it is ready. Asks go through
    /// mailboxes; see [`Node::run`] for asks in place.
    ///
    /// # Panics
    /// On a worker, that is in a handler or a task: the agents it would wait
    /// for may need that worker.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        assert!(
            !threads::is_worker(),
            "block_on in a handler stops its worker: use `.await`, or make the kind `Blocking`"
        );
        park::block_on(future)
    }

    /// Runs `future` on a worker, where its asks can be answered in place.
    ///
    /// # Errors
    /// [`SpawnError::ShuttingDown`].
    pub fn task<F>(&self, future: F) -> Result<Task<F::Output>, SpawnError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.figures.system.task(future)
    }

    /// Runs `future` on a worker and waits for it.
    ///
    /// # Panics
    /// If the future panics, the node is shutting down, or this is a worker.
    pub fn run<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.task(future).expect("the node is not shutting down");
        self.block_on(task).expect("the future did not panic; its panic is among the node's events")
    }

    /// What became of the messages of each kind.
    pub fn counts(&self) -> BTreeMap<&'static str, Counts> {
        self.figures.system.counts()
    }

    /// The latest dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.figures.system.dead_letters()
    }

    /// The latest events, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.figures.threads.events.latest()
    }

    /// Whether to keep events of everyday things too: agents started and stopped.
    pub fn keep_everyday_events(&self, keep: bool) {
        self.figures.threads.events.keep_everyday(keep);
    }

    /// Counts and times operations; see [`Operations::instrument`].
    pub fn operations(&self) -> &Operations {
        &self.figures.operations
    }

    /// The circuit breaker called `name`: made with `config` the first time,
    /// shared by all who ask for it after that. See [`CircuitBreaker`].
    ///
    /// # Panics
    /// If `config` asks for no failures or no probes.
    pub fn breaker(&self, name: &str, config: BreakerConfig) -> CircuitBreaker {
        let clock = self.figures.threads.clock();
        self.figures.breakers.named(name, || CircuitBreaker::new(name, config, move || clock.now()))
    }

    /// The node's figures in OpenMetrics text, which Prometheus reads: messages
    /// and agents by kind, errors by code, durations of operations, breakers.
    ///
    /// ```
    /// # use nexus::Node;
    /// let node = Node::start()?;
    /// assert!(node.metrics().contains("nexus_workers "));
    /// # Ok::<(), nexus::StartError>(())
    /// ```
    pub fn metrics(&self) -> String {
        self.figures.metrics(None)
    }

    pub(crate) fn figures(&self) -> Figures {
        self.figures.clone()
    }

    pub(crate) fn handles(&self) -> &[tokio::runtime::Handle] {
        &self.handles
    }

    /// Lets the agents finish what they have, then stops. Takes nothing new
    /// from outside from the start, and no longer than about `limit`. Does not
    /// wait for output that a [`crate::Gate`] holds: let it out before.
    pub fn shutdown(mut self, limit: Duration) -> Shutdown {
        self.stop(limit)
    }

    fn stop(&mut self, limit: Duration) -> Shutdown {
        let clock = self.figures.threads.clock();
        let until = clock.now().after(limit);
        self.figures.system.begin_shutdown();
        let (mut drained, mut busy) = self.look();
        while !drained && clock.now() < until {
            // Nobody tells when the last handler is done, so we look, now and then.
            std::thread::park_timeout(SHUTDOWN_LOOK_EVERY.min(until.since(clock.now())));
            (drained, busy) = self.look();
        }
        self.figures.threads.stop();
        self.end_threads(drained);
        let spec = worker::spec(0, InPlace::Never);
        let closer = Worker::new(self.figures.system.clone(), spec, Rng::new(0));
        let closed = self.figures.system.close_all(&closer);
        let timers_dropped = self.figures.threads.end();
        self.figures.threads.events.lines.tell_all();
        Shutdown {
            drained,
            cut_short: names(&busy),
            stuck: names(&closed.stuck),
            left_queued: closed.counts.values().map(Counts::queued).sum(),
            timers_dropped,
            counts: closed.counts,
        }
    }

    /// Whether all agents are at rest, and those that are not. Work that is
    /// handed from agent to agent may slip past a look, but not unaccepted.
    fn look(&self) -> (bool, Vec<Listing>) {
        let accepted = || self.counts().values().map(|counts| counts.accepted).sum::<u64>();
        let before = accepted();
        let busy = self.figures.system.busy();
        (busy.is_empty() && accepted() == before, busy)
    }

    /// Joins the threads that end; one in a handler that never returns is left behind.
    fn end_threads(&mut self, drained: bool) {
        for (stop, watch) in std::mem::take(&mut self.watchers) {
            drop(stop);
            let _ = watch.join();
        }
        let clock = self.figures.threads.clock();
        let until = clock.now().after(if drained { DROP_LIMIT } else { LAST_LOOK });
        for worker in std::mem::take(&mut self.workers) {
            while !worker.is_finished() && clock.now() < until {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            if worker.is_finished() {
                let _ = worker.join();
            }
        }
        self.figures.threads.blocking.join(until.since(clock.now()));
    }
}

/// How often a shutdown looks whether the agents have come to rest.
const SHUTDOWN_LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long a shutdown that ran out of time still waits for handlers to come to an `await`.
const LAST_LOOK: Duration = Duration::from_millis(200);

fn names(agents: &[Listing]) -> Vec<String> {
    agents.iter().map(|agent| format!("{}/{}: {}", agent.kind, agent.key, agent.phase)).collect()
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(worker::STACK_BYTES);
    builder.spawn(run).map_err(StartError::Thread)
}

impl Drop for Node {
    fn drop(&mut self) {
        if !self.workers.is_empty() {
            self.stop(DROP_LIMIT);
        }
    }
}
