//! Blocks of a trial served again in a simulator, with the layer and without.
//!
//! Absent on purpose: contexts that servers keep, and requests that were refused or
//! failed, of which nobody knows how much work they were: blocks with such are left out.

use std::sync::Arc;
use std::time::Duration;

use nexus_base::{Level, Rng, Time};
use nexus_coord::balance::{Arrival, LeastConnections, ServerIndex, Strategy};

use super::recorder::{Block, Served};
use crate::measure::{Objective, Shadow, ShadowBlock, figure};
use crate::proactive::{Scheduled, Speeds, WorkModel};
use crate::replay::{self, Request};

/// Blocks of a trial, taken along to be served again wherever there is time for it.
///
/// See [`PoolLayers::rehearsal`](super::PoolLayers::rehearsal).
pub struct Rehearsal<W> {
    pub(super) objective: Objective,
    pub(super) levels: [Level; 2],
    pub(super) blocks: Vec<Arc<Block>>,
    /// What schedules, with what it has learned of work; it has no servers.
    pub(super) scheduled: Scheduled<W, KnownSpeeds>,
}

impl<W: WorkModel + Clone + 'static> Rehearsal<W> {
    /// The layer that is measured.
    pub fn layer(&self) -> Level {
        self.levels[1]
    }

    /// Blocks of which everything is known.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Serves each block at both levels. Takes some milliseconds a block; the same blocks come to
    /// the same each time.
    pub fn replay(&self) -> Shadow {
        let mut shadow = Shadow::new();
        for block in &self.blocks {
            let measured = block.served.iter().map(|served| (served, Some(served.cost)));
            let Some(measured) = self.figure(block, measured) else { continue };
            let [off, on] = self.levels.map(|level| self.serve_again(block, level));
            let (Some(predicted_off), Some(predicted_on)) = (off, on) else { continue };
            let (arm, amounts) = (block.span.arm, "costs are amounts");
            shadow
                .record(ShadowBlock { arm, measured, predicted_off, predicted_on })
                .expect(amounts);
        }
        shadow
    }

    /// What the block costs at this level, by simulation.
    fn serve_again(&self, block: &Block, level: Level) -> Option<f64> {
        let mut served: Vec<&Served> = block.served.iter().collect();
        // They are there in the order in which they ended.
        served.sort_by_key(|served| served.request.at);
        // Served once before, so that it does not begin with idle servers.
        let before = served.iter().map(|served| served.request.clone());
        let requests: Vec<Request> =
            before.chain(served.iter().map(|served| later(served, block))).collect();
        let takes_s = |_: Time, server: usize, work_s: f64| work_s / block.speeds[server];
        let (servers, rng) = (block.speeds.len(), Rng::new(block.span.from.as_nanos()));
        let strategy = self.strategy(block, level);
        let again = replay::serve(&requests, servers, strategy, &takes_s, usize::MAX, rng);
        let costs = again.costs.into_iter().skip(served.len());
        self.figure(block, served.into_iter().zip(costs))
    }

    fn strategy(&self, block: &Block, level: Level) -> Box<dyn Strategy> {
        let speeds = match level {
            Level::Reactive => return Box::new(LeastConnections::default()),
            Level::Proactive => vec![1.0; block.speeds.len()],
            Level::Adaptive | Level::Emergent => block.speeds.clone(),
        };
        Box::new(self.scheduled.rehearsed(KnownSpeeds(speeds)))
    }

    /// The figure of those that count in the block.
    fn figure<'a>(
        &self,
        block: &Block,
        costs: impl Iterator<Item = (&'a Served, Option<Duration>)>,
    ) -> Option<f64> {
        let counted = costs.filter(|(served, _)| block.span.counts(served.request.at));
        figure(self.objective, counted.map(|(_, cost)| cost.unwrap_or(Duration::MAX)))
    }
}

/// The request as if it had come one length of the block later.
fn later(served: &Served, block: &Block) -> Request {
    let Request { at, arrival, work_s } = &served.request;
    let length = block.length();
    let deadline = arrival.deadline.after(length);
    let arrival = Arrival { deadline, ..arrival.clone() };
    Request { at: at.after(length), arrival, work_s: *work_s }
}

/// Speeds that are known and stay as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownSpeeds(Vec<f64>);

impl Speeds for KnownSpeeds {
    fn handle_joined(&mut self, _: ServerIndex) {}

    fn handle_served(&mut self, _: ServerIndex, _: f64, _: f64) {}

    fn speed(&self, server: ServerIndex) -> f64 {
        self.0[server.as_usize()]
    }
}
