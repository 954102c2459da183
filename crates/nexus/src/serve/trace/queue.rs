//! Spans between the requests that made them and the thread that sends them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::TraceCounts;
use super::span::Record;

/// Spans that wait at most; further ones are dropped and counted. At some 600
/// bytes each 5 MiB; at 10,000 requests a second a collector may be away for
/// most of a second. A guess.
pub(crate) const QUEUE_MAX: usize = 8_192;

/// Spans sent at once at most: OpenTelemetry's own default.
pub(crate) const BATCH_MAX: usize = 512;

/// How long a span waits for others to be sent with. A guess: people who look at
/// traces do not notice, and a busy node fills its batches sooner.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// The queue, and what became of all that went through it.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    records: VecDeque<Record>,
    /// Handed to the exporter, which has not said yet what became of them.
    sending: u64,
    counts: TraceCounts,
    /// When the exporter has to end; `None` while it may go on.
    stop_at: Option<Instant>,
    ended: bool,
}

impl Queue {
    /// Takes a span in, or drops and counts it. Waits for nothing but the lock,
    /// under which nothing is done that takes time.
    pub(crate) fn push(&self, record: Record) {
        let mut state = self.lock();
        if state.records.len() == QUEUE_MAX || state.stop_at.is_some() {
            state.counts.dropped += 1;
            return;
        }
        state.records.push_back(record);
        let len = state.records.len();
        drop(state);
        // The exporter waits for the first, then for enough or for a while: waking
        // it for each would cost requests more than their spans do.
        if len == 1 || len == BATCH_MAX {
            self.changed.notify_all();
        }
    }

    /// The next spans to send; `None` when the exporter is to end.
    pub(crate) fn next_batch(&self) -> Option<Vec<Record>> {
        let empty = |state: &mut State| state.records.is_empty() && state.stop_at.is_none();
        let state = self.changed.wait_while(self.lock(), empty);
        let few = |state: &mut State| state.records.len() < BATCH_MAX && state.stop_at.is_none();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(state, BATCH_WAIT, few);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.stop_at.is_some_and(|stop_at| stop_at <= now()) {
            state.counts.dropped += state.records.len() as u64;
            state.records.clear();
        }
        let many = state.records.len().min(BATCH_MAX);
        let batch: Vec<Record> = state.records.drain(..many).collect();
        state.sending = many as u64;
        (many > 0).then_some(batch)
    }

    /// What became of the batch handed out last.
    pub(crate) fn settle(&self, sent: u64, failed: u64) {
        let mut state = self.lock();
        state.sending = 0;
        state.counts.sent += sent;
        state.counts.failed += failed;
    }

    /// Waits before another try; false if there is no time for one, since the
    /// exporter is to end.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let going_on = |state: &mut State| state.stop_at.is_none();
        let waited = self.changed.wait_timeout_while(self.lock(), pause, going_on);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stop_at.is_none()
    }

    /// How long a request to the collector may take, `limit` at most.
    pub(crate) fn time_left(&self, limit: Duration) -> Duration {
        let stop_at = self.lock().stop_at;
        stop_at.map_or(limit, |stop_at| stop_at.saturating_duration_since(now()).min(limit))
    }

    /// Takes in no more, and waits until the exporter has sent what there is, no
    /// longer than `limit`. Whether it has ended.
    pub(crate) fn stop(&self, limit: Duration) -> bool {
        let mut state = self.lock();
        if state.stop_at.is_none() {
            // A limit beyond what the clock can tell is one for ever; a year will do.
            const YEAR: Duration = Duration::from_secs(365 * 86_400);
            state.stop_at = Some(now() + limit.min(YEAR));
        }
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(state, limit, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// The exporter has ended, however that came.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.stop_at.get_or_insert_with(now);
        state.counts.dropped += state.records.len() as u64;
        state.records.clear();
        state.counts.failed += std::mem::take(&mut state.sending);
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn counts(&self) -> TraceCounts {
        let state = self.lock();
        TraceCounts { waiting: state.records.len() as u64 + state.sending, ..state.counts }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[allow(clippy::disallowed_methods, reason = "the exporter has no clock but the machine's")]
fn now() -> Instant {
    Instant::now()
}
