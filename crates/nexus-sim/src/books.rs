//! The books: no message is lost uncounted.
//!
//! For every kind, what was accepted and neither handled nor dropped nor dead
//! must be what waits in mailboxes, counted one by one.

use std::sync::Arc;

use nexus_agent::System;

/// Tasks are in no registry, so nobody can count what waits for them.
const UNLISTED: &str = "nexus.task";

/// Cells looked at for each step, on average. A guess: a fraction of what a
/// step itself costs.
const CELLS_PER_STEP: usize = 64;

/// Parts of the registry, each of which costs about as much as a cell.
const REGISTRY_PARTS: usize = 256;

/// When to check the books, and how.
#[derive(Debug)]
pub(crate) struct Books {
    steps_left: usize,
}

impl Books {
    pub(crate) fn new() -> Books {
        Books { steps_left: 0 }
    }

    /// Counts a step and checks the books now and then: the more agents there
    /// are the less often, so that the cost of a step stays the same. A message
    /// once lost is missed by every later check too.
    pub(crate) fn step(&mut self, system: &Arc<System>) -> Result<(), String> {
        if let Some(left) = self.steps_left.checked_sub(1) {
            self.steps_left = left;
            return Ok(());
        }
        let kinds = check(system)?;
        let looked_at = kinds * (system.agent_count() + REGISTRY_PARTS);
        self.steps_left = looked_at / CELLS_PER_STEP;
        Ok(())
    }
}

/// Checks every kind; how many there are.
pub(crate) fn check(system: &Arc<System>) -> Result<usize, String> {
    let counts = system.counts();
    for (kind, counts) in &counts {
        if *kind == UNLISTED {
            continue;
        }
        let waiting = system.count_queued(kind);
        let out = counts.handled + counts.dropped + counts.dead;
        if counts.accepted != out + waiting {
            return Err(format!(
                "messages to agents of kind {kind} are lost uncounted: accepted {} is not handled \
                 {} + dropped {} + dead {} + waiting {waiting}",
                counts.accepted, counts.handled, counts.dropped, counts.dead
            ));
        }
    }
    Ok(counts.len())
}
