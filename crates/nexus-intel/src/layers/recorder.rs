//! What was served in which block of a trial, kept to be served again.

use std::sync::Arc;
use std::time::Duration;

use nexus_base::{BoundedQueue, Level, Time};
use nexus_coord::balance::Arrival;

use crate::measure::Span;
use crate::replay::Request;

/// Blocks of each arm that are kept. A guess: twice what a replay needs to be believed.
const BLOCKS_MAX: usize = 20;
/// Requests of a block that are kept; blocks with more are not replayed. A guess: with
/// that many a block, some 4 MB of a pool, and a replay of all takes half a second.
const REQUESTS_MAX: usize = 1_000;

/// Keeps the blocks of a trial of which everything is known: every request that came
/// was served, and by whom and how long is known.
#[derive(Debug)]
pub(super) struct Recorder {
    now: Option<Block>,
    /// It is over, but requests that came in it may still be served.
    before: Option<Block>,
    /// Without the layer, and with it.
    done: [BoundedQueue<Arc<Block>>; 2],
}

/// What was served in a block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) span: Span,
    /// The level without the layer that is measured, and with it.
    pub(super) levels: [Level; 2],
    /// Work each server does in a second, as it was known when the block began.
    pub(super) speeds: Vec<f64>,
    pub(super) served: Vec<Served>,
    /// Requests that came, served or not.
    came: usize,
    /// When the next block began.
    until: Time,
}

/// A request that was served.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) request: Request,
    pub(super) cost: Duration,
}

impl Default for Recorder {
    fn default() -> Recorder {
        let done = [BoundedQueue::new(BLOCKS_MAX), BoundedQueue::new(BLOCKS_MAX)];
        Recorder { now: None, before: None, done }
    }
}

impl Recorder {
    /// Whether another block than the present one has begun.
    pub(super) fn is_over(&self, span: Option<Span>) -> bool {
        self.now.as_ref().map(|block| block.span) != span
    }

    /// Goes on to the block that begins at `now`, if anything is measured in it.
    pub(super) fn begin(
        &mut self,
        now: Time,
        span: Option<Span>,
        levels: [Level; 2],
        speeds: Vec<f64>,
    ) {
        if let Some(block) = self.before.take().filter(Block::is_whole) {
            self.done[block.span.arm as usize].push_evicting(Arc::new(block));
        }
        self.before = self.now.take().map(|block| Block { until: now, ..block });
        let begin =
            |span| Block { span, levels, speeds, served: Vec::new(), came: 0, until: Time::MAX };
        self.now = span.map(begin);
    }

    /// A request came at `at`.
    pub(super) fn handle_came(&mut self, at: Time) {
        if let Some(block) = self.block_of(at) {
            block.came += 1;
        }
    }

    /// What came as told was `work_s` of work, and cost so much.
    pub(super) fn handle_served(
        &mut self,
        at: Time,
        arrival: Arrival,
        work_s: f64,
        cost: Duration,
    ) {
        let Some(block) = self.block_of(at) else { return };
        if block.came <= REQUESTS_MAX {
            block.served.push(Served { request: Request { at, arrival, work_s }, cost });
        } else {
            block.served = Vec::new();
        }
    }

    /// The blocks of which everything is known, each arm from the oldest to the newest.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.done.iter().flatten()
    }

    fn block_of(&mut self, at: Time) -> Option<&mut Block> {
        let blocks = self.now.iter_mut().chain(&mut self.before);
        blocks.into_iter().find(|block| block.span.from <= at && at < block.until)
    }
}

impl Block {
    pub(super) fn length(&self) -> Duration {
        self.until.since(self.span.from)
    }

    fn is_whole(&self) -> bool {
        self.came > 0 && self.served.len() == self.came
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Arm;

    fn at(second: u64) -> Time {
        Time::from_nanos(second * 1_000_000_000)
    }

    /// A recorder in the first of blocks of ten seconds.
    fn recorder() -> Recorder {
        let mut recorder = Recorder::default();
        begin(&mut recorder, 0);
        recorder
    }

    fn begin(recorder: &mut Recorder, second: u64) {
        let span = Span { arm: Arm::On, from: at(second), counted: [at(second), at(second + 10)] };
        assert!(recorder.is_over(Some(span)));
        recorder.begin(at(second), Some(span), [Level::Reactive, Level::Adaptive], vec![1.0]);
        assert!(!recorder.is_over(Some(span)));
    }

    fn serve(recorder: &mut Recorder, came: u64) {
        recorder.handle_served(at(came), Arrival::new(1), 1.0, Duration::from_secs(2));
    }

    /// Requests of each block that is kept when two more blocks have begun.
    fn kept(mut recorder: Recorder) -> Vec<usize> {
        begin(&mut recorder, 20);
        begin(&mut recorder, 30);
        recorder.blocks().map(|block| block.served.len()).collect()
    }

    #[test]
    fn a_block_is_kept_once_all_that_came_in_it_was_served() {
        let mut recorder = recorder();
        [1, 9].into_iter().for_each(|second| recorder.handle_came(at(second)));
        serve(&mut recorder, 1);
        begin(&mut recorder, 10);
        serve(&mut recorder, 9);
        assert_eq!(recorder.blocks().count(), 0, "more of it may come to an end");
        assert_eq!(kept(recorder), [2]);
    }

    #[test]
    fn a_block_of_which_something_is_not_known_is_not_kept() {
        let mut recorder = recorder();
        [1, 9].into_iter().for_each(|second| recorder.handle_came(at(second)));
        serve(&mut recorder, 1);
        begin(&mut recorder, 10);
        assert!(kept(recorder).is_empty(), "one was refused, or is served still, or nobody came");
    }

    #[test]
    fn what_ends_after_its_block_was_let_go_belongs_to_no_other() {
        let mut recorder = recorder();
        recorder.handle_came(at(1));
        [10, 20].into_iter().for_each(|second| begin(&mut recorder, second));
        recorder.handle_came(at(21));
        serve(&mut recorder, 1);
        [30, 40].into_iter().for_each(|second| begin(&mut recorder, second));
        assert_eq!(recorder.blocks().count(), 0);
    }

    #[test]
    fn a_block_with_too_many_is_not_kept_and_takes_no_room() {
        let mut recorder = recorder();
        for _ in 0..REQUESTS_MAX + 1 {
            recorder.handle_came(at(1));
            serve(&mut recorder, 1);
        }
        assert_eq!(recorder.now.as_ref().map(|block| block.served.capacity()), Some(0));
        begin(&mut recorder, 10);
        assert!(kept(recorder).is_empty());
    }
}
