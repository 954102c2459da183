//! The agents of the world: one kind for each residence, and for each promise.

pub(crate) mod account;
pub(crate) mod clerk;
pub(crate) mod register;
pub(crate) mod tally;

use std::sync::Arc;
use std::time::Duration;

use nexus_agent::{KindSpec, System};

/// How long an agent stays in memory without a message. Short, so that most messages meet
/// one that has to be activated first, and some meet it as it leaves.
const IDLE_AFTER: Duration = Duration::from_secs(3);

/// Has `system` know all kinds.
pub(crate) fn register_all(system: &Arc<System>) {
    let kinds = [
        system.register(KindSpec::<register::Register>::default()),
        system.register(KindSpec::<account::Account>::default()),
        system.register(KindSpec::<clerk::Clerk>::default()),
        system.register(KindSpec::<tally::Tally>::default()),
    ];
    kinds.into_iter().for_each(|kind| kind.expect("no two kinds have one name"));
}
