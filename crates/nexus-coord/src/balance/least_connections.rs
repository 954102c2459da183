//! Least connections: the server with the fewest requests of ours in flight.

use nexus_base::Rng;

use super::count_index::CountIndex;
use super::{Arrival, Choice, Finished, ServerIndex, Strategy, StrategyName, Ticket, View};

/// Exactly the shortest in-flight count over all candidates, ties broken
/// uniformly.
///
/// An index keeps the candidates in order of their count, so a decision costs
/// the same for ten or ten thousand. A server that fails fast attracts requests;
/// taking failing servers out of the pool is the driver's part.
#[derive(Clone, Debug, Default)]
pub struct LeastConnections {
    index: CountIndex,
}

impl Strategy for LeastConnections {
    fn name(&self) -> &'static str {
        StrategyName::LeastConnections.as_str()
    }

    fn pick(&mut self, _: &View<'_>, _: &Arrival, rng: &mut Rng) -> Choice {
        let tied = self.index.least();
        Choice::Server(tied[rng.below(tied.len() as u64) as usize])
    }

    fn handle_joined(&mut self, _: &View<'_>, server: ServerIndex) {
        self.index.insert(server);
    }

    fn handle_left(&mut self, _: &View<'_>, server: ServerIndex) {
        self.index.remove(server);
    }

    fn handle_sent(&mut self, _: &View<'_>, server: ServerIndex, _: Ticket, _: &Arrival) {
        self.index.increment(server);
    }

    fn handle_finished(&mut self, _: &View<'_>, server: ServerIndex, _: &Finished) {
        self.index.decrement(server);
    }
}
