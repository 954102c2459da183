//! How long tokio's tasks take on a worker, and whether what they ask had better be queued.
//!
//! In place, handlers run in the turn of the tasks that ask, and tokio looks at its sockets
//! after so many turns. With handlers that take long a queue grows where nobody bounds it: of
//! requests that nobody has read, before any mailbox could be full and any deadline begin.
//! Seen with handlers of a millisecond at four times the load that could be served:
//! answers came six seconds late, and none was refused. Through the mailboxes requests are
//! read as they come, and limits hold.
//!
//! One long task says little, since the system may have taken the CPU away meanwhile.

use std::cell::Cell;
use std::time::Duration;

use nexus_base::Time;

/// A task that takes so long is long. A guess: ten times what a request over HTTP takes in
/// all, and a quarter of the time an agent keeps its worker for.
const LONG: Duration = Duration::from_micros(250);

/// What a long task adds to the score; a short one takes 1 away.
const SCORE_OF_LONG: u32 = 8;

/// The score at which tasks count as long: some in a row, or one in nine for a while.
const SCORE_MAX: u32 = 32;

/// How long asks are queued before the next is tried in place. A guess: with tasks of a
/// millisecond that is one in a hundred.
const QUEUES_FOR: Duration = Duration::from_millis(100);

/// A worker's memory of how long its tasks took.
#[derive(Default)]
pub(crate) struct Lengths {
    score: Cell<u32>,
    /// Until when tasks count as long.
    until: Cell<Time>,
}

impl Lengths {
    /// Whether tasks take long, as far as is known at `now`.
    pub(crate) fn are_long(&self, now: Time) -> bool {
        now < self.until.get()
    }

    /// Takes note of a task whose asks were answered in place.
    pub(crate) fn note(&self, begun: Time, ended: Time) {
        let score = self.score.get();
        if ended.since(begun) <= LONG {
            return self.score.set(score.saturating_sub(1));
        }
        let score = score + SCORE_OF_LONG;
        if score < SCORE_MAX {
            return self.score.set(score);
        }
        // The next long one is enough to go on.
        self.score.set(SCORE_MAX - SCORE_OF_LONG);
        self.until.set(ended.after(QUEUES_FOR));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes tasks of so many microseconds, one after the other; whether they count as long
    /// after each.
    fn check(lengths: &Lengths, now: &mut Time, tasks_us: &[u64]) -> Vec<bool> {
        let mut note = |us: &u64| {
            let begun = *now;
            *now = begun.after(Duration::from_micros(*us));
            lengths.note(begun, *now);
            lengths.are_long(*now)
        };
        tasks_us.iter().map(&mut note).collect()
    }

    #[test]
    fn some_long_tasks_in_a_row_count_until_a_while_later() {
        let (lengths, mut now) = (Lengths::default(), Time::ZERO);
        assert_eq!(check(&lengths, &mut now, &[900; 4]), [false, false, false, true]);
        now = now.after(QUEUES_FOR);
        assert!(!lengths.are_long(now));
        assert_eq!(check(&lengths, &mut now, &[900]), [true], "they still take long");
        now = now.after(QUEUES_FOR);
        assert_eq!(check(&lengths, &mut now, &[10; 30]), [false; 30]);
        assert_eq!(check(&lengths, &mut now, &[900]), [false], "they had become short");
    }

    #[test]
    fn a_cpu_taken_away_now_and_then_counts_for_nothing() {
        let (lengths, mut now) = (Lengths::default(), Time::ZERO);
        let mut tasks_us = [12; 10];
        tasks_us[9] = 4_000;
        for _ in 0..1_000 {
            assert_eq!(check(&lengths, &mut now, &tasks_us), [false; 10]);
        }
    }
}
