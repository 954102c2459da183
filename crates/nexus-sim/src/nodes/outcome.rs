//! One run from its beginning to its end, and what came of it.

use nexus_base::Time;

use super::world::NodesWorld;
use crate::TraceHash;
use crate::cluster::{ClusterSpec, FaultCounts, Listener, Violation, broken_assertion, panic_of};

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// How long it took, in virtual time.
    pub virtual_time: Time,
    /// Inputs that nodes have handled.
    pub events: u64,
    /// Operations that were answered.
    pub acked: u64,
    /// Operations that clients gave up.
    pub given_up: u64,
    /// How often each family struck.
    pub faults: FaultCounts,
    /// What checkers have counted.
    pub figures: Vec<(&'static str, u64)>,
    /// What was seen that must not be.
    pub violations: Vec<Violation>,
    /// What it all comes to.
    pub trace_hash: TraceHash,
}

impl Outcome {
    /// A number that a checker has counted.
    pub fn figure(&self, name: &str) -> Option<u64> {
        self.figures.iter().find(|figure| figure.0 == name).map(|figure| figure.1)
    }
}

/// Runs a world of nodes: things go wrong for a time, then it settles.
///
/// A panic of the code that is run is a violation as well.
pub fn run(spec: ClusterSpec, listener: Option<Listener>) -> Outcome {
    let faults_for = spec.faults_for;
    let mut world = NodesWorld::new(spec);
    if let Some(listener) = listener {
        world.listen(listener);
    }
    let panicked = panic_of(|| {
        world.run_for(faults_for);
        if world.violations().is_empty() {
            world.heal();
            world.settle();
        }
    });
    let mut violations = world.violations();
    violations.extend(panicked.map(|seen| broken_assertion(world.now(), seen)));
    Outcome {
        virtual_time: world.now(),
        events: world.events(),
        acked: world.acked(),
        given_up: world.given_up(),
        faults: world.faults(),
        figures: world.figures(),
        violations,
        trace_hash: world.trace_hash(),
    }
}
