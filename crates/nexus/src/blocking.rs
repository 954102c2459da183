//! Threads for agents that block: one for each that is running, kept for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use nexus_agent::{InPlace, Ready, System, Worker};
use nexus_base::Rng;

use crate::clock::Clock;
use crate::locality::Locality;
use crate::worker;

/// Threads for blocking agents, at most; further agents wait for one to become
/// free. As many as tokio allows itself.
pub const BLOCKING_THREADS_MAX: usize = 512;

/// How long a thread waits for another agent before it ends.
const KEEP: Duration = Duration::from_secs(10);

/// The queue and the threads behind it.
#[derive(Clone, Default)]
pub(crate) struct BlockingPool {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    /// Notified when the last thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Ready>,
    threads: usize,
    idle: usize,
    stopping: bool,
    host: Option<Host>,
}

/// What a new thread needs.
#[derive(Clone)]
struct Host {
    system: Weak<System>,
    clock: Clock,
    runtime: tokio::runtime::Handle,
    locality: Arc<Locality>,
}

impl BlockingPool {
    /// Says whose agents these are, before the first one is run.
    pub(crate) fn host(
        &self,
        system: &Arc<System>,
        clock: Clock,
        runtime: tokio::runtime::Handle,
        locality: &Arc<Locality>,
    ) {
        let (system, locality) = (Arc::downgrade(system), locality.clone());
        self.shared.lock().host = Some(Host { system, clock, runtime, locality });
    }

    pub(crate) fn push(&self, ready: Ready) {
        let mut state = self.shared.lock();
        state.queue.push_back(ready);
        // A thread that was notified is idle until it has the lock: each waiting
        // agent needs one of its own, or it might wait behind one that blocks.
        if state.queue.len() <= state.idle {
            self.shared.work.notify_one();
        } else if state.threads < BLOCKING_THREADS_MAX && !state.stopping {
            self.add_thread(&mut state);
        }
    }

    /// Where the machine has no thread left, agents wait for those there are.
    fn add_thread(&self, state: &mut State) {
        let Some(host) = state.host.clone() else { return };
        let shared = self.shared.clone();
        let builder = std::thread::Builder::new()
            .name("nexus-blocking".to_owned())
            .stack_size(worker::STACK_BYTES);
        if builder.spawn(move || serve(&shared, host)).is_ok() {
            state.threads += 1;
        }
    }

    /// Threads there are at the moment.
    pub(crate) fn thread_count(&self) -> usize {
        self.shared.lock().threads
    }

    pub(crate) fn stop(&self) {
        self.shared.lock().stopping = true;
        self.shared.work.notify_all();
    }

    /// Forgets the agents that no thread has come to.
    pub(crate) fn end(&self) {
        let left = std::mem::take(&mut self.shared.lock().queue);
        drop(left);
    }

    /// Waits until every thread has ended; how many have not after `limit`.
    pub(crate) fn join(&self, limit: Duration) -> usize {
        let state = self.shared.lock();
        let ended = self.shared.ended.wait_timeout_while(state, limit, |state| state.threads > 0);
        ended.map_or(0, |(state, _)| state.threads)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next agent to run; `None` when the thread should end.
    fn next(&self) -> Option<Ready> {
        let mut state = self.lock();
        state.idle += 1;
        let waiting = |state: &mut State| state.queue.is_empty() && !state.stopping;
        let waited = self.work.wait_timeout_while(state, KEEP, waiting);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        if state.stopping { None } else { state.queue.pop_front() }
    }
}

fn serve(shared: &Shared, host: Host) {
    let _ended = Ended(shared);
    host.locality.settle_other();
    let Some(system) = host.system.upgrade() else { return };
    let _runtime = host.runtime.enter();
    let rng = Rng::new(host.clock.now().as_nanos());
    let worker = Worker::new(system, worker::spec(0, InPlace::Never), rng);
    while let Some(ready) = shared.next() {
        worker.run(host.clock.now(), ready);
    }
}

struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
        self.0.ended.notify_all();
    }
}
