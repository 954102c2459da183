//! A circuit breaker around calls that may fail: to a database, another
//! service, another node.
//!
//! What a breaker decides is in [`Breaker`], which knows no clock and no
//! futures; this puts one around a future, and lets all who call the same
//! target share it by its name.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_agent::{Breaker, BreakerConfig, BreakerOpen, BreakerState, Outcome, Permit};
use nexus_base::Time;

/// Breakers a node knows by name. A breaker made beyond that works, but is
/// neither shared nor in the metrics. A guess: targets are few.
pub const BREAKERS_MAX: usize = 256;

/// Stops calling what keeps failing, and finds out cheaply when it works again.
///
/// Closed, it lets every call through. Open, after failures in a row, it
/// refuses all for a while. Then, half open, it lets a few probes through to see.
/// Clones share one state. Get one from [`crate::Node::breaker`].
///
/// ```
/// # use nexus::{BreakerConfig, Node};
/// # let node = Node::start()?;
/// let payments = node.breaker("payments", BreakerConfig::default());
/// let charge = payments.call(async {
///     // Here the payment service is called.
///     Ok::<u64, std::io::Error>(7)
/// });
/// assert_eq!(node.block_on(charge)?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    completed: u64,
    failed: u64,
    refused: u64,
}

/// Why a call through a [`CircuitBreaker`] has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerError<E> {
    /// The target failed lately. Nothing was called.
    #[error("circuit breaker {name} is open; nothing was called; try again in {retry_after:?}")]
    Open {
        /// The breaker's name.
        name: String,
        /// When it may let a call through again, by the breaker's clock.
        retry_at: Time,
        /// How long it is until then.
        retry_after: Duration,
    },
    /// The call was made and returned this.
    #[error(transparent)]
    Failed(E),
}

impl CircuitBreaker {
    /// A closed breaker of its own, that tells the time by `clock`.
    ///
    /// # Panics
    /// If `config` asks for no failures or no probes.
    pub fn new(
        name: &str,
        config: BreakerConfig,
        clock: impl Fn() -> Time + Send + Sync + 'static,
    ) -> CircuitBreaker {
        let state = State { breaker: Breaker::new(config), completed: 0, failed: 0, refused: 0 };
        let (name, clock) = (name.to_owned(), Box::new(clock));
        CircuitBreaker { shared: Arc::new(Shared { name, clock, state: Mutex::new(state) }) }
    }

    /// Runs `operation` if the breaker lets it through. Each `Err` counts as a
    /// failure of the target; see [`Self::call_judged`] where some do not.
    ///
    /// # Errors
    /// [`BreakerError::Open`] if it was not run, or [`BreakerError::Failed`]
    /// with its own error.
    pub async fn call<T, E>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, BreakerError<E>> {
        let judge = |result: &Result<T, E>| match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        };
        self.call_judged(operation, judge).await
    }

    /// As [`Self::call`], but `judge` says what counts as a failure: a target
    /// that answers "not found" works. An operation that is dropped before it
    /// ends, or panics, has failed without being asked.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_judged<T, E>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
        judge: impl FnOnce(&Result<T, E>) -> Outcome,
    ) -> Result<T, BreakerError<E>> {
        let permit = self.admit().map_err(|open| self.error(open))?;
        let mut call = Call { breaker: self, permit: Some(permit), outcome: Outcome::Failure };
        let result = operation.await;
        call.outcome = judge(&result);
        drop(call);
        result.map_err(BreakerError::Failed)
    }

    /// What it does with calls at the moment.
    pub fn state(&self) -> BreakerState {
        self.lock().breaker.state(self.now())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    fn admit(&self) -> Result<Permit, BreakerOpen> {
        let mut state = self.lock();
        let admitted = state.breaker.admit(self.now());
        state.refused += u64::from(admitted.is_err());
        admitted
    }

    fn record(&self, permit: Permit, outcome: Outcome) {
        let mut state = self.lock();
        match outcome {
            Outcome::Success => state.completed += 1,
            Outcome::Failure => state.failed += 1,
        }
        let before = state.breaker.counts();
        state.breaker.record(self.now(), permit, outcome);
        let after = state.breaker.counts();
        drop(state);
        if (after.opened, after.reopened) != (before.opened, before.reopened) {
            tracing::warn!(target: "nexus", breaker = self.name(), "circuit breaker opened");
        } else if after.closed != before.closed {
            tracing::info!(target: "nexus", breaker = self.name(), "circuit breaker closed");
        }
    }

    fn error<E>(&self, open: BreakerOpen) -> BreakerError<E> {
        let BreakerOpen { retry_at } = open;
        let retry_after = retry_at.since(self.now());
        BreakerError::Open { name: self.name().to_owned(), retry_at, retry_after }
    }

    fn report(&self) -> BreakerReport {
        let state = self.state();
        let State { completed, failed, refused, .. } = *self.lock();
        BreakerReport { name: self.name().to_owned(), state, completed, failed, refused }
    }

    fn now(&self) -> Time {
        (self.shared.clock)()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CircuitBreaker({}: {:?})", self.name(), self.state())
    }
}

/// One call that was let through; says how it ended, however it ends.
struct Call<'a> {
    breaker: &'a CircuitBreaker,
    permit: Option<Permit>,
    outcome: Outcome,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.breaker.record(permit, self.outcome);
        }
    }
}

/// A breaker as the metrics show it.
#[derive(Clone, Debug)]
pub(crate) struct BreakerReport {
    pub(crate) name: String,
    pub(crate) state: BreakerState,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
}

/// The breakers of a node, by name.
#[derive(Default)]
pub(crate) struct Breakers {
    by_name: Mutex<BTreeMap<String, CircuitBreaker>>,
}

impl Breakers {
    /// The breaker called `name`, made by `make` if there is none.
    pub(crate) fn named(
        &self,
        name: &str,
        make: impl FnOnce() -> CircuitBreaker,
    ) -> CircuitBreaker {
        let mut by_name = self.lock();
        if let Some(known) = by_name.get(name) {
            return known.clone();
        }
        let made = make();
        if by_name.len() < BREAKERS_MAX {
            by_name.insert(name.to_owned(), made.clone());
        }
        made
    }

    pub(crate) fn reports(&self) -> Vec<BreakerReport> {
        self.lock().values().map(CircuitBreaker::report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, CircuitBreaker>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
