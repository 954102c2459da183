//! Who is here: every agent of the node, found by kind and key.

use std::sync::PoisonError;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use nexus_base::AgentId;

use crate::raw::CellRef;
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A part of the table.
type Shard = HashTable<Entered>;

/// An agent in the table; `None` only while [`touched`] makes one.
struct Entered(Option<CellRef>);

impl std::ops::Deref for Entered {
    type Target = CellRef;

    #[inline]
    fn deref(&self) -> &CellRef {
        self.0.as_ref().expect("a table in use holds agents only")
    }
}

/// Parts of the table, each under its own lock and each owning one range of
/// ids. More parts mean less waiting and smaller copies when a part grows.
/// Measured 2026-11: 64 and 1,024 are no faster with two workers.
const SHARDS: usize = if cfg!(loom) { 1 } else { 256 };

/// Agents by id. A cell leaves the registry before it closes.
pub(crate) struct Registry {
    shards: Box<[RwLock<Shard>]>,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }

    /// Enters what `open` makes, unless somebody of that kind and key is there.
    /// `None` if the name is taken; `open` has not been called then.
    ///
    /// # Errors
    /// Those of `open`, which runs under the lock of the name: nobody is entered.
    pub(crate) fn enter<E>(
        &self,
        id: AgentId,
        kind: &str,
        key: &str,
        open: impl FnOnce() -> Result<CellRef, E>,
    ) -> Option<Result<CellRef, E>> {
        let mut shard = self.write(id);
        let same = |entered: &Entered| is(entered, id, kind, key);
        match shard.entry(id.low(), same, hash) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => Some(open().inspect(|cell| {
                vacant.insert(Entered(Some(cell.clone())));
            })),
        }
    }

    /// Makes room for `more` agents, in memory that has been touched; false if
    /// there is no memory for them.
    pub(crate) fn reserve(&self, more: usize) -> bool {
        // Ids are as good as random, so each part gets a binomial share: four
        // deviations above the mean hold for all but one part in 30,000.
        let mean = more.div_ceil(SHARDS);
        let share = mean + 4 * mean.isqrt();
        self.shards.iter().all(|shard| {
            let (len, capacity) = {
                let shard = lock_read(shard);
                (shard.len(), shard.capacity())
            };
            if capacity >= len + share {
                return true;
            }
            let Some(mut larger) = touched(len + share) else { return false };
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            if shard.capacity() >= larger.capacity() {
                return true;
            }
            for entered in shard.drain() {
                larger.insert_unique(hash(&entered), entered, hash);
            }
            *shard = larger;
            true
        })
    }

    /// The agent of that kind and key.
    #[inline]
    pub(crate) fn find(&self, id: AgentId, kind: &str, key: &str) -> Option<CellRef> {
        let shard = self.read(id);
        let entered = shard.find(id.low(), |entered| is(entered, id, kind, key))?;
        Some(CellRef::clone(entered))
    }

    /// The agent of that id, whatever its name.
    pub(crate) fn find_id(&self, id: AgentId) -> Option<CellRef> {
        let shard = self.read(id);
        shard.find(id.low(), |entered| entered.id() == id).map(|entered| CellRef::clone(entered))
    }

    /// Takes `cell` out, if it is in, and does with it what goes with its name:
    /// `leave` runs before anybody else can have that.
    pub(crate) fn remove<R>(&self, cell: &CellRef, leave: impl FnOnce() -> R) -> Option<R> {
        let mut shard = self.write(cell.id());
        let entry = shard.find_entry(cell.id().low(), |entered| entered.is(cell)).ok()?;
        let left = leave();
        entry.remove();
        Some(left)
    }

    /// Up to `limit` agents with ids above `after`, by rising id, that `wanted` accepts.
    ///
    /// Costs a sort of each of the shards it touches: a 256th of the agents for
    /// a small page.
    pub(crate) fn page(
        &self,
        after: Option<AgentId>,
        limit: usize,
        wanted: impl Fn(&CellRef) -> bool,
    ) -> Vec<CellRef> {
        let mut page = Vec::new();
        for shard in after.map_or(0, shard_of)..SHARDS {
            let mut found: Vec<CellRef> = {
                let shard = lock_read(&self.shards[shard]);
                let later = |cell: &&Entered| after.is_none_or(|after| cell.id() > after);
                let found = shard.iter().filter(|cell| later(cell) && wanted(cell));
                found.map(|cell| CellRef::clone(cell)).collect()
            };
            found.sort_unstable_by_key(|cell| cell.id());
            found.truncate(limit - page.len());
            page.append(&mut found);
            if page.len() == limit {
                break;
            }
        }
        page
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock_read(shard).len()).sum()
    }

    fn read(&self, id: AgentId) -> RwLockReadGuard<'_, Shard> {
        lock_read(&self.shards[shard_of(id)])
    }

    fn write(&self, id: AgentId) -> RwLockWriteGuard<'_, Shard> {
        self.shards[shard_of(id)].write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty table with room for `count`, whose memory has been touched; `None`
/// if there is none. Otherwise the first agents would each meet a page that
/// nobody has touched: a fresh table is spread over many.
fn touched(count: usize) -> Option<Shard> {
    let mut table = Shard::new();
    table.try_reserve(count, |_| 0).ok()?;
    // Hashes that visit the table from end to end, one for each of its cache
    // lines. Clearing forgets them, and keeps the memory.
    let places = table.capacity().next_power_of_two() as u64;
    for place in (0..places).step_by(ENTRIES_PER_LINE) {
        table.insert_unique(place, Entered(None), |_| 0);
    }
    table.clear();
    Some(table)
}

/// Entries on one cache line.
const ENTRIES_PER_LINE: usize = 64 / size_of::<Entered>();

/// What the table goes by. Ids are hashes already.
#[inline]
fn hash(entered: &Entered) -> u64 {
    entered.id().low()
}

fn lock_read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

/// Shards own ranges, so that pages in the order of ids touch one after the other.
#[inline]
fn shard_of(id: AgentId) -> usize {
    (id.high() >> 56) as usize * SHARDS / 256
}

#[inline]
fn is(cell: &CellRef, id: AgentId, kind: &str, key: &str) -> bool {
    cell.id() == id && cell.key() == key && cell.kind().name() == kind
}
