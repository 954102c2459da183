//! The thread that sends spans.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::collector::{Collector, Posted};
use super::otlp;
use super::queue::Queue;
use super::span::Record;

/// How long the collector may take for one batch: OpenTelemetry's own default.
const POST_LIMIT: Duration = Duration::from_secs(10);

/// How often one batch is tried; after that its spans count as failed.
const TRIES_MAX: u32 = 4;

/// The pause before the second try, doubled before each further one. A guess: a
/// collector that is started again is back after a few seconds.
const PAUSE: Duration = Duration::from_millis(500);

struct Exporter {
    queue: Arc<Queue>,
    collector: Collector,
    service: String,
    /// Whether the last batch failed: said in the log when it changes, not each time.
    failing: bool,
}

/// # Errors
/// If the system has no thread left.
pub(crate) fn start(
    queue: Arc<Queue>,
    collector: Collector,
    service: String,
) -> std::io::Result<JoinHandle<()>> {
    let mut exporter = Exporter { queue, collector, service, failing: false };
    std::thread::Builder::new().name("nexus-traces".to_owned()).spawn(move || {
        // Whatever happens, nobody waits for a thread that is gone.
        let _ended = Ended(exporter.queue.clone());
        while let Some(batch) = exporter.queue.next_batch() {
            exporter.send(&batch);
        }
    })
}

impl Exporter {
    fn send(&mut self, batch: &[Record]) {
        let many = batch.len() as u64;
        let body = otlp::encode(&self.service, batch);
        match self.deliver(&body) {
            Ok((rejected, reason)) => {
                let rejected = rejected.min(many);
                self.queue.settle(many - rejected, rejected);
                self.note(rejected > 0, &reason);
            }
            Err(reason) => {
                self.queue.settle(0, many);
                self.note(true, &reason);
            }
        }
    }

    /// Tries until the collector takes the batch, refuses it, or has been asked
    /// often enough. How many spans it rejected and why, or why it took none.
    fn deliver(&self, body: &[u8]) -> Result<(u64, String), String> {
        let mut pause = PAUSE;
        let mut tries = 1;
        loop {
            match self.collector.post(body, self.queue.time_left(POST_LIMIT)) {
                Posted::Taken { rejected, reason } => return Ok((rejected, reason)),
                Posted::Refused { reason } => return Err(reason),
                Posted::Later { reason, pause: asked } => {
                    if tries == TRIES_MAX || !self.queue.pause(asked.unwrap_or(pause)) {
                        return Err(reason);
                    }
                }
            }
            tries += 1;
            pause *= 2;
        }
    }

    fn note(&mut self, failing: bool, reason: &str) {
        let url = self.collector.url();
        match (self.failing, failing) {
            (false, true) => {
                tracing::warn!(target: "nexus", url, reason, "traces are lost: the collector does not take them");
            }
            (true, false) => {
                tracing::info!(target: "nexus", url, "the collector takes traces again")
            }
            _ => {}
        }
        self.failing = failing;
    }
}

struct Ended(Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}
