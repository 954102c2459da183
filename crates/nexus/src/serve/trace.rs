//! Traces: each request served becomes a span, sent to a collector by OTLP.
//!
//! The caller's `traceparent` is taken up, so that a trace goes on where the
//! caller began it, and the answer names the span it got here. What is to be
//! sent waits in a bounded queue; a thread of its own sends it. The path of a
//! request never waits for the collector: where the queue is full, the span is
//! dropped and counted.
//!
//! Absent on purpose: `https` (put a collector beside the node), protobuf, and
//! spans within agents.

mod collector;
mod exporter;
mod ids;
mod otlp;
mod parent;
mod queue;
mod sampler;
mod span;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) use parent::TraceParent;
pub(crate) use span::{Served, Span};

use collector::Collector;
use ids::Ids;
use queue::Queue;
use sampler::Sampler;

/// Begins spans, and sends those that ended.
///
/// Dropped without [`Tracer::shutdown`], it waits for nothing: what was not
/// sent yet is lost.
pub(crate) struct Tracer {
    /// `None`: no collector is configured. Traces are passed on all the same.
    sending: Option<Sending>,
}

struct Sending {
    queue: Arc<Queue>,
    sampler: Sampler,
    ids: Ids,
    exporter: Mutex<Option<JoinHandle<()>>>,
}

/// Why no traces are sent. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TraceError {
    /// The address of the collector is none.
    #[error(
        "{endpoint:?} is not the address of a collector: {problem}; \
         write it as http://HOST:PORT, usually with port 4318"
    )]
    Endpoint {
        /// What was configured.
        endpoint: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The share of requests to trace makes no sense.
    #[error("a share of {0} of all requests cannot be traced; it goes from 0 to 1")]
    Sample(f64),
    /// The system has no thread for it.
    #[error("the thread that sends traces could not be started; free some threads")]
    Thread(#[source] std::io::Error),
}

/// What became of the spans that were to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceCounts {
    /// Taken by the collector.
    pub(crate) sent: u64,
    /// Dropped here: the queue was full, or the node was shutting down.
    pub(crate) dropped: u64,
    /// Refused by the collector, or not taken by it however often we tried.
    pub(crate) failed: u64,
    /// Still waiting here.
    pub(crate) waiting: u64,
}

impl Tracer {
    /// One that sends nothing, and passes on what callers say.
    pub(crate) const fn off() -> Tracer {
        Tracer { sending: None }
    }

    /// Sends spans to the collector at `endpoint` (`http://host:4318`) in the
    /// name of `service`. `sample` is the share of traces sent, from 0 to 1,
    /// chosen by their ids: nodes that ask for the same share choose the same.
    ///
    /// The collector need not be there yet.
    ///
    /// # Errors
    /// [`TraceError`]; nothing is left running.
    pub(crate) fn start(endpoint: &str, service: &str, sample: f64) -> Result<Tracer, TraceError> {
        let sampler = Sampler::new(sample).ok_or(TraceError::Sample(sample))?;
        let collector = Collector::new(endpoint)?;
        let queue = Arc::new(Queue::default());
        let exporter = exporter::start(queue.clone(), collector, service.to_owned());
        let exporter = Mutex::new(Some(exporter.map_err(TraceError::Thread)?));
        Ok(Tracer { sending: Some(Sending { queue, sampler, ids: Ids::new(), exporter }) })
    }

    /// Begins the span of one request. `traceparent` is the caller's header: one
    /// that makes no sense counts as none, and the request begins a trace.
    ///
    /// A trace that its caller does not record is not recorded here either.
    pub(crate) fn begin(&self, traceparent: Option<&str>) -> Span {
        let caller = traceparent.and_then(|text| TraceParent::parse(text.as_bytes()));
        let Some(sending) = &self.sending else { return Span::passed_on(caller) };
        let trace_id = caller.map_or_else(|| sending.ids.trace_id(), TraceParent::trace_id);
        let wanted = caller.is_none_or(TraceParent::is_sampled);
        let here = TraceParent::new(trace_id, sending.ids.span_id())
            .sampled(wanted && sending.sampler.takes(trace_id))
            .random(caller.is_none_or(TraceParent::is_random));
        if here.is_sampled() {
            Span::recording(here, caller.map(TraceParent::span_id), sending.queue.clone())
        } else {
            Span::passed_on(Some(here))
        }
    }

    /// Whether spans are sent at all.
    pub(crate) fn is_on(&self) -> bool {
        self.sending.is_some()
    }

    /// What became of the spans so far.
    pub(crate) fn counts(&self) -> TraceCounts {
        self.sending.as_ref().map(|sending| sending.queue.counts()).unwrap_or_default()
    }

    /// Sends what waits, no longer than about `limit`, then stops. What became of
    /// all spans: those still waiting could not be sent in time, and are lost.
    pub(crate) fn shutdown(&self, limit: Duration) -> TraceCounts {
        let Some(sending) = &self.sending else { return TraceCounts::default() };
        let ended = sending.queue.stop(limit);
        let exporter = || sending.exporter.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(exporter) = ended.then(exporter).flatten() {
            // It is past its last span. Its panic is no reason for one here.
            let _ = exporter.join();
        }
        sending.queue.counts()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.queue.stop(Duration::ZERO);
    }
}
