//! The monitor: sees that nothing waits behind a long handler, or a long task of
//! tokio's: no agent while another worker could run it, no alarm at all.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use nexus_base::Time;

use crate::threads::{Seat, Threads};

/// How often the monitor looks: how long an agent may wait behind a handler
/// that does not yield while another worker sleeps.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks that found every worker asleep, after which it looks less often: each
/// look wakes a CPU.
const IDLE_LOOKS: u32 = 5;

/// How often it looks at a node without work.
const LOOK_EVERY_IDLE: Duration = Duration::from_millis(100);

/// Looks until `stop` is dropped.
pub(crate) fn watch(threads: &Arc<Threads>, stop: &Receiver<()>) {
    let mut runs_before: Vec<u64> = vec![0; threads.seats().len()];
    let mut idle_looks = 0u32;
    loop {
        let pause = if idle_looks > IDLE_LOOKS { LOOK_EVERY_IDLE } else { LOOK_EVERY };
        if stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        idle_looks = if threads.is_idle() { idle_looks.saturating_add(1) } else { 0 };
        look(threads, &mut runs_before);
    }
}

fn look(threads: &Threads, runs_before: &mut [u64]) {
    let mut stuck_with_work = None;
    for (index, (seat, before)) in threads.seats().iter().zip(runs_before).enumerate() {
        let runs = seat.runs.load(Ordering::Relaxed);
        let stuck = runs == *before;
        *before = runs;
        if stuck {
            // Deadlines of others are on its wheel: they hold all the same.
            threads.ring_alarms(index, due(seat, threads.clock().now()));
        }
        if stuck && seat.backlog() > 0 {
            stuck_with_work = Some(index);
        }
        if stuck && seat.backlog() > 0 || seat.backlog() >= threads.knobs().help_backlog() {
            threads.send_help(index);
        }
    }
    threads.note_stuck(stuck_with_work);
    threads.wake_another();
}

/// Until when the alarms of a worker that has run nothing are due. One that
/// sleeps rings them itself, unless tokio keeps it in a task: then they are late.
fn due(seat: &Seat, now: Time) -> Time {
    if seat.is_asleep() { Time::ZERO.after(now.since(Time::ZERO.after(LOOK_EVERY))) } else { now }
}
