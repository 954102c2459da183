//! Activations: strict agents in memory, made from what is kept of them.

use std::sync::Arc;

use nexus_base::AgentId;

use crate::raw::{CellRef, TypedCell, with_worker};
use crate::residence::ResidenceFacts;
use crate::strict::Active;
use crate::{
    Agent, Crash, During, Host, KEY_BYTES_MAX, Keeps, Kind, SpawnError, StopReason, System, Worker,
    run,
};

/// Which agent to activate, and with what; see [`System::activate`].
#[derive(Clone, Copy, Debug)]
pub struct Activation<'a> {
    /// The agent's kind.
    pub kind: &'a str,
    /// The agent's key.
    pub key: &'a str,
    /// Which activation this is: its steps and its end are told under this
    /// number. Chosen by the node, never twice.
    pub number: u64,
    /// The term in which the agent's shard is led; [`crate::Context::term`].
    pub term: u64,
    /// What is kept of it; nothing if nothing ever was.
    pub state: Option<KeptState<'a>>,
}

/// What is kept of an agent.
#[derive(Clone, Copy, Debug)]
pub struct KeptState<'a> {
    /// The version of the bytes.
    pub version: u16,
    /// The whole state; none as long as there are events alone.
    pub whole: Option<&'a [u8]>,
    /// What happened after that, in order.
    pub events: &'a [Vec<u8>],
}

/// Why an agent was not activated. Nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActivateError {
    /// There is nobody to tell of its steps.
    #[error("no host is set; nothing changed; set one before agents are activated")]
    NoHost,
    /// The kind was never registered with this node.
    #[error(
        "kind {kind} is not registered with this node; nothing changed; \
         register it on every node of the cluster"
    )]
    UnknownKind {
        /// What was asked for.
        kind: String,
    },
    /// The kind's agents live where they are spawned.
    #[error("agents of kind {kind} are local; nothing changed; spawn them instead")]
    Local {
        /// The kind.
        kind: &'static str,
    },
    /// The key is empty or longer than [`KEY_BYTES_MAX`].
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes, this one has {bytes}; nothing changed")]
    BadKey {
        /// The length of the key.
        bytes: usize,
    },
    /// It is active, or its last activation has not ended yet.
    #[error("{name} is active already; nothing changed; try again when it has ended")]
    Active {
        /// `kind/key`.
        name: String,
    },
    /// Its state was kept by a newer program than this one.
    #[error(
        "the state of {name} has version {kept}, this program reads up to {known}; \
         nothing changed; run the newer program on this node"
    )]
    NewerState {
        /// `kind/key`.
        name: String,
        /// The version of what is kept.
        kept: u16,
        /// The version this program writes.
        known: u16,
    },
    /// What is kept cannot be read.
    #[error(
        "the state of {name}, of version {version}, cannot be read: {reason}; \
         nothing changed; what is kept stays as it is until a program reads it"
    )]
    BadState {
        /// `kind/key`.
        name: String,
        /// The version of what is kept.
        version: u16,
        /// What the codec, the upgrade or the kind said.
        reason: String,
    },
    /// `Agent::new`, or code of the state's own, panicked.
    #[error("{0}; nothing changed")]
    Crashed(Crash),
    /// The node takes no new work.
    #[error("node is shutting down; nothing changed; try another node")]
    ShuttingDown,
}

impl From<SpawnError> for ActivateError {
    fn from(error: SpawnError) -> ActivateError {
        match error {
            SpawnError::AlreadyRunning { name } => ActivateError::Active { name },
            SpawnError::BadKey { bytes } => ActivateError::BadKey { bytes },
            SpawnError::Crashed(crash) => ActivateError::Crashed(crash),
            // No other is made where an agent enters under its own name.
            _ => ActivateError::ShuttingDown,
        }
    }
}

impl System {
    /// Has `host` told of the steps of strict agents, and of what is sent by
    /// name. Before the first of them is activated, and once. It is let go when
    /// the system has closed.
    ///
    /// # Panics
    /// If there is one.
    pub fn set_host(&self, host: Arc<dyn Host>) {
        let before = self.enter_host(host);
        assert!(before.is_none(), "a system has one host");
    }

    /// Makes the cell of a strict agent from what is kept of it. Its mailbox is
    /// empty; [`Self::deliver`] follows.
    ///
    /// # Errors
    /// [`ActivateError`]; nothing has changed then.
    pub fn activate(&self, spec: Activation<'_>) -> Result<AgentId, ActivateError> {
        if self.host().is_none() {
            return Err(ActivateError::NoHost);
        }
        let Some(kind) = self.kind(spec.kind) else {
            return Err(ActivateError::UnknownKind { kind: spec.kind.to_owned() });
        };
        if kind.strict().is_none() {
            return Err(ActivateError::Local { kind: kind.name() });
        }
        kind.by_name().activate(self, kind.clone(), &spec)
    }

    /// Where the agents of a kind live; `None` if there is no such kind.
    pub fn residence_of(&self, kind: &str) -> Option<ResidenceFacts> {
        self.kind(kind).map(|kind| kind.residence_facts())
    }

    /// The state of a strict agent as it would be kept; `None` if none is, if it
    /// is not active, is at work or about to be, or its state has no bytes.
    pub fn state_of(&self, kind: &str, key: &str) -> Option<Vec<u8>> {
        self.kind(kind)?.by_name().state(self, key)
    }

    /// Ends a strict agent that has nothing to do, as after its time without a
    /// message; false if it is not active, is at work or about to be. A message
    /// delivered at the same moment comes back as [`crate::AskError::Stopped`],
    /// nothing changed.
    pub fn passivate(self: &Arc<System>, kind: &str, key: &str) -> bool {
        let cell = self.find_named(kind, key).filter(|cell| cell.kind().strict().is_some());
        cell.is_some_and(|cell| {
            self.as_worker(&cell, |worker| {
                let owned = cell.try_own(worker)?;
                run::terminate(owned, StopReason::Stopped);
                Some(())
            })
            .is_some()
        })
    }

    /// Calls `f` as a worker of this system: the current thread's, or one for this once.
    fn as_worker<R>(&self, cell: &CellRef, f: impl FnOnce(&Worker) -> R) -> R {
        let mut f = Some(f);
        let called = with_worker(|worker| {
            let ours = worker.filter(|worker| std::ptr::eq(Arc::as_ptr(worker.system()), self));
            ours.and_then(|worker| f.take().map(|f| f(worker)))
        });
        match (called, f) {
            (Some(result), _) => result,
            (None, Some(f)) => {
                let guest = Worker::guest(cell.kind().system().clone());
                guest.enter(self.driver().now(), || f(&guest))
            }
            (None, None) => unreachable!("whoever takes it calls it"),
        }
    }
}

/// Makes the cell of an `A`.
pub(crate) fn activate<A: Agent>(
    system: &System,
    kind: Arc<Kind>,
    spec: &Activation<'_>,
) -> Result<AgentId, ActivateError> {
    let name = || format!("{}/{}", A::KIND, spec.key);
    if system.find_named(A::KIND, spec.key).is_some() {
        return Err(ActivateError::Active { name: name() });
    }
    // The user's code, so not under the lock of the name.
    let (state, active) = Crash::catch(During::Constructor, || read::<A>(&kind, spec, &name))
        .map_err(ActivateError::Crashed)??;
    let opened = |cell: &CellRef| {
        let strict = cell.kind().strict().expect("only strict kinds are activated");
        strict.enter(cell, active);
    };
    let handle = system.spawn_opened(kind, spec.key, |_| Ok(state), || Ok(()), opened)?;
    Ok(handle.id())
}

/// The state, and what is known of it as it is kept.
fn read<A: Agent>(
    kind: &Kind,
    spec: &Activation<'_>,
    name: &dyn Fn() -> String,
) -> Result<(A, Active), ActivateError> {
    let (residence, facts) = (kind.residence::<A>(), kind.residence_facts());
    let make = || kind.construct::<A>(spec.key);
    let mut active = Active::new(spec.number, spec.term);
    let version = spec.state.map_or(facts.version, |kept| kept.version);
    let bad = |reason| ActivateError::BadState { name: name(), version, reason };
    let state = match spec.state {
        None => make(),
        Some(kept) if kept.version > facts.version => {
            let (kept, known) = (kept.version, facts.version);
            return Err(ActivateError::NewerState { name: name(), kept, known });
        }
        Some(kept) => {
            active.follows(&kept, facts);
            residence.read(kept.version, kept.whole, kept.events, make).map_err(bad)?
        }
    };
    if facts.keeps == Keeps::Snapshot {
        let whole = residence.write(&state).expect("what keeps a state writes it");
        active.set_whole(whole.map_err(bad)?);
    }
    Ok((state, active))
}

/// The state of the agent in `cell` as it would be kept.
pub(crate) fn state<A: Agent>(system: &System, cell: &TypedCell<A>) -> Option<Vec<u8>> {
    let residence = cell.cell().kind().residence::<A>();
    let look = |worker: &Worker| cell.look(worker, |state| residence.write(state));
    system.as_worker(cell.cell(), look)?.ok()??.ok()
}
