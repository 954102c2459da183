//! The agents of one node while it runs: their system, and what it runs on.

use std::sync::Arc;

use nexus_agent::{InPlace, System, Worker, WorkerSpec};
use nexus_base::{IdSecret, Rng, Time};

use super::kinds::Kinds;
use crate::TraceHash;
use crate::builder::Builder;
use crate::driver::{Next, SimDriver};
use crate::trace::Detail;

/// Stack that handlers nested by asks in place may take.
const STACK_BYTES_MAX: usize = 256 * 1_024;

/// The agents of one node.
pub(crate) struct Agents {
    pub(crate) system: Arc<System>,
    driver: Arc<SimDriver>,
    worker: Worker,
}

impl Agents {
    /// Nobody yet, on a node whose clock shows `now`.
    pub(crate) fn start(kinds: &Kinds, secret: IdSecret, now: Time, rng: &Rng) -> Agents {
        // What messages contain is in the inputs of nodes already.
        let detail = Detail { contents: false, records: false };
        let driver = Arc::new(SimDriver::new(&Builder { detail, ..Builder::new(0) }, rng));
        driver.move_to(now);
        let system = System::new(driver.clone(), secret, 1);
        kinds.register(&system);
        let here = 0u8;
        let here = std::ptr::from_ref(std::hint::black_box(&here)).addr();
        let spec = WorkerSpec {
            shard: 1,
            in_place: InPlace::Asked,
            messages_per_run: 1,
            checks_waits: true,
            stack_floor: here.saturating_sub(STACK_BYTES_MAX),
        };
        let worker = Worker::new(system.clone(), spec, rng.fork("worker"));
        Agents { system, driver, worker }
    }

    /// Moves the clock on.
    pub(crate) fn move_to(&self, now: Time) {
        self.driver.move_to(now);
    }

    /// Gives turns to all who are ready, and rings what is due, until there is nothing more
    /// to do at this moment; whether there was anything.
    ///
    /// # Panics
    /// If a handler awaits what the world does not own, or they never come to rest.
    pub(crate) fn run(&self) -> bool {
        let now = self.driver.time();
        let mut ran = false;
        loop {
            match self.driver.next(now) {
                Next::Turn(ready) => self.worker.run(now, ready),
                Next::Ring(alarm) => alarm.ring(),
                Next::Nothing => break,
                Next::Input(number) => unreachable!("input {number} of nobody"),
                Next::Stuck(events) => panic!("agents do not rest after {events} events"),
            }
            ran = true;
        }
        if let Some(trouble) = self.driver.take_trouble() {
            panic!("{trouble}");
        }
        ran
    }

    /// When the first alarm rings.
    pub(crate) fn next_alarm(&self) -> Option<Time> {
        self.driver.next_due()
    }

    /// All that they did, as one number.
    pub(crate) fn trace_hash(&self) -> TraceHash {
        self.driver.with_trace(|trace| trace.hash())
    }
}

impl Drop for Agents {
    /// Ends every agent. Nobody who is ready has a turn any more.
    fn drop(&mut self) {
        self.driver.close();
        self.system.close_all(&self.worker);
        self.driver.drain();
    }
}
