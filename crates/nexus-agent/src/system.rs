//! What the agents of one node have in common: kinds, registry, supervision,
//! watches, dead letters, and the driver underneath.

mod crashes;
mod ends;
mod kinds;
mod memory;
mod shutdown;

pub(crate) use crashes::Verdict;
pub use shutdown::Closed;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use nexus_base::{AgentId, EventName, IdSecret, Time};
use serde_json::Value;

use crate::chain::Link;
use crate::counters::Count;
use crate::dead::{DeadLetter, DeadLetters};
use crate::error::{KEY_BYTES_MAX, drop_caught};
use crate::error_code::ErrorCounts;
use crate::kind::Kind;
use crate::raw::{CellRef, TypedCell, with_turn, with_worker};
use crate::supervision::{
    Intensity, SupervisionError, SupervisionTree, SupervisorId, SupervisorSpec,
};
use crate::task::Awaited;
use crate::waits::{Search, WaitGraph};
use crate::watch::{Life, SharedWatches};
use crate::{
    Agent, Counts, Crash, CyclePath, Driver, During, ErrorCode, Event, Handle, Host, Listing,
    Metadata, SpawnError, StopReason, Worker,
};

/// The agents of one node.
///
/// Users reach it through a node or a simulated world, which drive it.
pub struct System {
    driver: Arc<dyn Driver>,
    secret: IdSecret,
    shards: usize,
    memory_nodes: usize,
    kinds: RwLock<BTreeMap<&'static str, Arc<Kind>>>,
    registry: crate::registry::Registry,
    supervision: Mutex<SupervisionTree>,
    watches: SharedWatches,
    waits: Mutex<WaitGraph>,
    dead: Mutex<DeadLetters>,
    metadata: Mutex<BTreeMap<AgentId, Metadata>>,
    /// What agents were made with, for making them again.
    args: Mutex<BTreeMap<AgentId, Arc<Value>>>,
    stop_reasons: Mutex<BTreeMap<Life, StopReason>>,
    errors: ErrorCounts,
    shutting_down: AtomicBool,
    closed: AtomicBool,
    /// The counts as they were when the kinds were forgotten.
    last_counts: Mutex<BTreeMap<&'static str, Counts>>,
    next_task: AtomicU64,
    /// Tasks that have not ended: they are in no registry.
    tasks: Mutex<BTreeMap<AgentId, RunningTask>>,
    /// Who is told of the steps of strict agents; let go when closed.
    host: RwLock<Option<Arc<dyn Host>>>,
}

/// A task's cell, and where its outcome is awaited.
type RunningTask = (CellRef, Arc<dyn Awaited>);

/// Why nothing came under a supervisor, as users are told.
fn unsupervised(error: SupervisionError) -> SpawnError {
    match error {
        SupervisionError::Unknown(_) => SpawnError::NoSupervisor,
        error => SpawnError::Supervision(error),
    }
}

/// Arguments that say nothing: as if there were none.
fn is_nothing(args: &Value) -> bool {
    args.is_null() || args.as_object().is_some_and(serde_json::Map::is_empty)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl System {
    /// A system without agents. `workers` is how many [`Worker`]s will be made
    /// with a shard of their own.
    pub fn new(driver: Arc<dyn Driver>, secret: IdSecret, workers: usize) -> Arc<System> {
        Arc::new(System {
            driver,
            secret,
            shards: workers + 1,
            memory_nodes: 1,
            kinds: RwLock::default(),
            registry: crate::registry::Registry::new(),
            supervision: Mutex::new(SupervisionTree::new(
                SupervisorSpec { name: "root".to_owned(), ..SupervisorSpec::default() },
                Intensity::default(),
            )),
            watches: SharedWatches::default(),
            waits: Mutex::new(WaitGraph::new()),
            dead: Mutex::default(),
            metadata: Mutex::default(),
            args: Mutex::default(),
            stop_reasons: Mutex::default(),
            errors: ErrorCounts::default(),
            shutting_down: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            last_counts: Mutex::default(),
            next_task: AtomicU64::new(0),
            tasks: Mutex::default(),
            host: RwLock::default(),
        })
    }

    /// What carries out what the agents decide.
    #[inline]
    pub fn driver(&self) -> &dyn Driver {
        &*self.driver
    }

    /// Who is told of the steps of strict agents.
    pub(crate) fn host(&self) -> Option<Arc<dyn Host>> {
        self.host.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the host; the one before.
    pub(crate) fn enter_host(&self, host: Arc<dyn Host>) -> Option<Arc<dyn Host>> {
        self.host.write().unwrap_or_else(PoisonError::into_inner).replace(host)
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards
    }

    /// The time, as the current step or else the driver has it.
    pub(crate) fn now(&self) -> Time {
        self.with_worker(|worker| worker.map_or_else(|| self.driver.now(), Worker::now))
    }

    /// The time as it is now, give or take some milliseconds; the current run
    /// goes on with it.
    pub(crate) fn fresh_now(&self) -> Time {
        self.with_worker(|worker| match worker {
            Some(worker) => {
                worker.catch_up();
                worker.now()
            }
            None => self.driver.now(),
        })
    }

    /// Calls `f` with the current thread's worker, if it is one of ours: a
    /// worker of another node has other counters and another clock.
    #[inline]
    pub(crate) fn with_worker<R>(&self, f: impl FnOnce(Option<&Worker>) -> R) -> R {
        with_worker(|worker| f(worker.filter(|worker| std::ptr::eq(&**worker.system(), self))))
    }

    /// Whether this thread is inside a handler of one of our agents.
    pub(crate) fn is_in_handler(&self) -> bool {
        with_turn(|turn| {
            turn.is_some_and(|turn| std::ptr::eq(turn.cell().kind().system_ptr(), self))
        })
    }

    /// Makes an agent, under the node's own supervision.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing has changed then.
    pub fn spawn<A: Agent>(self: &Arc<System>, key: &str) -> Result<Handle<A>, SpawnError> {
        let kind = self.kind_or_register::<A>();
        self.counted(kind.and_then(|kind| self.spawn_kind(kind, key, || Ok(()))))
    }

    /// Makes an agent under `supervisor`.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing has changed then.
    pub fn spawn_under<A: Agent>(
        self: &Arc<System>,
        supervisor: SupervisorId,
        key: &str,
    ) -> Result<Handle<A>, SpawnError> {
        let id = self.agent_id(A::KIND, key);
        // Looked at first so that the constructor rarely runs in vain.
        let admitted = lock(&self.supervision).admits_child(supervisor).map_err(unsupervised);
        let kind = admitted.and_then(|()| self.kind_or_register::<A>());
        // Under its supervisor before it is to be found: it may crash at once.
        let entered = || lock(&self.supervision).add_child(supervisor, id).map_err(unsupervised);
        self.counted(kind.and_then(|kind| self.spawn_kind(kind, key, entered)))
    }

    fn spawn_kind<A: Agent>(
        &self,
        kind: Arc<Kind>,
        key: &str,
        entered: impl FnOnce() -> Result<(), SpawnError>,
    ) -> Result<Handle<A>, SpawnError> {
        let make = |kind: &Kind| Ok(kind.construct::<A>(key));
        self.spawn_made(kind, key, make, entered)
    }

    /// Makes an agent with arguments that came from outside.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing has changed then.
    pub(crate) fn spawn_with<A: Agent>(
        self: &Arc<System>,
        key: &str,
        args: Option<Value>,
    ) -> Result<Handle<A>, SpawnError> {
        let Some(args) = args.filter(|args| !is_nothing(args)) else { return self.spawn(key) };
        let kind = self.kind_or_register::<A>();
        self.counted(kind.and_then(|kind| {
            let args = Arc::new(args);
            let make = |_: &Kind| {
                A::with_args(key, &args).map_err(|reason| SpawnError::BadArgs { reason })
            };
            let id = self.agent_id(A::KIND, key);
            // Kept before the agent is to be found: it may crash at once.
            let entered = || {
                lock(&self.args).insert(id, args.clone());
                Ok(())
            };
            self.spawn_made(kind, key, make, entered)
        }))
    }

    /// The arguments an agent was made with, if it was.
    pub(crate) fn args_of(&self, id: AgentId) -> Option<Arc<Value>> {
        lock(&self.args).get(&id).cloned()
    }

    /// Makes an agent whose state comes from `make`; `entered` is called when
    /// its name is its own, before anybody can find it, and may refuse it.
    fn spawn_made<A: Agent>(
        &self,
        kind: Arc<Kind>,
        key: &str,
        make: impl FnOnce(&Kind) -> Result<A, SpawnError>,
        entered: impl FnOnce() -> Result<(), SpawnError>,
    ) -> Result<Handle<A>, SpawnError> {
        if kind.strict().is_some() {
            return Err(SpawnError::Strict { kind: kind.name() });
        }
        self.spawn_opened(kind, key, make, entered, |_| {})
    }

    /// The same for agents of any residence. `opened` is called with the cell
    /// before anybody can find it.
    pub(crate) fn spawn_opened<A: Agent>(
        &self,
        kind: Arc<Kind>,
        key: &str,
        make: impl FnOnce(&Kind) -> Result<A, SpawnError>,
        entered: impl FnOnce() -> Result<(), SpawnError>,
        opened: impl FnOnce(&CellRef),
    ) -> Result<Handle<A>, SpawnError> {
        if self.is_shutting_down() {
            return Err(SpawnError::ShuttingDown);
        }
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(SpawnError::BadKey { bytes: key.len() });
        }
        let id = self.secret.agent_id(kind.name(), key);
        let taken = || SpawnError::AlreadyRunning { name: format!("{}/{key}", kind.name()) };
        // The constructor is the user's: it runs before any lock is taken, and
        // the name is looked up first so that it rarely runs in vain.
        if self.registry.find(id, kind.name(), key).is_some() {
            return Err(taken());
        }
        let state = Crash::catch(During::Constructor, || make(&kind));
        let mut state = Some(state.map_err(SpawnError::Crashed)??);
        let open = || {
            entered()?;
            kind.begin(key);
            let state = state.take().expect("opened once");
            let cell = CellRef::open(kind.clone(), id, key, state);
            opened(&cell);
            Ok(cell)
        };
        let entered = self.registry.enter(id, kind.name(), key, open);
        let entered = entered.unwrap_or_else(|| Err(taken()));
        let cell = entered.inspect_err(|_| drop_caught(state))?;
        kind.count_here(Count::Spawned);
        self.observe(EventName::AgentStarted, &cell, String::new);
        if self.is_closed() {
            self.end_late(&cell);
            return Err(SpawnError::ShuttingDown);
        }
        Ok(Handle::new(TypedCell::new(cell).expect("just opened as an `A`")))
    }

    /// Opens an agent that is in no registry.
    pub(crate) fn open_unnamed<A: Agent>(
        self: &Arc<System>,
        key: &str,
        state: A,
    ) -> Result<TypedCell<A>, SpawnError> {
        let kind = self.kind_or_register::<A>()?;
        let id = self.secret.agent_id(A::KIND, key);
        kind.count_here(Count::Spawned);
        Ok(TypedCell::new(CellRef::open(kind, id, key, state)).expect("just opened as an `A`"))
    }

    pub(crate) fn next_task(&self) -> u64 {
        self.next_task.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn enter_task(&self, cell: &CellRef, awaited: Arc<dyn Awaited>) {
        let task = (cell.clone(), awaited);
        lock(&self.tasks).insert(cell.id(), task);
    }

    /// The agent of kind `A` called `key`, if it runs here.
    pub fn find<A: Agent>(&self, key: &str) -> Option<Handle<A>> {
        let id = self.secret.agent_id(A::KIND, key);
        let cell = self.registry.find(id, A::KIND, key)?;
        TypedCell::new(cell).map(Handle::new)
    }

    /// A look at the agent in `cell`, with what users attached to it.
    pub(crate) fn look_at(&self, cell: &CellRef) -> Listing {
        Listing::of(cell, lock(&self.metadata).get(&cell.id()).cloned())
    }

    pub(crate) fn find_named(&self, kind: &str, key: &str) -> Option<CellRef> {
        self.registry.find(self.secret.agent_id(kind, key), kind, key)
    }

    /// The cell that now has the name of the closed one.
    #[cold]
    pub(crate) fn refind(&self, closed: &CellRef) -> Option<CellRef> {
        let cell = self.registry.find(closed.id(), closed.kind().name(), closed.key())?;
        (cell.kind().agent_type() == closed.kind().agent_type()).then_some(cell)
    }

    /// The identity an agent of that name has on this node.
    pub fn agent_id(&self, kind: &str, key: &str) -> AgentId {
        self.secret.agent_id(kind, key)
    }

    /// A page of the agents that run here, by rising id: of all kinds or of one,
    /// after the last one of the page before.
    pub fn list(&self, kind: Option<&str>, after: Option<AgentId>, limit: usize) -> Vec<Listing> {
        let page = self
            .registry
            .page(after, limit, |cell| kind.is_none_or(|kind| cell.kind().name() == kind));
        let metadata = lock(&self.metadata);
        page.iter().map(|cell| Listing::of(cell, metadata.get(&cell.id()).cloned())).collect()
    }

    /// How many named agents run here.
    pub fn agent_count(&self) -> usize {
        self.registry.len()
    }

    /// Attaches `metadata` to an agent, in place of what it had.
    pub fn set_metadata<A: Agent>(&self, agent: &Handle<A>, metadata: Metadata) {
        lock(&self.metadata).insert(agent.id(), metadata);
        // It may have ended while we attached: nothing may outlive it.
        if self.registry.find_id(agent.id()).is_none() {
            lock(&self.metadata).remove(&agent.id());
        }
    }

    /// What is attached to an agent.
    pub fn metadata<A: Agent>(&self, agent: &Handle<A>) -> Option<Metadata> {
        lock(&self.metadata).get(&agent.id()).cloned()
    }

    /// What became of the messages of each kind; after [`Self::close_all`], what
    /// had become of them by then.
    pub fn counts(&self) -> BTreeMap<&'static str, Counts> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        // Under the lock of the kinds: they go and the last counts come at once.
        let mut counts = lock(&self.last_counts).clone();
        counts.extend(kinds.iter().map(|(name, kind)| (*name, kind.counts())));
        counts
    }

    /// How often each error was handed to an asker, a teller or a spawner.
    pub fn error_counts(&self) -> Vec<(ErrorCode, u64)> {
        self.errors.read()
    }

    #[cold]
    pub(crate) fn count_error(&self, code: ErrorCode) {
        self.errors.add(code);
    }

    fn counted<T>(&self, result: Result<T, SpawnError>) -> Result<T, SpawnError> {
        result.inspect_err(|error| self.count_error(error.code()))
    }

    /// Messages that wait in the mailboxes of `kind`, counted one by one: what
    /// [`Counts::queued`] must come to. Walks over every agent.
    pub fn count_queued(&self, kind: &str) -> u64 {
        let cells = self.registry.page(None, usize::MAX, |cell| cell.kind().name() == kind);
        cells.iter().map(|cell| u64::from(cell.mailbox_len())).sum()
    }

    /// The latest dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        lock(&self.dead).latest()
    }

    /// Bytes one idle agent of type `A` takes in its cell, its state included.
    /// Registers the kind if it was not.
    ///
    /// # Errors
    /// [`SpawnError::KindTaken`] if another type has the kind's name,
    /// [`SpawnError::TooManyKinds`] beyond [`crate::KINDS_MAX`].
    pub fn cell_bytes<A: Agent>(self: &Arc<System>) -> Result<usize, SpawnError> {
        Ok(self.kind_or_register::<A>()?.slab().stride())
    }

    /// Notes that the agent at the end of `chain` waits for `target`, until the
    /// edge is removed; the way round, if that closes one.
    ///
    /// Every waiter enters its edge before it looks, under one lock, so whoever
    /// closes a cycle sees all of it.
    pub(crate) fn note_wait(&self, chain: &Link, target: AgentId) -> Option<CyclePath> {
        // Sorted, as it is asked about every wait that is followed.
        let mut ids: Vec<AgentId> = chain.walk().map(|link| link.id).collect();
        ids.sort_unstable();
        let mut waits = self.waits();
        waits.insert(chain.id, target);
        let search = waits.find_cycle(target, |id| ids.binary_search(&id).is_ok());
        drop(waits);
        let Search::Cycle(ids) = search else { return None };
        let mut path = chain.path_from(*ids.last()?)?;
        path.extend(ids.iter().map(|id| self.name_of(*id)));
        Some(CyclePath(path))
    }

    pub(crate) fn waits(&self) -> MutexGuard<'_, WaitGraph> {
        lock(&self.waits)
    }

    pub(crate) fn observe(&self, name: EventName, cell: &CellRef, detail: impl FnOnce() -> String) {
        if self.driver.wants(name) {
            let at = self.now();
            self.driver.observe(Event { at, name, agent: cell.name(), detail: detail() });
        }
    }

    /// `kind/key` of the agent with this id, as far as it is known here.
    pub(crate) fn name_of(&self, id: AgentId) -> String {
        self.registry.find_id(id).map_or_else(|| id.to_string(), |cell| cell.name())
    }
}
