//! Where a node's threads and memory are on its machine: workers on CPUs,
//! agents near their workers, room made beforehand, state on a disk, and knobs
//! that turn themselves.
//!
//! Each of these is a switch of [`NodeSpec`](crate::NodeSpec), off unless
//! `docs/performance.md`, "Local optimisations", shows that it pays; a switch
//! that cannot do anything on this machine says why in [`LocalityReport`].
//!
//! The parts that decide are pure and read no machine but the folder they are
//! given: `topology`, `placement`, `tuner`. Those that act are `affinity`,
//! `prewarm`, `tuning`.

pub(crate) mod affinity;
mod cpu_list;
#[cfg(test)]
pub(crate) mod fake_machine;
mod knobs;
mod placement;
mod prewarm;
mod topology;
mod tuner;
mod tuning;
mod usage;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_agent::{MappedError, MappedFolder, MappedUse, fill_message_pool, keep_message_pool};

pub(crate) use knobs::Knobs;
pub use placement::{Place, Placement};
pub(crate) use prewarm::prewarm;
pub use prewarm::{PREWARM_AGENTS_MAX, PrewarmError, Prewarmed};
pub use topology::{Cpu, MEMORY_NODES_MAX, Machine, TopologyError};
pub use tuner::{Gain, Knob, NodeReading, Outcome, TrialRecord, Tuner, TunerEffect};
pub(crate) use tuning::Tuning;
pub use tuning::{TUNE_EVERY_MIN, TuningReport};

/// What a node was asked to do about locality.
#[derive(Clone, Debug)]
pub(crate) struct LocalitySpec {
    pub(crate) pin: bool,
    pub(crate) numa: bool,
    pub(crate) prewarm: usize,
    pub(crate) message_pool: bool,
    pub(crate) mapped: Option<(PathBuf, u64)>,
    pub(crate) tune_every: Option<Duration>,
    /// The folder that describes the machine.
    pub(crate) sys: PathBuf,
}

impl Default for LocalitySpec {
    fn default() -> LocalitySpec {
        LocalitySpec {
            pin: false,
            numa: false,
            prewarm: 0,
            message_pool: true,
            mapped: None,
            tune_every: None,
            sys: PathBuf::from("/sys"),
        }
    }
}

/// What became of a switch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Switch {
    /// It was not asked for.
    Off,
    /// It is on.
    On,
    /// It was asked for, and is off because of this.
    Refused(String),
}

/// What a node does about locality, and why it does not do the rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalityReport {
    /// CPUs that the node may use.
    pub cpus: usize,
    /// Memory nodes that have such CPUs.
    pub memory_nodes: usize,
    /// Why the machine's description was not used, if it was not.
    pub topology: Option<String>,
    /// Where each worker belongs; where it is, if `pin` is on.
    pub places: Vec<Place>,
    /// Each worker on a CPU of its own.
    pub pin: Switch,
    /// Workers on their memory nodes, and agents in memory of their makers'.
    pub numa: Switch,
    /// Agents of each registered kind that room is made for; zero is off.
    pub prewarm: usize,
    /// Whether threads keep the memory of messages for the next ones.
    pub message_pool: bool,
    /// What mapped state takes, if there may be any.
    pub mapped: Option<MappedUse>,
    /// Time between the tuner's readings, if it is on.
    pub tune_every: Option<Duration>,
}

/// What a node does about locality.
pub(crate) struct Locality {
    placement: Placement,
    topology: Option<String>,
    /// Where workers are kept; others go back to all of `allowed`.
    confined: Confined,
    allowed: BTreeSet<u32>,
    memory_nodes: usize,
    pub(crate) prewarm: usize,
    message_pool: bool,
    pub(crate) mapped: Option<MappedFolder>,
    pub(crate) tune_every: Option<Duration>,
    switches: Mutex<Switches>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Confined {
    Nowhere,
    ToNode,
    ToCpu,
}

struct Switches {
    pin: Switch,
    numa: Switch,
}

impl Locality {
    /// What `spec` comes to for `workers` workers on this machine.
    ///
    /// # Errors
    /// That of the folder for mapped state.
    pub(crate) fn new(spec: &LocalitySpec, workers: usize) -> Result<Locality, MappedError> {
        let allowed = affinity::allowed();
        let cannot = allowed.as_ref().err().map(ToString::to_string);
        let allowed = allowed.unwrap_or_else(|_| some_cpus());
        let places = spec.pin || spec.numa;
        let (machine, topology) = match places.then(|| Machine::read(&spec.sys, Some(&allowed))) {
            Some(Ok(machine)) => (machine, None),
            Some(Err(error)) => (Machine::flat(&allowed), Some(chain(&error))),
            None => (Machine::flat(&allowed), None),
        };
        let placement = Placement::new(&machine, workers);
        let switches = Switches {
            pin: switch(spec.pin, cannot.clone().or_else(|| crowded(&placement))),
            numa: switch(spec.numa, cannot.or_else(|| one_node(&placement))),
        };
        let confined = match (&switches.pin, &switches.numa) {
            (Switch::On, _) => Confined::ToCpu,
            (_, Switch::On) => Confined::ToNode,
            _ => Confined::Nowhere,
        };
        let memory_nodes = if switches.numa == Switch::On { placement.node_count() } else { 1 };
        for (name, state) in [("pin", &switches.pin), ("numa", &switches.numa)] {
            if let Switch::Refused(why) = state {
                tracing::warn!(target: "nexus", switch = name, "stays off: {why}");
            }
        }
        let mapped = spec.mapped.as_ref();
        let mapped = mapped.map(|(path, bytes_max)| MappedFolder::open(path, *bytes_max));
        Ok(Locality {
            placement,
            topology,
            confined,
            allowed,
            memory_nodes,
            prewarm: spec.prewarm,
            message_pool: spec.message_pool,
            mapped: mapped.transpose()?,
            tune_every: spec.tune_every,
            switches: Mutex::new(switches),
        })
    }

    pub(crate) fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Whether workers are kept somewhere.
    pub(crate) fn confines(&self) -> bool {
        self.confined != Confined::Nowhere
    }

    /// Places the memory is in, as far as agents are kept apart by them.
    pub(crate) fn memory_nodes(&self) -> usize {
        self.memory_nodes
    }

    /// The memory node of a worker, of those.
    pub(crate) fn memory_node_of(&self, worker: usize) -> usize {
        self.placement.node_of(worker).min(self.memory_nodes - 1)
    }

    /// CPUs of a memory node, of those.
    fn cpus_of(&self, memory_node: usize) -> BTreeSet<u32> {
        let on_node = |worker: &usize| self.placement.node_of(*worker) == memory_node;
        let worker = (0..self.placement.places().len()).find(on_node);
        worker.map_or_else(BTreeSet::new, |worker| {
            self.placement.machine().cpus_of(self.placement.places()[worker].node)
        })
    }

    /// The other workers in the order in which `worker` helps them.
    pub(crate) fn neighbours(&self, worker: usize) -> Box<[u16]> {
        // Workers that are kept nowhere have no neighbourhood: any order does.
        let others = self.placement.neighbours(worker).into_iter();
        others
            .map(|other| u16::try_from(other).expect("a node has at most 1,024 workers"))
            .collect()
    }

    /// Makes the current thread, the worker `worker`, what it should be.
    ///
    /// # Errors
    /// The system will not have it on its CPU. Nothing else is amiss.
    pub(crate) fn settle_worker(&self, worker: usize) -> io::Result<()> {
        keep_message_pool(self.message_pool);
        let place = self.placement.places()[worker];
        let settled = match self.confined {
            Confined::Nowhere => Ok(()),
            Confined::ToCpu => affinity::confine(&BTreeSet::from([place.cpu])),
            Confined::ToNode => affinity::confine(&self.placement.machine().cpus_of(place.node)),
        };
        // After it is where it stays: that is where what it touches will lie.
        if self.prewarm > 0 && self.message_pool {
            fill_message_pool();
        }
        settled
    }

    /// Makes the current thread, which a worker may have started and which is
    /// none, what it should be: a worker's CPU is not for others to inherit.
    pub(crate) fn settle_other(&self) {
        keep_message_pool(self.message_pool);
        if self.confines() {
            // It worked for as many as these when the node began.
            let _ = affinity::confine(&self.allowed);
        }
    }

    /// Notes that workers could not be kept where they belong.
    pub(crate) fn note_unsettled(&self, workers: usize, error: &io::Error) {
        let why = format!("{workers} workers could not be kept on their CPUs: {error}");
        tracing::warn!(target: "nexus", "{why}");
        let mut switches = self.lock();
        let refused = match self.confined {
            Confined::ToCpu => &mut switches.pin,
            Confined::ToNode | Confined::Nowhere => &mut switches.numa,
        };
        *refused = Switch::Refused(why);
    }

    pub(crate) fn report(&self) -> LocalityReport {
        let switches = self.lock();
        LocalityReport {
            cpus: self.placement.machine().cpus().len(),
            memory_nodes: self.placement.machine().nodes().len(),
            topology: self.topology.clone(),
            places: self.placement.places().to_vec(),
            pin: switches.pin.clone(),
            numa: switches.numa.clone(),
            prewarm: self.prewarm,
            message_pool: self.message_pool,
            mapped: self.mapped.as_ref().map(MappedFolder::in_use),
            tune_every: self.tune_every,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn switch(asked: bool, against: Option<String>) -> Switch {
    match (asked, against) {
        (false, _) => Switch::Off,
        (true, None) => Switch::On,
        (true, Some(why)) => Switch::Refused(why),
    }
}

fn crowded(placement: &Placement) -> Option<String> {
    let (workers, cpus) = (placement.places().len(), placement.machine().cpus().len());
    let text = format!("{workers} workers and {cpus} CPUs: pinned, some would share one for ever");
    (!placement.is_exclusive()).then_some(text)
}

fn one_node(placement: &Placement) -> Option<String> {
    let text = "all workers are on one memory node: every agent is near every worker";
    (placement.node_count() < 2).then(|| text.to_owned())
}

/// Numbers for the CPUs of a system that does not number them.
fn some_cpus() -> BTreeSet<u32> {
    let count = std::thread::available_parallelism().map_or(1, usize::from) as u32;
    (0..count.min(cpu_list::NUMBERS_MAX)).collect()
}

/// An error and what caused it, as one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
