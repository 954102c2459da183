//! How a node is set up.

use std::path::PathBuf;
use std::time::Duration;

use nexus_agent::{Intensity, MAPPED_BYTES_MAX, SupervisorSpec};
use nexus_base::Rng;

use super::{Node, StartError, WORKERS_MAX};
use crate::Settings;
use crate::locality::{Locality, LocalitySpec, PREWARM_AGENTS_MAX, TUNE_EVERY_MIN};

/// How a node is set up.
///
/// The local optimisations are switches. Those that are off were measured and
/// do not pay everywhere: see `docs/performance.md`, "Local optimisations".
/// [`Node::locality`] tells what became of them.
///
/// ```
/// use nexus::NodeSpec;
///
/// let node = NodeSpec::new().workers(2).pin_workers(true).start()?;
/// println!("{:?}", node.locality().pin);
/// # Ok::<(), nexus::StartError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct NodeSpec {
    workers: Option<usize>,
    seed: Option<u64>,
    root: Option<SupervisorSpec>,
    lone: Intensity,
    locality: LocalitySpec,
    hands_in_readings: bool,
}

impl NodeSpec {
    /// One worker for each CPU, and a secret of its own.
    pub fn new() -> NodeSpec {
        NodeSpec::default()
    }

    /// This many workers.
    pub fn workers(self, workers: usize) -> NodeSpec {
        NodeSpec { workers: Some(workers), ..self }
    }

    /// Agents' identities and generators from this seed, the same at every start.
    pub fn seed(self, seed: u64) -> NodeSpec {
        NodeSpec { seed: Some(seed), ..self }
    }

    /// Does not read sensors for the layers of kinds: readings are handed in, by
    /// [`feed_layers`](crate::feed_layers).
    pub fn hand_in_readings(self) -> NodeSpec {
        NodeSpec { hands_in_readings: true, ..self }
    }

    /// Has the node's own supervisor, the one above all others, decide as `root`
    /// says. Left out it restarts one for one, three times in five seconds.
    ///
    /// Where it restarts too often nobody is left to ask: it stops every agent
    /// that was spawned under a supervisor. The node goes on, and so do agents
    /// without a supervisor; what is spawned under supervisors later is
    /// supervised as before.
    pub fn supervision(self, root: SupervisorSpec) -> NodeSpec {
        NodeSpec { root: Some(root), ..self }
    }

    /// How often an agent without a supervisor is restarted before it is given
    /// up. Left out, three times in five seconds.
    pub fn lone_restarts(self, lone: Intensity) -> NodeSpec {
        NodeSpec { lone, ..self }
    }

    /// Whether each worker stays on a CPU of its own, spread over memory nodes
    /// and cores. Off: the system moves them as it sees fit.
    ///
    /// For a machine that runs nothing else. What else runs there, or another
    /// pinned node, takes turns with the worker on that CPU while others idle.
    /// Threads that handlers start themselves inherit the worker's CPU. Refused
    /// with more workers than CPUs.
    pub fn pin_workers(mut self, pin: bool) -> NodeSpec {
        self.locality.pin = pin;
        self
    }

    /// Whether workers stay on their memory node, help their own node first, and
    /// make agents in memory that is near them. Off: memory is where it was
    /// first touched, and workers are anywhere. Refused where all workers are on
    /// one node.
    pub fn numa(mut self, numa: bool) -> NodeSpec {
        self.locality.numa = numa;
        self
    }

    /// Makes room for this many agents of each kind when it is registered with
    /// [`Node::register`], and for messages of each worker; see
    /// [`Node::prewarm`]. Zero is off.
    pub fn prewarm(mut self, agents: usize) -> NodeSpec {
        self.locality.prewarm = agents;
        self
    }

    /// Whether threads keep the memory of messages and handlers for the next
    /// ones. On. Off, each comes from the allocator, which takes longer.
    pub fn message_pool(mut self, kept: bool) -> NodeSpec {
        self.locality.message_pool = kept;
        self
    }

    /// Lets agents keep large state on the disk of `folder`, `bytes_max` bytes
    /// in all; see [`Node::mapped_folder`] and [`Mapped`](crate::Mapped).
    pub fn mapped(mut self, folder: impl Into<PathBuf>, bytes_max: u64) -> NodeSpec {
        self.locality.mapped = Some((folder.into(), bytes_max));
        self
    }

    /// Has the node try, at readings so far apart, whether it does better with
    /// another setting, and keep what was measured to pay; see
    /// [`Tuner`](crate::Tuner). `None` is off. Five seconds are a good distance.
    pub fn tune_every(mut self, every: Option<Duration>) -> NodeSpec {
        self.locality.tune_every = every;
        self
    }

    /// The folder that describes the machine, instead of `/sys`: for tests on
    /// machines that are made up, and where it is somewhere else.
    pub fn system_folder(mut self, sys: impl Into<PathBuf>) -> NodeSpec {
        self.locality.sys = sys.into();
        self
    }

    /// As the settings of a served node have it. Mapped state may take what is
    /// free on its disk.
    pub fn from_settings(settings: &Settings) -> NodeSpec {
        let (workers, locality) = (settings.node.workers, &settings.locality);
        let spec = NodeSpec::new()
            .pin_workers(locality.pin)
            .numa(locality.numa)
            .prewarm(locality.prewarm)
            .message_pool(locality.message_pool)
            .tune_every((!locality.tune.is_zero()).then_some(locality.tune));
        let spec = if workers == 0 { spec } else { spec.workers(workers) };
        match &locality.mapped {
            Some(folder) => spec.mapped(folder, MAPPED_BYTES_MAX),
            None => spec,
        }
    }

    /// Starts the node.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(self) -> Result<Node, StartError> {
        let cpus = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.workers.unwrap_or_else(cpus);
        if !(1..=WORKERS_MAX).contains(&workers) {
            return Err(StartError::Workers(workers));
        }
        if self.locality.prewarm > PREWARM_AGENTS_MAX {
            return Err(StartError::Prewarm(self.locality.prewarm));
        }
        if let Some(every) = self.locality.tune_every.filter(|every| *every < TUNE_EVERY_MIN) {
            return Err(StartError::TuneEvery(every));
        }
        let locality = Locality::new(&self.locality, workers).map_err(StartError::Mapped)?;
        let rng = Rng::new(self.seed.unwrap_or_else(os_seed));
        let node = Node::with(workers, rng, locality, !self.hands_in_readings)?;
        let named = || SupervisorSpec { name: "root".to_owned(), ..SupervisorSpec::default() };
        node.system().set_supervision(self.root.unwrap_or_else(named), self.lone);
        Ok(node)
    }
}

/// A seed nobody can guess: the standard library's hasher keys come from the system.
fn os_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
