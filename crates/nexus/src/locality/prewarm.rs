//! Room for agents before they come: places for their states, touched where
//! they will run, and room for their names.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nexus_agent::{Agent, ReserveError, SpawnError, System};

use super::{Locality, affinity, usage};
use crate::clock::Clock;

/// Agents to prewarm for, at most: as many as have been run on one machine. A
/// number beyond is a slip of the finger more often than a plan.
pub const PREWARM_AGENTS_MAX: usize = 100_000_000;

/// Bytes of the registry for one agent: a pointer and a byte, and tables that
/// are between 7/16 and 7/8 full.
const NAME_BYTES: usize = 21;

/// Room was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prewarmed {
    /// Agents of the kind that can be spawned before more is asked of the system.
    pub agents: usize,
    /// Bytes that were taken now for their states.
    pub bytes: usize,
    /// How long it took.
    pub took: Duration,
}

/// Why no room was made. What was there is as it was; spawning needs no room
/// beforehand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrewarmError {
    /// Too many to be meant.
    #[error("room can be made for at most {PREWARM_AGENTS_MAX} agents, not {0}")]
    TooMany(usize),
    /// It would take more than half of the memory that is available.
    #[error(
        "room for so many agents takes {needed} bytes, more than half of the {available} that \
         are available; ask for less"
    )]
    Memory {
        /// Bytes that it would take.
        needed: u64,
        /// Bytes that programs can still have.
        available: u64,
    },
    /// The kind cannot be registered.
    #[error("no room was made for agents whose kind cannot be registered")]
    Kind(#[source] SpawnError),
    /// The system gave less than was asked for, which it keeps ready.
    #[error("room was made for a part of the agents only")]
    Reserve(#[source] ReserveError),
}

/// Makes room for `agents` of type `A`.
pub(crate) fn prewarm<A: Agent>(
    system: &Arc<System>,
    locality: &Locality,
    clock: Clock,
    agents: usize,
) -> Result<Prewarmed, PrewarmError> {
    if agents > PREWARM_AGENTS_MAX {
        return Err(PrewarmError::TooMany(agents));
    }
    let start = clock.now();
    let each = system.cell_bytes::<A>().map_err(PrewarmError::Kind)? + NAME_BYTES;
    let needed = agents as u64 * each as u64;
    // Where the system does not tell, it will say no itself.
    let available = usage::available_bytes(Path::new("/proc")).unwrap_or(u64::MAX);
    if needed > available / 2 {
        return Err(PrewarmError::Memory { needed, available });
    }
    let bytes = states::<A>(system, locality, agents).map_err(PrewarmError::Reserve)?;
    system.reserve_names(agents).map_err(PrewarmError::Reserve)?;
    Ok(Prewarmed { agents, bytes, took: clock.now().since(start) })
}

/// Makes room for the states, on each memory node from a thread that is there.
fn states<A: Agent>(
    system: &Arc<System>,
    locality: &Locality,
    agents: usize,
) -> Result<usize, ReserveError> {
    let nodes = system.memory_nodes();
    if nodes == 1 {
        return system.reserve::<A>(0, agents);
    }
    // Shares are by chance: a little more for each than the mean.
    let share = agents.div_ceil(nodes) + agents / nodes / 16;
    std::thread::scope(|scope| {
        let reserve = |node: usize| {
            scope.spawn(move || {
                // Where it may not go there, the pages are somewhere else; that is all.
                let _ = affinity::confine(&locality.cpus_of(node));
                system.reserve::<A>(node, share)
            })
        };
        let threads: Vec<_> = (0..nodes).map(reserve).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<usize, ReserveError>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).sum()
    })
}
