//! The kinds of a system: how agents of each are made.

use std::sync::{Arc, PoisonError};

use super::System;
use crate::error::KINDS_MAX;
use crate::kind::{Kind, KindSpec};
use crate::{Agent, Crash, During, SpawnError};

impl System {
    /// Has agents of type `A` made as `spec` says. Comes before the first of
    /// them is spawned, and once.
    ///
    /// # Errors
    /// [`SpawnError::KindRegistered`] if that is too late,
    /// [`SpawnError::KindTaken`] if another type has the name,
    /// [`SpawnError::TooManyKinds`] beyond [`KINDS_MAX`].
    pub fn register<A: Agent>(self: &Arc<System>, spec: KindSpec<A>) -> Result<(), SpawnError> {
        let entered = self.enter_kind(|| spec).and_then(|(_, entered)| match entered {
            true => Ok(()),
            false => Err(SpawnError::KindRegistered { kind: A::KIND }),
        });
        self.counted(entered)
    }

    /// The kind of `A`, registered as its type says if it was not.
    pub(super) fn kind_or_register<A: Agent>(self: &Arc<System>) -> Result<Arc<Kind>, SpawnError> {
        self.enter_kind(KindSpec::<A>::default).map(|(kind, _)| kind)
    }

    /// The kind of `A`, and whether it is `spec` that it was made from.
    fn enter_kind<A: Agent>(
        self: &Arc<System>,
        spec: impl FnOnce() -> KindSpec<A>,
    ) -> Result<(Arc<Kind>, bool), SpawnError> {
        let typed = |kind: &Arc<Kind>| {
            let same = kind.agent_type() == std::any::TypeId::of::<A>();
            if same {
                Ok((kind.clone(), false))
            } else {
                Err(SpawnError::KindTaken { kind: A::KIND })
            }
        };
        if let Some(kind) = self.kind(A::KIND) {
            return typed(&kind);
        }
        if self.is_shutting_down() {
            return Err(SpawnError::ShuttingDown);
        }
        // `Agent::accepts` is the user's and may look at us: not under the lock.
        let kind = Crash::catch(During::Constructor, || Kind::new(spec(), self.clone()));
        let kind = Arc::new(kind.map_err(SpawnError::Crashed)??);
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = kinds.get(A::KIND) {
            return typed(kind);
        }
        // Looked at under the lock: kinds that came after all were forgotten
        // would keep the system in memory.
        if self.is_shutting_down() {
            return Err(SpawnError::ShuttingDown);
        }
        if kinds.len() >= KINDS_MAX {
            return Err(SpawnError::TooManyKinds);
        }
        kinds.insert(A::KIND, kind.clone());
        Ok((kind, true))
    }

    pub(crate) fn kind(&self, name: &str) -> Option<Arc<Kind>> {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The names of the kinds that are registered here, in order.
    pub fn kind_names(&self) -> Vec<&'static str> {
        let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
        kinds.keys().copied().collect()
    }
}
