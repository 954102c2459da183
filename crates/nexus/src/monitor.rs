//! The monitor: sees that nothing waits behind a long handler, or a long task of
//! tokio's: no agent while another worker could run it, no alarm at all. It has the log
//! tell what was left out, too, and looks whether sensors are to be read: nobody else looks
//! as often.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use nexus_base::Time;

use crate::reactive::feed::Feed;
use crate::threads::{Seat, Threads};

/// How often the monitor looks: how long an agent may wait behind a handler
/// that does not yield while another worker sleeps.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks that found every worker asleep, after which it looks less often: each
/// look wakes a CPU.
const IDLE_LOOKS: u32 = 5;

/// How often it looks at a node without work.
const LOOK_EVERY_IDLE: Duration = Duration::from_millis(100);

/// How long agents wait on a worker, at which another one that sleeps takes some of
/// them. A guess: ten times what it takes to wake a CPU.
const LONG_WAIT: Duration = Duration::from_millis(1);

/// Looks in a row that must find a wait that long: agents come in bursts.
const STREAK: u32 = 2;

/// What the monitor remembers of a worker.
#[derive(Clone, Default)]
struct Seen {
    /// Agents it had run.
    runs: u64,
    /// Looks in a row that found agents waiting for long.
    long_waits: u32,
}

/// Looks until `stop` is dropped, and has the feed look, too, if there is one.
pub(crate) fn watch(threads: &Arc<Threads>, mut feed: Option<Feed>, stop: &Receiver<()>) {
    let mut workers = vec![Seen::default(); threads.seats().len()];
    let mut idle_looks = 0u32;
    loop {
        let pause = if idle_looks > IDLE_LOOKS { LOOK_EVERY_IDLE } else { LOOK_EVERY };
        if stop.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        idle_looks = if threads.is_idle() { idle_looks.saturating_add(1) } else { 0 };
        look(threads, &mut workers, pause);
        let now = threads.clock().now();
        threads.events.lines.tell_rest(now);
        if let Some(feed) = &mut feed {
            feed.look(now);
        }
    }
}

/// Looks at all workers, `passed` after the look before.
fn look(threads: &Threads, workers: &mut [Seen], passed: Duration) {
    let mut stuck_with_work = None;
    for (index, (seat, seen)) in threads.seats().iter().zip(workers).enumerate() {
        let (runs, backlog) = (seat.runs.load(Ordering::Relaxed), seat.backlog());
        let done = runs.wrapping_sub(seen.runs);
        seen.runs = runs;
        if done == 0 {
            // Deadlines of others are on its wheel: they hold all the same.
            threads.ring_alarms(index, due(seat, threads.clock().now()));
        }
        let stuck = done == 0 && backlog > 0;
        if stuck {
            stuck_with_work = Some(index);
        }
        let waits_long = wait(backlog, done, passed) >= LONG_WAIT;
        seen.long_waits = if waits_long { seen.long_waits + 1 } else { 0 };
        let always_waits = seen.long_waits >= STREAK;
        if stuck || always_waits || backlog >= threads.knobs().help_backlog() {
            threads.send_help(index);
        }
    }
    threads.note_stuck(stuck_with_work);
    threads.wake_another();
}

/// How long the last of `backlog` agents waits for a worker that has run `done` in the
/// time that `passed`.
fn wait(backlog: usize, done: u64, passed: Duration) -> Duration {
    let passed_ns = passed.as_nanos() as u64;
    Duration::from_nanos(passed_ns.saturating_mul(backlog as u64) / done.max(1))
}

/// Until when the alarms of a worker that has run nothing are due. One that
/// sleeps rings them itself, unless tokio keeps it in a task: then they are late.
fn due(seat: &Seat, now: Time) -> Time {
    if seat.is_asleep() { Time::ZERO.after(now.since(Time::ZERO.after(LOOK_EVERY))) } else { now }
}
