//! How loaded servers are in general, by recent probe answers.

use std::collections::VecDeque;

/// Answers remembered. Source: a guess; the paper says only "recent".
const ANSWERS_KEPT: usize = 64;

/// The share of servers that count as cold, 2^-0.25, in 1,000.
/// Source: the paper's choice in production.
const COLD_PER_MILLE: usize = 841;

/// The requests in flight that recent answers told, in order of size.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadWindow {
    recent: VecDeque<u32>,
    sorted: Vec<u32>,
}

impl LoadWindow {
    pub(super) fn push(&mut self, in_flight: u32) {
        if self.recent.len() == ANSWERS_KEPT
            && let Some(oldest) = self.recent.pop_front()
        {
            let place = self.sorted.partition_point(|&other| other < oldest);
            self.sorted.remove(place);
        }
        self.recent.push_back(in_flight);
        let place = self.sorted.partition_point(|&other| other < in_flight);
        self.sorted.insert(place, in_flight);
    }

    /// A server with more requests in flight than this is hot.
    pub(super) fn hot_above(&self) -> u32 {
        let rank = self.sorted.len() * COLD_PER_MILLE / 1_000;
        self.sorted.get(rank).copied().unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_over_recent_answers() {
        let mut window = LoadWindow::default();
        assert_eq!(window.hot_above(), u32::MAX);
        (0..1_000).for_each(|_| window.push(1_000));
        (0..100).rev().for_each(|load| window.push(load));
        // Kept are 0 to 63; rank 53 of them is 53.
        assert_eq!(window.hot_above(), 53);
    }
}
