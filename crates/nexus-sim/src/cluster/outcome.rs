//! One run from its beginning to its end, and what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nexus_base::Time;
use nexus_cluster::NodeId;

use super::checkers::{Place, Violation};
use super::client::Call;
use super::family::FaultCounts;
use super::spec::ClusterSpec;
use super::trace::Listener;
use super::world::{Changes, ClusterWorld};
use crate::TraceHash;

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// How long it took, in virtual time.
    pub virtual_time: Time,
    /// Inputs that nodes have handled.
    pub events: u64,
    /// Operations that were answered.
    pub acked: u64,
    /// How often each family struck.
    pub faults: FaultCounts,
    /// What was changed on purpose.
    pub changes: Changes,
    /// The most nodes that were accepted as writers of one shard in one term.
    pub accepted_writers_max: u64,
    /// What was seen that must not be.
    pub violations: Vec<Violation>,
    /// What it all comes to.
    pub trace_hash: TraceHash,
    /// All operations, as their clients saw them.
    pub calls: Vec<Call>,
}

/// The name under which a panic is reported: a promise that the code makes to itself.
pub(crate) const PANIC: &str = "assertion";

/// Runs a cluster: things go wrong for a time, then it settles.
///
/// A panic of the code that is run is a violation as well.
pub fn run(spec: ClusterSpec, listener: Option<Listener>) -> Outcome {
    let faults_for = spec.faults_for;
    let mut world = ClusterWorld::new(spec);
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
    let mut violations = world.violations().to_vec();
    violations.extend(panicked.map(|seen| broken_assertion(world.now(), seen)));
    Outcome {
        virtual_time: world.now(),
        events: world.events(),
        acked: world.acked(),
        faults: world.faults(),
        changes: world.changes(),
        accepted_writers_max: world.figure("accepted-writers-max").unwrap_or(0),
        violations,
        trace_hash: world.trace_hash(),
        calls: world.calls().to_vec(),
    }
}

/// What a panic of `play` says, if it comes to one.
pub(crate) fn panic_of(play: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(play)).err()?;
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Some(text.unwrap_or("a panic without a text").to_owned())
}

/// A panic of the code that is run, as a promise it broke.
pub(crate) fn broken_assertion(at: Time, seen: String) -> Violation {
    let place = Place { shard: 0, node: NodeId(0) };
    Violation { checker: PANIC, at, place, seen }
}
