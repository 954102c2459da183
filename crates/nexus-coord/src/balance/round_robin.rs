//! Round robin: everyone in turn.

use nexus_base::Rng;

use super::{Arrival, Choice, ServerIndex, Strategy, StrategyName, View};

/// The candidates in turn, in order of their place; blind to load.
///
/// Remembers who came last, not a position, so that servers coming and going
/// neither skip nor repeat anyone else's turn.
#[derive(Clone, Debug, Default)]
pub struct RoundRobin {
    last: Option<ServerIndex>,
    /// Where in the candidates the next one stood when last looked.
    next: usize,
}

impl RoundRobin {
    /// Where in `candidates` the first one after `last` stands, or their end.
    fn position_after(&self, last: ServerIndex, candidates: &[ServerIndex]) -> usize {
        let unmoved = self.next > 0 && candidates.get(self.next - 1) == Some(&last);
        if unmoved { self.next } else { candidates.partition_point(|&server| server <= last) }
    }
}

impl Strategy for RoundRobin {
    fn name(&self) -> &'static str {
        StrategyName::RoundRobin.as_str()
    }

    fn pick(&mut self, view: &View<'_>, _: &Arrival, _: &mut Rng) -> Choice {
        let candidates = view.candidates();
        let position = self.last.map_or(0, |last| self.position_after(last, candidates));
        let position = if position < candidates.len() { position } else { 0 };
        self.next = position + 1;
        self.last = Some(candidates[position]);
        Choice::Server(candidates[position])
    }
}
