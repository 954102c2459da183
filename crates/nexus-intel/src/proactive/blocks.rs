//! Which blocks of context servers have read lately.
//!
//! A server that keeps what it computed of the first blocks of a context need not
//! read them again. What each keeps nobody tells the dispatcher; it knows what it
//! sent where, and that a server keeps so many blocks and forgets the one not
//! used for longest.

use std::collections::VecDeque;

use nexus_base::FixedMap;
use nexus_coord::balance::ServerIndex;

/// Blocks of one request that are looked at. A guess: half a million tokens.
pub const BLOCKS_LOOKED_AT_MAX: usize = 1024;

/// The blocks that one server keeps, at most so many; the one not used for
/// longest goes first.
///
/// ```
/// use nexus_intel::proactive::BlockCache;
///
/// let mut cache = BlockCache::new(3);
/// assert_eq!(cache.read(&[1, 2]), 0);
/// assert_eq!(cache.read(&[1, 2, 3]), 2, "two of three were there");
/// cache.read(&[7]);
/// assert_eq!(cache.read(&[1, 2, 3]), 2, "the last block of a context goes first");
/// ```
#[derive(Clone, Debug)]
pub struct BlockCache {
    blocks_max: usize,
    /// When each was used last, as a count of uses.
    used_at: FixedMap<u64, u64>,
    /// Uses in order; of one block only the last counts.
    uses: VecDeque<(u64, u64)>,
    use_count: u64,
}

impl BlockCache {
    /// One that keeps up to `blocks_max` blocks.
    pub fn new(blocks_max: usize) -> BlockCache {
        BlockCache { blocks_max, used_at: FixedMap::default(), uses: VecDeque::new(), use_count: 0 }
    }

    /// Reads a context: how many of its first blocks were there. All of it is
    /// there afterwards, as far as there is room.
    pub fn read(&mut self, blocks: &[u64]) -> usize {
        self.read_telling(blocks, |_, _| {})
    }

    /// As [`Self::read`]; `changed` is told of each block that came or went.
    fn read_telling(&mut self, blocks: &[u64], mut changed: impl FnMut(u64, bool)) -> usize {
        let blocks = &blocks[..blocks.len().min(BLOCKS_LOOKED_AT_MAX)];
        let known = blocks.iter().take_while(|block| self.used_at.contains_key(*block)).count();
        // The first is used last, so that of a context the end is forgotten first:
        // without its beginning it would be of no use.
        for &block in blocks.iter().rev() {
            if self.note_use(block) {
                changed(block, true);
            }
        }
        while self.used_at.len() > self.blocks_max {
            if let Some(block) = self.forget_one() {
                changed(block, false);
            }
        }
        self.compact();
        known
    }

    fn size_bytes(&self) -> usize {
        (self.used_at.len() + self.uses.capacity()) * size_of::<(u64, u64)>()
    }

    /// Whether the block is new here.
    fn note_use(&mut self, block: u64) -> bool {
        self.use_count += 1;
        self.uses.push_back((block, self.use_count));
        self.used_at.insert(block, self.use_count).is_none()
    }

    fn forget_one(&mut self) -> Option<u64> {
        let (block, at) = self.uses.pop_front()?;
        let is_last_use = self.used_at.get(&block) == Some(&at);
        if is_last_use {
            self.used_at.remove(&block);
        }
        is_last_use.then_some(block)
    }

    /// Uses that no longer count are dropped before they outnumber the others.
    fn compact(&mut self) {
        if self.uses.len() > 2 * self.used_at.len() + BLOCKS_LOOKED_AT_MAX {
            let used_at = &self.used_at;
            self.uses.retain(|(block, at)| used_at.get(block) == Some(at));
        }
    }
}

/// What all servers are thought to keep.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    blocks_max: usize,
    caches: Vec<BlockCache>,
    /// Which servers keep a block, one bit for each.
    keepers: FixedMap<u64, Vec<u64>>,
    /// Scratch: the servers that keep all blocks looked at so far.
    alive: Vec<u64>,
}

impl Blocks {
    /// For servers that keep `blocks_max` blocks each; zero where they keep none.
    pub(super) fn new(blocks_max: usize) -> Blocks {
        let (caches, keepers, alive) = (Vec::new(), FixedMap::default(), Vec::new());
        Blocks { blocks_max, caches, keepers, alive }
    }

    /// `server` is new and keeps nothing.
    pub(super) fn handle_joined(&mut self, server: ServerIndex) {
        let seat = server.as_usize();
        while self.caches.len() <= seat {
            self.caches.push(BlockCache::new(self.blocks_max));
        }
        let before = std::mem::replace(&mut self.caches[seat], BlockCache::new(self.blocks_max));
        for (block, _) in before.uses {
            note(&mut self.keepers, block, seat, false);
        }
    }

    /// Bytes on the heap, but for what tables add to their entries.
    pub(super) fn size_bytes(&self) -> usize {
        let words: usize = self.alive.len().max(1) * size_of::<u64>();
        let caches: usize = self.caches.iter().map(BlockCache::size_bytes).sum();
        caches + self.keepers.len() * (size_of::<(u64, Vec<u64>)>() + words)
    }

    /// A request with these blocks goes to `server`: how many of its first ones
    /// are thought to be there.
    pub(super) fn handle_sent(&mut self, server: ServerIndex, blocks: &[u64]) -> usize {
        if self.blocks_max == 0 {
            return 0;
        }
        let (seat, keepers) = (server.as_usize(), &mut self.keepers);
        self.caches[seat]
            .read_telling(blocks, |block, is_there| note(keepers, block, seat, is_there))
    }

    /// How many of the first `blocks` each server is thought to keep, by seat.
    pub(super) fn known(&mut self, blocks: &[u64], known: &mut Vec<u32>) {
        known.clear();
        known.resize(self.caches.len(), 0);
        self.alive.clear();
        self.alive.resize(self.caches.len().div_ceil(64), u64::MAX);
        for block in blocks.iter().take(BLOCKS_LOOKED_AT_MAX) {
            let Some(keepers) = self.keepers.get(block) else { return };
            let mut is_any_alive = false;
            for (word, alive) in self.alive.iter_mut().enumerate() {
                *alive &= keepers.get(word).copied().unwrap_or(0);
                is_any_alive |= *alive != 0;
                each_bit(*alive, |bit| known[word * 64 + bit] += 1);
            }
            if !is_any_alive {
                return;
            }
        }
    }
}

/// Notes whether the server of this seat keeps `block`.
fn note(keepers: &mut FixedMap<u64, Vec<u64>>, block: u64, seat: usize, is_there: bool) {
    let (word, bit) = (seat / 64, 1 << (seat % 64));
    if is_there {
        let bits = keepers.entry(block).or_default();
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= bit;
    } else if let Some(bits) = keepers.get_mut(&block) {
        if let Some(word) = bits.get_mut(word) {
            *word &= !bit;
        }
        if bits.iter().all(|&word| word == 0) {
            keepers.remove(&block);
        }
    }
}

fn each_bit(mut bits: u64, mut f: impl FnMut(usize)) {
    while bits != 0 {
        f(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(blocks: &mut Blocks, asked: &[u64]) -> Vec<u32> {
        let mut known = Vec::new();
        blocks.known(asked, &mut known);
        known
    }

    #[test]
    fn what_was_sent_where_is_known() {
        let mut blocks = Blocks::new(4);
        let [first, second] = [0, 1].map(ServerIndex::new);
        [first, second].into_iter().for_each(|server| blocks.handle_joined(server));
        assert_eq!(blocks.handle_sent(first, &[1, 2, 3]), 0);
        assert_eq!(blocks.handle_sent(second, &[1, 9]), 0);
        assert_eq!(known(&mut blocks, &[1, 2, 4]), [2, 1]);
        assert_eq!(known(&mut blocks, &[2, 1]), [2, 0], "only from the first on");
        assert_eq!(blocks.handle_sent(first, &[1, 5, 6]), 1);
        assert_eq!(known(&mut blocks, &[1, 2, 3]), [2, 1], "the one unused for longest is gone");
        blocks.handle_joined(first);
        assert_eq!(known(&mut blocks, &[1, 2, 3]), [0, 1], "a new server keeps nothing");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut blocks = Blocks::new(100);
        blocks.handle_joined(ServerIndex::new(0));
        for start in 0..10_000 {
            blocks.handle_sent(ServerIndex::new(0), &[start, start + 1, start + 2]);
        }
        let cache = &blocks.caches[0];
        assert_eq!((cache.used_at.len(), blocks.keepers.len()), (100, 100));
        assert!(cache.uses.len() <= 2 * 100 + BLOCKS_LOOKED_AT_MAX);
    }

    #[test]
    fn where_nothing_is_kept_nothing_is_known() {
        let mut blocks = Blocks::new(0);
        blocks.handle_joined(ServerIndex::new(0));
        assert_eq!(blocks.handle_sent(ServerIndex::new(0), &[1, 2]), 0);
        assert_eq!(known(&mut blocks, &[1, 2]), [0]);
    }
}
