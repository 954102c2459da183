//! Polling a future of tokio's as if a worker ran it.
//!
//! Connections live on the workers' own runtimes. Inside this, what they ask is
//! answered in place where the rules allow it, with no queue in between.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use crate::threads;

/// A future whose asks may run in place.
pub(super) struct OnWorker<F>(Pin<Box<F>>);

impl<F: Future> OnWorker<F> {
    pub(super) fn new(future: F) -> OnWorker<F> {
        OnWorker(Box::pin(future))
    }
}

impl<F: Future> Future for OnWorker<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<F::Output> {
        threads::as_worker(|| self.0.as_mut().poll(poller))
    }
}
