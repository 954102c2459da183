//! The agents of the world: one kind for each promise.

pub(crate) mod account;
pub(crate) mod clerk;
pub(crate) mod guest;
pub(crate) mod register;
pub(crate) mod tally;
pub(crate) mod vault;

use std::sync::Arc;
use std::time::Duration;

use nexus_agent::{Agent, KindSpec, System};

/// How long an agent stays in memory without a message. Short, so that most messages meet
/// one that has to be activated first, and some meet it as it leaves.
const IDLE_AFTER: Duration = Duration::from_secs(3);

/// The kinds of agents that the nodes of a world run.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    all: Vec<fn(&Arc<System>)>,
    guests: bool,
}

impl Kinds {
    /// None yet.
    pub fn new() -> Kinds {
        Kinds::default()
    }

    /// One more.
    #[must_use]
    pub fn with<A: Agent>(mut self) -> Kinds {
        self.all.push(|system| {
            let spec = KindSpec::<A>::default();
            system.register(spec).unwrap_or_else(|error| panic!("kind {}: {error}", A::KIND));
        });
        self
    }

    /// Those of the world's own clients.
    pub(crate) fn own() -> Kinds {
        let kinds = Kinds { guests: true, ..Kinds::new() };
        kinds
            .with::<register::Register>()
            .with::<account::Account>()
            .with::<clerk::Clerk>()
            .with::<tally::Tally>()
            .with::<vault::Vault>()
    }

    /// Whether nodes have guests as well, which are of a kind of their own.
    pub(crate) const fn has_guests(&self) -> bool {
        self.guests
    }

    /// Has `system` know them all.
    ///
    /// # Panics
    /// If two have one name, or one is wrong in itself.
    pub(crate) fn register(&self, system: &Arc<System>) {
        self.all.iter().for_each(|register| register(system));
    }
}
