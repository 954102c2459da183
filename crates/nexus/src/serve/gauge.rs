//! How busy workers and CPUs are, as Linux counts it in `/proc`.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use nexus_base::Time;

use super::balance::{Reading, WorkerReading};
use super::crew::Crew;
use crate::cpu_ticks::CpuTicks;
use crate::locality::affinity;
use crate::threads::{Seat, Threads};

/// A tick of the counts in `/proc/stat`, in nanoseconds: fixed by the kernel's
/// interface on every architecture Linux runs on today.
const TICK_NS: u64 = 10_000_000;

/// What was counted when it was last looked at.
pub(super) struct Gauge {
    /// A folder like `/proc`.
    proc: PathBuf,
    /// The CPUs that this process may use.
    cpus: BTreeSet<u32>,
    at: Time,
    idle_ticks: u64,
    workers: Vec<WorkerCount>,
}

/// What one worker has done since it began.
#[derive(Clone, Copy, Default)]
struct WorkerCount {
    cpu_ns: u64,
    /// Agents that its loop has run.
    runs: u64,
    /// Tasks that answer in place, entered and left.
    tasks: u64,
}

impl WorkerCount {
    /// Whether it was within one handler since `before`: of its loop's, which is not
    /// asleep then, or of one that a task runs in place, for which the loop sleeps.
    fn is_stuck(&self, before: &WorkerCount, seat: &Seat) -> bool {
        let in_loop = before.runs == self.runs && !seat.is_asleep();
        let in_place = before.tasks == self.tasks && self.tasks % 2 == 1;
        in_loop || in_place
    }
}

impl Gauge {
    /// `None` where the system does not tell.
    pub(super) fn new(proc: PathBuf, threads: &Threads, now: Time) -> Option<Gauge> {
        let cpus = affinity::allowed().ok()?;
        let workers = vec![WorkerCount::default(); threads.seats().len()];
        let mut gauge = Gauge { proc, cpus, at: now, idle_ticks: 0, workers };
        gauge.look(threads)?;
        Some(gauge)
    }

    /// What has been since the last time; `None` where the system does not tell.
    pub(super) fn read(&mut self, threads: &Threads, crew: &Crew, now: Time) -> Option<Reading> {
        let passed_ns = u64::try_from(now.since(self.at).as_nanos()).ok()?.max(1);
        let (idle_before, before) = (self.idle_ticks, self.workers.clone());
        self.at = now;
        self.look(threads)?;
        let share = |ns: u64| u32::try_from(ns.saturating_mul(1_000) / passed_ns);
        let idle_ticks = self.idle_ticks.saturating_sub(idle_before);
        let idle = share(idle_ticks.saturating_mul(TICK_NS)).unwrap_or(u32::MAX);
        let counts = before.iter().zip(&self.workers).zip(threads.seats()).enumerate();
        let workers = counts.map(|(worker, ((before, after), seat))| {
            let stuck = after.is_stuck(before, seat);
            let busy = share(after.cpu_ns.saturating_sub(before.cpu_ns)).unwrap_or(u32::MAX);
            WorkerReading {
                // A handler that waits without letting go keeps its worker as busy as
                // one that counts.
                busy: if stuck { 1_000 } else { busy.min(1_000) },
                stuck,
                connections: crew.connections(worker),
                backlog: seat.backlog(),
            }
        });
        Some(Reading { workers: workers.collect(), idle })
    }

    fn look(&mut self, threads: &Threads) -> Option<()> {
        let stat = read_to_string(self.proc.join("stat")).ok()?;
        self.idle_ticks = CpuTicks::read(&stat, &self.cpus)?.idle;
        for (count, seat) in self.workers.iter_mut().zip(threads.seats()) {
            *count = WorkerCount {
                cpu_ns: cpu_ns(&self.proc, seat)?,
                runs: seat.runs.load(Ordering::Relaxed),
                tasks: seat.tasks.load(Ordering::Relaxed),
            };
        }
        Some(())
    }
}

/// CPU time that a worker's thread has had.
fn cpu_ns(proc: &Path, seat: &Seat) -> Option<u64> {
    // It has yet to begin.
    let Some(thread) = seat.thread() else { return Some(0) };
    let file = format!("self/task/{thread}/schedstat");
    let text = read_to_string(proc.join(file)).ok()?;
    text.split_whitespace().next()?.parse().ok()
}
