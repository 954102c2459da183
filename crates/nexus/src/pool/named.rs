//! Pools by their names, for requests from outside Rust.
//!
//! A pool is found through the kind of the agents that stand for pools, and so through
//! its own system. It is not kept alive by that.
//!
//! Absent on purpose: making and stopping pools. That is for the program that has them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use nexus_agent::{Agent, AnyMessage, AnyReply, Beside, System};
use nexus_base::Level;
use nexus_coord::EnabledLevels;

use super::door::Door;
use super::hall::Hall;
use super::{CallSpec, LayerError, PoolCounts, PoolError, PoolWhy, Served};
use crate::LevelUsed;

/// The kind of the agents that stand for pools.
pub(crate) const POOLS: &str = Hall::KIND;

/// A pool, whatever its members are.
pub(crate) trait NamedPool: Send + Sync {
    /// The kind of its members.
    fn members_kind(&self) -> &'static str;
    /// The highest level that a member is set to.
    fn members_level(&self) -> Level;
    /// The key of a member.
    fn member_key(&self, member: usize) -> Arc<str>;
    fn counts(&self) -> PoolCounts;
    fn levels(&self) -> EnabledLevels;
    fn level(&self) -> LevelUsed;
    fn why(&self) -> PoolWhy;
    fn set_level(&self, level: Level) -> Result<(), LayerError>;
    fn set_layer(&self, layer: Level, is_enabled: bool) -> Result<(), LayerError>;
    /// Sends a message that the members' kind takes by this name.
    fn serve_named(self: Arc<Self>, message: String, any: AnyMessage, call: CallSpec) -> Serving;
}

/// A call on its way.
pub(crate) type Serving = Pin<Box<dyn Future<Output = Result<Served<AnyReply>, PoolError>> + Send>>;

impl<A: Agent> NamedPool for Door<A> {
    fn members_kind(&self) -> &'static str {
        A::KIND
    }

    fn members_level(&self) -> Level {
        Door::level(self)
    }

    fn member_key(&self, member: usize) -> Arc<str> {
        self.lock().key(member)
    }

    fn counts(&self) -> PoolCounts {
        Door::counts(self)
    }

    fn levels(&self) -> EnabledLevels {
        self.lock().levels()
    }

    fn level(&self) -> LevelUsed {
        self.lock().level()
    }

    fn why(&self) -> PoolWhy {
        self.lock().why()
    }

    fn set_level(&self, level: Level) -> Result<(), LayerError> {
        Door::set_level(self, level)
    }

    fn set_layer(&self, layer: Level, is_enabled: bool) -> Result<(), LayerError> {
        Door::set_layer(self, layer, is_enabled)
    }

    fn serve_named(self: Arc<Self>, message: String, any: AnyMessage, call: CallSpec) -> Serving {
        Box::pin(async move { self.serve_any(&message, any, call).await })
    }
}

/// The pool of this name, unless it is gone.
pub(crate) fn pool_named(system: &System, name: &str) -> Option<Arc<dyn NamedPool>> {
    pools(system)?.lock().get(name)?.upgrade()
}

/// The pools of one system: as many as there are agents that stand for them.
#[derive(Default)]
pub(super) struct Pools {
    by_name: Mutex<BTreeMap<String, Weak<dyn NamedPool>>>,
}

impl Beside for Pools {}

impl Pools {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Weak<dyn NamedPool>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pools(system: &System) -> Option<Arc<Pools>> {
    system.beside_kind(POOLS)
}

/// The pool is found by its name from here on.
pub(super) fn enter<A: Agent>(system: &System, name: &str, door: &Arc<Door<A>>) {
    let pool: Arc<dyn NamedPool> = door.clone();
    // A system that has forgotten its kinds has ended.
    if let Some(pools) = pools(system) {
        pools.lock().insert(name.to_owned(), Arc::downgrade(&pool));
    }
}

/// A pool of this name is gone. Another one may have the name by now.
pub(super) fn leave(system: &System, name: &str) {
    let Some(pools) = pools(system) else { return };
    let mut by_name = pools.lock();
    if by_name.get(name).is_some_and(|pool| pool.strong_count() == 0) {
        by_name.remove(name);
    }
}
