//! What kind of world: what is drawn, what is checked.

use nexus_agent::MESSAGES_PER_RUN;

use crate::trace::Detail;
use crate::{EVENTS_PER_INSTANT_MAX, World};

/// Whether asks are answered in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asks {
    /// Drawn for each ask: both ways must do for every one.
    Seeded,
    /// Whenever the rules of the runtime allow it.
    InPlace,
    /// Never: every ask crosses a mailbox.
    Queued,
}

/// Who of those that are ready has the next turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Anybody, by chance.
    Seeded,
    /// Who has been ready longest.
    Fifo,
}

/// How a world is made, see [`World::builder`].
///
/// ```
/// use nexus_sim::{Asks, Order, World};
///
/// let world = World::builder(7).order(Order::Fifo).asks(Asks::Queued).build();
/// assert_eq!(world.seed(), 7);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes a world only when it is built"]
pub struct Builder {
    pub(crate) seed: u64,
    pub(crate) asks: Asks,
    pub(crate) order: Order,
    pub(crate) detail: Detail,
    pub(crate) messages_per_turn: u32,
    pub(crate) checks_books: bool,
    pub(crate) events_per_instant_max: u64,
}

impl Builder {
    pub(crate) fn new(seed: u64) -> Builder {
        Builder {
            seed,
            asks: Asks::Seeded,
            order: Order::Seeded,
            detail: Detail { contents: true, records: false },
            messages_per_turn: 1,
            checks_books: true,
            events_per_instant_max: EVENTS_PER_INSTANT_MAX,
        }
    }

    /// Whether asks are answered in place; drawn, unless told otherwise.
    pub fn asks(mut self, asks: Asks) -> Builder {
        self.asks = asks;
        self
    }

    /// Who has the next turn; drawn, unless told otherwise.
    pub fn order(mut self, order: Order) -> Builder {
        self.order = order;
        self
    }

    /// Keeps what happens in words too, for [`World::records`].
    pub fn records(mut self) -> Builder {
        self.detail.records = true;
        self
    }

    /// How much may happen while time stands still, before the world takes it
    /// for a mistake and fails; [`EVENTS_PER_INSTANT_MAX`] unless told otherwise.
    pub fn events_per_instant_max(mut self, events: u64) -> Builder {
        self.events_per_instant_max = events;
        self
    }

    /// For long experiments rather than for finding mistakes: turns in order
    /// and as long as under threads, asks in place, and a trace that has only
    /// who does what when.
    pub fn fast(mut self) -> Builder {
        self.asks = Asks::InPlace;
        self.order = Order::Fifo;
        self.detail.contents = false;
        self.messages_per_turn = MESSAGES_PER_RUN;
        self.checks_books = false;
        self
    }

    /// The world itself, with nobody in it.
    pub fn build(self) -> World {
        World::make(&self)
    }
}
