//! Instrumented operations: duration, success and failure as event, metric and
//! span, from one call.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_agent::Event;
use nexus_base::EventName;
use tracing::Instrument;

use crate::threads::Threads;

/// Operation names counted apart; what comes under further names is counted
/// together as `other`. Names are written by programmers, so few are needed.
pub const OPERATIONS_MAX: usize = 256;

/// Upper bounds of the duration buckets, in seconds: from a handler in memory
/// to a slow ask. A guess.
pub(crate) const BUCKETS_S: [f64; 14] =
    [1e-6, 1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Counts and times named operations.
#[derive(Clone)]
pub struct Operations {
    threads: Arc<Threads>,
    seen: Arc<Mutex<BTreeMap<&'static str, OperationCounts>>>,
}

/// What became of one operation's runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// Runs that returned `Ok`.
    pub completed: Durations,
    /// Runs that returned `Err`, were dropped before they ended, or panicked.
    pub failed: Durations,
}

/// How many there were and how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many.
    pub count: u64,
    /// How long all of them took together.
    pub total: Duration,
    /// How many were longer than the bound before and no longer than their own;
    /// in the last, those beyond all bounds.
    pub(crate) buckets: [u64; BUCKETS_S.len() + 1],
}

impl Durations {
    fn add(&mut self, took: Duration) {
        let bucket = BUCKETS_S.partition_point(|bound| *bound < took.as_secs_f64());
        self.buckets[bucket] += 1;
        self.count += 1;
        self.total += took;
    }
}

impl Operations {
    pub(crate) fn new(threads: Arc<Threads>) -> Operations {
        Operations { threads, seen: Arc::default() }
    }

    /// Runs `operation` and reports how long it took and how it ended: as the
    /// event `operation.completed` or `operation.failed`, in the metric
    /// `nexus_operation_duration_seconds`, and as a span called `operation`.
    /// One that is dropped before it ends counts as failed, and so does a panic.
    ///
    /// ```
    /// # use nexus::Node;
    /// # let node = Node::start()?;
    /// let parse = async { "42".parse::<u64>() };
    /// assert_eq!(node.block_on(node.operations().instrument("parse", parse))?, 42);
    /// assert_eq!(node.operations().counts()["parse"].completed.count, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What `operation` returns.
    pub async fn instrument<T, E: Display>(
        &self,
        name: &'static str,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut running = Running { operations: self, name, start: self.now(), outcome: None };
        let result = operation.instrument(tracing::info_span!("operation", name)).await;
        running.outcome = Some(match &result {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        result
    }

    /// What became of each operation.
    pub fn counts(&self) -> BTreeMap<&'static str, OperationCounts> {
        self.lock().clone()
    }

    fn now(&self) -> nexus_base::Time {
        self.threads.clock().now()
    }

    fn record(&self, name: &'static str, took: Duration, failed: Option<String>) {
        let mut seen = self.lock();
        let known = seen.contains_key(name) || seen.len() < OPERATIONS_MAX;
        let counts = seen.entry(if known { name } else { "other" }).or_default();
        if failed.is_some() {
            counts.failed.add(took)
        } else {
            counts.completed.add(took)
        }
        drop(seen);
        let (event, detail) = match failed {
            None => (EventName::OperationCompleted, format!("{name} took {took:?}")),
            Some(error) => (EventName::OperationFailed, format!("{name} took {took:?}: {error}")),
        };
        self.threads.events.push(Event {
            at: self.now(),
            name: event,
            agent: String::new(),
            detail,
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, OperationCounts>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Running<'a> {
    operations: &'a Operations,
    name: &'static str,
    start: nexus_base::Time,
    outcome: Option<Result<(), String>>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let took = self.operations.now().since(self.start);
        let outcome =
            self.outcome.take().unwrap_or_else(|| Err("dropped before it ended".to_owned()));
        self.operations.record(self.name, took, outcome.err());
    }
}
