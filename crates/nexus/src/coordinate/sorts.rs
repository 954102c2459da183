//! What was learned, for each sort of work by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_coord::coordinate::{CoordinationLevel, Done, Job, NoPlan, Planner};
use nexus_intel::adaptive::LearnedSpeeds;
use nexus_intel::coordinate::{Learned, LearnedPlan};
use nexus_intel::learn::ModelKind;
use nexus_intel::proactive::LearnedWork;

/// Sorts of work that one coordinator learns about, at most: messages times kinds. The
/// one not used for longest is forgotten. Source: a guess; some hundred kilobytes each.
pub const SORTS_MAX: usize = 64;

type Mind = Learned<LearnedWork, LearnedSpeeds>;

/// What was learned of one sort of work, shared by all batches of it under way.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Mind>>);

impl Shared {
    fn new() -> Shared {
        // Of the few hundred outcomes that batches have, a tree made shorter makespans
        // than the better of a tree and a line: 0.94 of optimized's against 0.97, with
        // agents of different speeds in virtual time.
        let work = LearnedWork::of(ModelKind::Tree);
        let mind = Learned::new(work, LearnedSpeeds::new());
        Shared(Arc::new(Mutex::new(mind)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Mind> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Planner for Shared {
    type Plan = LearnedPlan;

    fn plan(&mut self, level: CoordinationLevel, job: &Job<'_>) -> Result<LearnedPlan, NoPlan> {
        self.lock().plan(level, job)
    }

    fn handle_done(
        &mut self,
        plan: Option<&mut LearnedPlan>,
        done: &Done<'_>,
    ) -> Result<(), NoPlan> {
        self.lock().handle_done(plan, done)
    }
}

/// All sorts of work of one coordinator, by kind and message.
#[derive(Debug, Default)]
pub(super) struct Sorts {
    sorts: BTreeMap<(&'static str, &'static str), Sort>,
    used: u64,
}

#[derive(Debug)]
struct Sort {
    shared: Shared,
    used_at: u64,
}

impl Sorts {
    /// What was learned of this sort; nothing if it is new.
    pub(super) fn sort(&mut self, kind: &'static str, message: &'static str) -> Shared {
        self.used += 1;
        let used_at = self.used;
        if !self.sorts.contains_key(&(kind, message)) {
            self.make_room();
        }
        let fresh = || Sort { shared: Shared::new(), used_at };
        let sort = self.sorts.entry((kind, message)).or_insert_with(fresh);
        sort.used_at = used_at;
        sort.shared.clone()
    }

    pub(super) fn find(&self, kind: &'static str, message: &'static str) -> Option<Shared> {
        self.sorts.get(&(kind, message)).map(|sort| sort.shared.clone())
    }

    fn make_room(&mut self) {
        if self.sorts.len() < SORTS_MAX {
            return;
        }
        let oldest = self.sorts.iter().min_by_key(|(_, sort)| sort.used_at).map(|(&name, _)| name);
        self.sorts.remove(&oldest.expect("there are many"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sort_not_used_for_longest_makes_room() {
        static LONGEST: [u8; SORTS_MAX + 1] = [b'm'; SORTS_MAX + 1];
        let name = |last| str::from_utf8(&LONGEST[..=last]).expect("they are letters");
        let names: Vec<&'static str> = (0..=SORTS_MAX).map(name).collect();
        let mut sorts = Sorts::default();
        names[..SORTS_MAX].iter().for_each(|name| drop(sorts.sort("kind", name)));
        sorts.sort("kind", names[0]);
        sorts.sort("kind", names[SORTS_MAX]);
        assert_eq!(sorts.sorts.len(), SORTS_MAX);
        assert!(sorts.find("kind", names[0]).is_some());
        assert!(sorts.find("kind", names[1]).is_none());
        assert!(sorts.find("other", names[0]).is_none(), "each kind by itself");
    }
}
