//! Coordination: agents that work on one goal together, at a level.
//!
//! A [`Goal`] says what is wanted, a [`CoordinationLevel`] how cleverly. Today's goal
//! is to distribute work: a batch of items over agents of one kind. Who does what is
//! decided by `nexus-coord` and `nexus-intel`, pure; here items are asked of agents, and
//! what was learned over batches is kept in a [`Coordinator`] that its user owns.
//!
//! Items go to agents by themselves, past a pool's desk: a pool does not count them.
//!
//! Absent on purpose: retries of what may have run, unless an item says that it may be
//! repeated.

mod agents;
mod goal;
mod outcome;
mod run;
mod sorts;

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use nexus_agent::{Agent, Handler, Message};
use nexus_coord::coordinate::{Batch, BatchSpec, CoordinationLevel};
use nexus_intel::learn::Explanation;

pub use agents::Agents;
pub use goal::{BATCH_WITHIN, Goal, Work, WorkItem};
pub use outcome::{AgentReport, CoordinateError, Coordinated, Distributed, ItemError};
pub use sorts::SORTS_MAX;

use run::Running;
use sorts::{Shared, Sorts};

/// Coordinates agents, and keeps what it learned by that: what items take and how fast
/// agents are, for each kind of agent and message by itself. Keep it for as long as
/// that is of use; a new one knows nothing.
///
/// ```
/// use nexus::{Coordinator, CoordinationLevel, Pool, PoolSpec, Work, WorkItem, prelude::*};
///
/// struct Summer;
///
/// impl Agent for Summer {
///     const KIND: &'static str = "summer";
///     fn new(_key: &str) -> Self {
///         Summer
///     }
/// }
///
/// #[derive(Message, Clone)]
/// #[message(reply = u64)]
/// struct Sum(Vec<u64>);
///
/// impl Handler<Sum> for Summer {
///     async fn handle(&mut self, Sum(numbers): Sum, _cx: &mut Context<Self>) -> u64 {
///         numbers.iter().sum()
///     }
/// }
///
/// let node = Node::start()?;
/// let summers = Pool::<Summer>::spawn(&node, "sums", 4, PoolSpec::new())?;
///
/// let work: Work<Sum> = (1..=9).map(|n| WorkItem::new(Sum(vec![n; 3]))).collect();
/// let coordinator = Coordinator::new();
/// let done = coordinator.distribute(&summers, work, CoordinationLevel::Intelligent);
/// let done = node.block_on(done)?;
/// assert_eq!(*done.outcomes[8].as_ref().unwrap(), 27);
///
/// // It has learned nothing yet, so it went to whoever was free, and says so.
/// assert_eq!(done.account.used, CoordinationLevel::Optimized);
/// assert_eq!(
///     done.account.reason(),
///     Some("predictions are not used: insufficient data: 0 outcomes, 100 are needed")
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Coordinator {
    sorts: Mutex<Sorts>,
}

impl Coordinator {
    /// One that has learned nothing.
    pub fn new() -> Coordinator {
        Coordinator::default()
    }

    /// Has `agents` work on `goal` at `level`, or at the highest below that can.
    /// Nothing happens until it is awaited; dropping it gives up on all that has not
    /// ended.
    ///
    /// # Errors
    /// [`CoordinateError`]: nothing was done. What becomes of a part of the goal is in
    /// what is returned.
    pub fn coordinate<A, M>(
        &self,
        agents: impl Into<Agents<A>>,
        goal: impl Into<Goal<M>>,
        level: CoordinationLevel,
    ) -> impl Future<Output = Result<Coordinated<M::Reply>, CoordinateError>> + Send
    where
        A: Handler<M>,
        M: Message + Clone,
    {
        let Goal::DistributeWork(work) = goal.into();
        let distribute = self.distribute(agents, work, level);
        async move { Ok(Coordinated::Distributed(distribute.await?)) }
    }

    /// Distributes work: each item is asked of one of the agents, and what each came to
    /// is returned, in the order of the items.
    ///
    /// # Errors
    /// As [`Coordinator::coordinate`].
    pub fn distribute<A, M>(
        &self,
        agents: impl Into<Agents<A>>,
        work: Work<M>,
        level: CoordinationLevel,
    ) -> impl Future<Output = Result<Distributed<M::Reply>, CoordinateError>> + Send
    where
        A: Handler<M>,
        M: Message + Clone,
    {
        let agents = agents.into();
        let shared = self.sorts().sort(A::KIND, M::NAME);
        async move { distribute(agents, work, level, shared).await }
    }

    /// What was learned of how much work is in a message `M` to agents of kind `A`;
    /// none if none was distributed.
    pub fn explain<A: Agent, M: Message>(&self) -> Option<Explanation> {
        let shared = self.sorts().find(A::KIND, M::NAME)?;
        Some(shared.lock().explain())
    }

    fn sorts(&self) -> std::sync::MutexGuard<'_, Sorts> {
        self.sorts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has `agents` work on `goal` at `level`, once: as [`Coordinator::coordinate`], with
/// nothing learned from before. The levels above optimized, which need that, fall.
///
/// # Errors
/// As [`Coordinator::coordinate`].
pub fn coordinate<A, M>(
    agents: impl Into<Agents<A>>,
    goal: impl Into<Goal<M>>,
    level: CoordinationLevel,
) -> impl Future<Output = Result<Coordinated<M::Reply>, CoordinateError>> + Send
where
    A: Handler<M>,
    M: Message + Clone,
{
    let (agents, goal) = (agents.into(), goal.into());
    async move { Coordinator::new().coordinate(agents, goal, level).await }
}

async fn distribute<A, M>(
    agents: Agents<A>,
    work: Work<M>,
    level: CoordinationLevel,
    shared: Shared,
) -> Result<Distributed<M::Reply>, CoordinateError>
where
    A: Handler<M>,
    M: Message + Clone,
{
    let now = agents.system.driver().now();
    let deadline = now.after(work.within);
    let spec = BatchSpec { level, in_flight_each: work.in_flight_each, deadline };
    let ids = agents.handles.iter().map(|handle| handle.id()).collect();
    let items = work.items.iter().map(WorkItem::item).collect();
    let batch = Batch::new(now, spec, ids, items, shared.clone())?;
    let (outcomes, account) = Running::new(&agents, work, deadline, batch).finish().await;
    let mind = shared.lock();
    let report = |handle: &nexus_agent::Handle<A>| {
        let (key, speed) = (handle.key().to_owned(), mind.speed(handle.id()));
        AgentReport { key, speed }
    };
    let agents = agents.handles.iter().map(report).collect();
    Ok(Distributed { outcomes, account, agents })
}
