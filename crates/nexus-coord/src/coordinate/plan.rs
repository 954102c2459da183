//! Who gets what next: what a level makes, and who makes it.

use std::convert::Infallible;

use nexus_base::Time;

use super::{CoordinationLevel, Crew, Item};

/// Says which of the items that wait goes to which agent. Agents and items are meant
/// by their index in the batch.
pub trait Plan {
    /// The next to be sent and who gets it: an agent with room. None if nobody with
    /// room is to have anything now.
    fn poll_next(&mut self, now: Time, crew: &Crew) -> Option<(usize, usize)>;

    /// An item waits again: it has not run, or may be repeated.
    fn handle_back(&mut self, crew: &Crew, item: usize);

    /// An agent is given nothing more.
    fn handle_left(&mut self, crew: &Crew, agent: usize);

    /// An agent has put an item out of its hand, however that ended.
    fn handle_ended(&mut self, _now: Time, _crew: &Crew, _agent: usize) {}

    /// When to look again though nothing ended.
    fn next_timeout(&self, _crew: &Crew) -> Option<Time> {
        None
    }

    /// The time has come.
    fn handle_timeout(&mut self, _now: Time, _crew: &Crew) {}

    /// Why it cannot go on, if so.
    fn fault(&self) -> Option<NoPlan> {
        None
    }

    /// How often it planned anew what had not begun.
    fn replanned(&self) -> u64 {
        0
    }
}

/// What there is to plan.
#[derive(Clone, Copy, Debug)]
pub struct Job<'b> {
    /// The time.
    pub now: Time,
    /// Who there is.
    pub crew: &'b Crew,
    /// All items of the batch.
    pub items: &'b [Item],
    /// Those of them that wait, in the order in which they were given.
    pub waiting: &'b [usize],
}

/// An item that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Done<'b> {
    /// The agents, with this one's hand already without it.
    pub crew: &'b Crew,
    /// Who did it.
    pub agent: usize,
    /// What it was.
    pub item: &'b Item,
    /// How long it took, by our own clock; above zero.
    pub service_s: f64,
}

/// Makes the plans of the levels above optimized, and learns from what is done at
/// any level.
pub trait Planner {
    /// What it makes.
    type Plan: Plan;

    /// A plan of this level for all that waits.
    ///
    /// # Errors
    /// [`NoPlan`]: the next lower level is asked.
    fn plan(&mut self, level: CoordinationLevel, job: &Job<'_>) -> Result<Self::Plan, NoPlan>;

    /// Learns. `plan` is the one being followed, if it is one of this planner's.
    ///
    /// # Errors
    /// [`NoPlan`] if that plan is not to be trusted any more.
    fn handle_done(&mut self, plan: Option<&mut Self::Plan>, done: &Done<'_>)
    -> Result<(), NoPlan>;
}

/// Why a level has no plan, or none any more.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoPlan {
    /// This release or build does not have the level.
    #[error("{level} is not built")]
    NotBuilt {
        /// Which.
        level: CoordinationLevel,
    },
    /// Predicted work is not to be trusted, or not yet.
    #[error("predictions are not used: {why}")]
    Untrusted {
        /// Why, in words.
        why: String,
    },
    /// The speeds of agents are not to be trusted, or not yet.
    #[error("speeds are not used: {why}")]
    NoSpeeds {
        /// Why, in words.
        why: String,
    },
    /// Planning has cost as much as it may.
    #[error("planned anew {times} times, which is as much as it may cost")]
    TooCostly {
        /// How often.
        times: u64,
    },
    /// Everybody was idle, something waited, and the plan gave it to nobody.
    #[error("the plan left everybody idle while something waited")]
    Stalled,
}

/// Learns nothing: intelligent and above are not built.
///
/// ```
/// use nexus_base::{AgentId, Time};
/// use nexus_coord::coordinate::{
///     Batch, BatchSpec, CoordinationLevel, Effect, Ended, Item, Run, Unlearned,
/// };
///
/// let agents = vec![AgentId::from_u128(1), AgentId::from_u128(2)];
/// let spec = BatchSpec::new(CoordinationLevel::Intelligent);
/// let mut batch = Batch::new(Time::ZERO, spec, agents, vec![Item::default(); 3], Unlearned)?;
/// while let Some(effect) = batch.poll_effect() {
///     let Effect::Send { item, agent } = effect else { unreachable!("nothing is given up") };
///     batch.handle_ended(Time::ZERO, agent, item, Ended { run: Run::Done, leaves: None });
/// }
/// let account = batch.account();
/// assert!(batch.is_over());
/// assert_eq!(account.used, CoordinationLevel::Optimized);
/// assert_eq!(account.reason(), Some("intelligent is not built"));
/// # Ok::<(), nexus_coord::coordinate::BatchError>(())
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct Unlearned;

impl Planner for Unlearned {
    type Plan = Infallible;

    fn plan(&mut self, level: CoordinationLevel, _: &Job<'_>) -> Result<Infallible, NoPlan> {
        Err(NoPlan::NotBuilt { level })
    }

    fn handle_done(&mut self, _: Option<&mut Infallible>, _: &Done<'_>) -> Result<(), NoPlan> {
        Ok(())
    }
}

impl Plan for Infallible {
    fn poll_next(&mut self, _: Time, _: &Crew) -> Option<(usize, usize)> {
        match *self {}
    }

    fn handle_back(&mut self, _: &Crew, _: usize) {
        match *self {}
    }

    fn handle_left(&mut self, _: &Crew, _: usize) {
        match *self {}
    }
}

impl<P: Planner> Planner for &mut P {
    type Plan = P::Plan;

    fn plan(&mut self, level: CoordinationLevel, job: &Job<'_>) -> Result<P::Plan, NoPlan> {
        (**self).plan(level, job)
    }

    fn handle_done(&mut self, plan: Option<&mut P::Plan>, done: &Done<'_>) -> Result<(), NoPlan> {
        (**self).handle_done(plan, done)
    }
}
