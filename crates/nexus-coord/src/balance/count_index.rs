//! Servers in order of a small count, kept in order as counts step up and down.

use super::ServerIndex;

/// Where a server that is not in the index stands.
const ABSENT: u32 = u32::MAX;

/// Servers sorted by count. A step by one swaps a server with the one at its
/// bucket's edge and moves the edge: constant time, no search.
///
/// Inserting and removing take time proportional to the highest count.
#[derive(Clone, Debug, Default)]
pub(super) struct CountIndex {
    /// Servers by ascending count.
    order: Vec<ServerIndex>,
    /// Where in `order` each server stands, or [`ABSENT`].
    places: Vec<u32>,
    /// Each server's count.
    counts: Vec<u32>,
    /// `starts[count]` is where in `order` servers with at least `count` begin;
    /// long enough to hold the highest count plus one.
    starts: Vec<u32>,
}

impl CountIndex {
    /// All servers with the lowest count; empty only if the index is.
    pub(super) fn least(&self) -> &[ServerIndex] {
        match self.order.first() {
            None => &[],
            Some(&first) => &self.order[..self.bucket_end(self.count(first))],
        }
    }

    /// The count of a server in the index.
    pub(super) fn count(&self, server: ServerIndex) -> u32 {
        self.counts[server.as_usize()]
    }

    /// Puts `server` in with count zero.
    pub(super) fn insert(&mut self, server: ServerIndex) {
        self.make_room_for(server);
        debug_assert_eq!(self.places[server.as_usize()], ABSENT);
        let last = self.order.len();
        self.order.push(server);
        self.places[server.as_usize()] = last as u32;
        // It enters above everyone and steps down to zero.
        self.counts[server.as_usize()] = self.starts.len() as u32;
        self.starts.push(last as u32);
        while self.count(server) > 0 {
            self.decrement(server);
        }
        self.drop_empty_counts();
    }

    /// Takes `server` out.
    pub(super) fn remove(&mut self, server: ServerIndex) {
        // It steps up until it stands last.
        while self.places[server.as_usize()] as usize + 1 < self.order.len() {
            self.increment(server);
        }
        self.drop_empty_counts();
        let last = self.order.pop();
        debug_assert_eq!(last, Some(server));
        self.places[server.as_usize()] = ABSENT;
        self.drop_empty_counts();
    }

    /// One more.
    pub(super) fn increment(&mut self, server: ServerIndex) {
        let count = self.count(server) as usize + 1;
        if count == self.starts.len() {
            self.starts.push(self.order.len() as u32);
        }
        let edge = self.starts[count] - 1;
        self.swap_to(server, edge);
        self.starts[count] = edge;
        self.counts[server.as_usize()] = count as u32;
    }

    /// One less.
    pub(super) fn decrement(&mut self, server: ServerIndex) {
        let count = self.count(server) as usize;
        assert!(count > 0, "a count never goes below zero");
        let edge = self.starts[count];
        self.swap_to(server, edge);
        self.starts[count] = edge + 1;
        self.counts[server.as_usize()] = count as u32 - 1;
    }

    /// Where in `order` the servers with `count` or less end.
    fn bucket_end(&self, count: u32) -> usize {
        match self.starts.get(count as usize + 1) {
            Some(&end) => end as usize,
            None => self.order.len(),
        }
    }

    fn swap_to(&mut self, server: ServerIndex, place: u32) {
        let from = self.places[server.as_usize()];
        let other = self.order[place as usize];
        self.order.swap(from as usize, place as usize);
        self.places[other.as_usize()] = from;
        self.places[server.as_usize()] = place;
    }

    fn make_room_for(&mut self, server: ServerIndex) {
        let seats = server.as_usize() + 1;
        if self.places.len() < seats {
            self.places.resize(seats, ABSENT);
            self.counts.resize(seats, 0);
        }
        if self.starts.is_empty() {
            self.starts.push(0);
        }
    }

    /// Counts nobody reaches any more are forgotten, so that the index is as
    /// small as the highest count present.
    fn drop_empty_counts(&mut self) {
        while self.starts.len() > 1 && self.starts.last() == Some(&(self.order.len() as u32)) {
            self.starts.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::proptest;
    use proptest::test_runner::{Config, RngSeed};

    use super::*;

    /// The index against counts kept in a plain table.
    fn check(index: &CountIndex, counts: &[Option<u32>]) {
        let lowest = counts.iter().flatten().min();
        let is_least =
            |place: &usize| counts[*place].is_some() && counts[*place].as_ref() == lowest;
        let expected: Vec<_> = (0..counts.len()).filter(is_least).collect();
        let mut least: Vec<_> = index.least().iter().map(|server| server.as_usize()).collect();
        least.sort_unstable();
        assert_eq!(least, expected);
    }

    proptest! {
        #![proptest_config(Config {
            rng_seed: RngSeed::Fixed(4), failure_persistence: None, ..Config::default()
        })]

        #[test]
        fn the_least_are_the_least(
            steps in proptest::collection::vec((0..12usize, 0..8u8), 1..200),
        ) {
            let mut index = CountIndex::default();
            let mut counts = [None; 12];
            for (place, step) in steps {
                let server = ServerIndex::new(place as u32);
                match (counts[place], step) {
                    (None, _) => {
                        index.insert(server);
                        counts[place] = Some(0);
                    }
                    (Some(_), 0) => {
                        index.remove(server);
                        counts[place] = None;
                    }
                    (Some(count), 1..=4) => {
                        index.increment(server);
                        counts[place] = Some(count + 1);
                    }
                    (Some(count), _) if count > 0 => {
                        index.decrement(server);
                        counts[place] = Some(count - 1);
                    }
                    _ => {}
                }
                check(&index, &counts);
            }
        }
    }

    #[test]
    fn a_peak_is_forgotten_when_its_server_leaves() {
        let mut index = CountIndex::default();
        let [first, second] = [0, 1].map(ServerIndex::new);
        index.insert(first);
        index.insert(second);
        (0..1_000).for_each(|_| index.increment(first));
        index.remove(first);
        assert_eq!(index.starts.len(), 1);
        assert_eq!(index.least(), [second]);
    }
}
