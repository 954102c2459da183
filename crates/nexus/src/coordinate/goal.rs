//! What agents are to do together.

use std::time::Duration;

use nexus_coord::Features;
use nexus_coord::coordinate::Item;

/// For how long a batch goes on unless it says otherwise: what has not begun by then is
/// given up. Source: a guess; ten times the deadline that an ask has by default.
pub const BATCH_WITHIN: Duration = Duration::from_secs(300);

/// What agents are to do together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Goal<M> {
    /// Each item of a batch is done by one of them.
    DistributeWork(Work<M>),
}

impl<M> From<Work<M>> for Goal<M> {
    fn from(work: Work<M>) -> Goal<M> {
        Goal::DistributeWork(work)
    }
}

/// A batch of work, and within which limits it is to be done.
#[derive(Clone, Debug)]
pub struct Work<M> {
    pub(super) items: Vec<WorkItem<M>>,
    pub(super) within: Duration,
    pub(super) each_within: Option<Duration>,
    pub(super) in_flight_each: usize,
}

impl<M> Work<M> {
    /// These items, within [`BATCH_WITHIN`], one at a time for each agent.
    pub fn new(items: Vec<WorkItem<M>>) -> Work<M> {
        Work { items, within: BATCH_WITHIN, each_within: None, in_flight_each: 1 }
    }

    /// What has not begun by then is given up, and what has is waited for no longer.
    pub fn within(self, limit: Duration) -> Work<M> {
        Work { within: limit, ..self }
    }

    /// Each item is waited for at most so long, instead of the kind's
    /// [`Agent::DEADLINE`](crate::Agent::DEADLINE). An agent that takes longer is given
    /// nothing more of this batch.
    pub fn each_within(self, limit: Duration) -> Work<M> {
        Work { each_within: Some(limit), ..self }
    }

    /// So many items are with each agent at one time. One keeps the choice open for
    /// longest; two spare an agent the wait between items, which counts where they take
    /// microseconds.
    pub fn in_flight_each(self, items: usize) -> Work<M> {
        Work { in_flight_each: items, ..self }
    }
}

impl<M> FromIterator<WorkItem<M>> for Work<M> {
    fn from_iter<I: IntoIterator<Item = WorkItem<M>>>(items: I) -> Work<M> {
        Work::new(items.into_iter().collect())
    }
}

/// One piece of work: a message, and what is known about it beforehand.
#[derive(Clone, Debug)]
pub struct WorkItem<M> {
    pub(super) message: M,
    features: Features,
    is_repeatable: bool,
}

impl<M> WorkItem<M> {
    /// This message, which is ordinary and is not to be run twice.
    pub fn new(message: M) -> WorkItem<M> {
        WorkItem { message, features: Features::DEFAULT, is_repeatable: false }
    }

    /// What it declares about itself. Work is predicted from that: an item that is
    /// larger is to say so.
    pub fn features(self, features: Features) -> WorkItem<M> {
        WorkItem { features, ..self }
    }

    /// It does no harm to run it again where it may have run already: its agent crashed,
    /// stopped or took too long. Up to
    /// [`ATTEMPTS_MAX`](crate::coordination::ATTEMPTS_MAX) times in all.
    pub fn repeatable(self) -> WorkItem<M> {
        WorkItem { is_repeatable: true, ..self }
    }

    pub(super) fn item(&self) -> Item {
        Item { features: self.features, is_repeatable: self.is_repeatable }
    }
}
