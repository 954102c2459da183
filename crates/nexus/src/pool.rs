//! Pools: agents of one kind behind one door.
//!
//! Each call names a routing level, a strategy picks a member, the member is
//! asked, and what became of it teaches the strategy. Three parts: the `desk`
//! keeps the books and decides, pure; the `door` has it under a lock and looks
//! after the members; a `call` is what goes through.
//!
//! A pool may have `layers`: they learn from outcomes, hold calls and schedule them,
//! and are measured while they serve, so that each stays only where it pays. A pool
//! without them carries nothing of it.
//!
//! Absent on purpose: retries. A call that failed says whether it may have run,
//! and the caller decides.

mod call;
mod counts;
mod desk;
mod door;
mod error;
mod hall;
mod layers;
mod named;
mod shadow;
mod spec;
mod why;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use nexus_agent::{Agent, Handle, Handler, Message, System};
use nexus_base::Level;
use nexus_coord::EnabledLevels;

use crate::reactive::deadline_of;
use crate::{Answer, Node, Request, RequestError};
use door::Door;

pub use call::Served;
pub use counts::{LevelCounts, MemberCounts, PoolCounts};
pub use error::{PoolError, PoolSpawnError};
pub use layers::LayerError;
pub(crate) use named::{NamedPool, POOLS, pool_named};
pub use shadow::PoolShadow;
pub use spec::{CallSpec, HELD_MAX, IN_FLIGHT_MAX, MEMBERS_MAX, PoolSpec};
pub use why::{ChosenStrategy, Measured, PoolWhy};

/// Agents of one kind behind one door, on this node.
///
/// A call goes to one member: in turn at the basic level, to the one with the
/// fewest calls in flight at the optimized one, or as [`PoolSpec`] says; where the
/// adaptive level is enabled, by what has been learned of calls and members. A level
/// that is not enabled falls to the highest enabled one below, and each reply
/// says so. All calls count, at whatever level they came.
///
/// A member that ends, however it came to that, leaves at once and is **replaced**
/// by a fresh one of the same key. One that ends too often is **left out**, and
/// the others serve on; see [`PoolSpec::replacing`] and [`Pool::refill`]. A member
/// that crashes and is restarted by its supervisor has not ended.
///
/// Clones are the same pool. When the last one is dropped the members are
/// stopped, each after the message it is handling.
///
/// ```
/// use nexus::{Pool, PoolSpec, Routing, prelude::*};
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
/// #[derive(Message)]
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
/// let served = node.block_on(summers.ask(Sum(vec![1, 2, 3]), Routing::Optimized))?;
/// assert_eq!(served.reply, 6);
/// assert_eq!(served.routed.used, Routing::Optimized);
///
/// // There is no swarm in this release: the call is served all the same, and says how.
/// let served = node.block_on(summers.ask(Sum(vec![4, 5]), Routing::Swarm))?;
/// assert_eq!(served.routed.used, Routing::Optimized);
/// assert_eq!(served.routed.reason.unwrap().to_string(), "swarm is not enabled");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool<A: Agent> {
    door: Arc<Door<A>>,
}

impl<A: Agent> Pool<A> {
    /// Makes a pool of `count` members with the keys `name-0`, `name-1` and so
    /// on, and an agent `nexus.pool/name` that stands for the pool itself:
    /// stopping it stops the pool.
    ///
    /// # Errors
    /// [`PoolSpawnError`]; what had been spawned is told to stop again.
    pub fn spawn(
        node: &Node,
        name: &str,
        count: usize,
        spec: PoolSpec,
    ) -> Result<Pool<A>, PoolSpawnError> {
        Pool::spawn_in(node.system(), name, count, spec)
    }

    /// As [`Pool::spawn`], for agents that something else than a [`Node`] runs:
    /// a simulated world.
    ///
    /// # Errors
    /// As [`Pool::spawn`].
    pub fn spawn_in(
        system: &Arc<System>,
        name: &str,
        count: usize,
        spec: PoolSpec,
    ) -> Result<Pool<A>, PoolSpawnError> {
        Ok(Pool { door: Door::open(system, name, count, &spec)? })
    }

    /// Sends `message` to the member that the routing level picks, and awaits the
    /// answer. Nothing happens until it is awaited; dropping it gives up on the
    /// call, also while it waits for a member, and the pool counts it no longer.
    /// (A member that is at work on a call given up may go on; see
    /// [`Agent::ON_CANCEL`].)
    ///
    /// # Errors
    /// [`PoolError`], which tells *not done* from *unknown*.
    pub fn ask<M: Message>(
        &self,
        message: M,
        call: impl Into<CallSpec>,
    ) -> impl Future<Output = Result<Served<M::Reply>, PoolError>> + Send
    where
        A: Handler<M>,
    {
        self.door.serve(message, call.into())
    }

    /// Sends `request` to the member that its own routing level picks, with its
    /// own deadline and features. One that names no deadline has five seconds, or more
    /// while the members' kind has raised that. What the member makes of it is the reply.
    ///
    /// # Errors
    /// As [`Pool::ask`].
    pub fn request(
        &self,
        request: impl Into<Request>,
    ) -> impl Future<Output = Result<Served<Result<Answer, RequestError>>, PoolError>> + Send
    where
        A: Handler<Request>,
    {
        let request = request.into();
        let within = deadline_of(&self.door.system, A::KIND, || self.door.level(), &request);
        let call = CallSpec::new(request.routing).within(within);
        let call = call.features(request.features);
        self.door.serve(request, call)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.door.hall.key()
    }

    /// The members that are in it now, to be asked or coordinated by themselves: what
    /// does not come through [`Pool::ask`] the pool does not count.
    pub fn members(&self) -> Vec<Handle<A>> {
        self.door.lock().members()
    }

    pub(crate) fn system(&self) -> &Arc<System> {
        &self.door.system
    }

    /// What became of the calls, by level and by member.
    pub fn counts(&self) -> PoolCounts {
        self.door.counts()
    }

    /// The levels that are enabled.
    pub fn levels(&self) -> EnabledLevels {
        self.door.lock().levels()
    }

    /// Enables these levels and no others, for calls from here on; basic always
    /// is. Adaptive stays off in a pool that was made without it, swarm in all pools of
    /// this release. When adaptive is disabled its layers are left, and calls that
    /// they hold are placed by least connections.
    pub fn set_levels(&self, levels: EnabledLevels) {
        self.door.set_levels(spec::available(levels));
    }

    /// Asks the layers for a level from here on: none above it is used. Calls that a
    /// layer held which is left are placed by the one below; what was sent stays
    /// where it is. [`Level::Adaptive`] at first.
    ///
    /// # Errors
    /// [`LayerError::NoLayers`].
    pub fn set_level(&self, level: Level) -> Result<(), LayerError> {
        self.door.set_level(level)
    }

    /// Enables a layer: if it is asked for, it is tried from here on.
    ///
    /// # Errors
    /// [`LayerError`], also for [`Level::Reactive`], which always is.
    pub fn enable_layer(&self, layer: Level) -> Result<(), LayerError> {
        self.door.set_layer(layer, true)
    }

    /// Takes a layer away, with calls inside it or not; they fare as in
    /// [`Pool::set_level`].
    ///
    /// # Errors
    /// [`LayerError`], also for [`Level::Reactive`], which cannot be taken away.
    pub fn disable_layer(&self, layer: Level) -> Result<(), LayerError> {
        self.door.set_layer(layer, false)
    }

    /// Why calls go where they go: of adaptive ones the ladder and its history, what is
    /// measured, what has been learned; of optimized ones what was chosen, if it is
    /// [by conditions](PoolSpec::optimized_by_conditions).
    pub fn why(&self) -> PoolWhy {
        self.door.lock().why()
    }

    /// What a simulator says of the layer that is measured, which serves the last blocks
    /// of the trial again; `None` where nothing is measured. It takes some milliseconds
    /// a block, of whoever asks: the pool serves on meanwhile.
    pub fn shadow(&self) -> Option<PoolShadow> {
        let rehearsal = self.door.lock().rehearsal()?;
        Some(PoolShadow::of(&rehearsal))
    }

    /// Makes the members anew that are left out. Returns how many are back.
    pub fn refill(&self) -> usize {
        self.door.refill()
    }

    /// Stops the members, each after the message it is handling, and refuses
    /// every call from here on, also those that wait for a member. The keys are
    /// free again soon after.
    pub fn stop(&self) {
        self.door.stop();
    }
}

impl<A: Agent> Clone for Pool<A> {
    fn clone(&self) -> Pool<A> {
        Pool { door: self.door.clone() }
    }
}

impl<A: Agent> fmt::Debug for Pool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} of {})", self.name(), A::KIND)
    }
}
