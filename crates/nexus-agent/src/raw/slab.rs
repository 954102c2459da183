//! Where the cells of one kind lie: side by side, each beginning its own cache
//! line, in huge pages once there are many.
//!
//! A million cells from the general allocator straddle lines and spread over
//! small pages, so that asking a random one misses the cache three times and
//! the page table once more. Here it misses once, and making them touches a
//! five-hundredth of the pages.
//!
//! Memory of cells that are gone serves the next ones of the kind; it returns
//! to the system with the kind.
//!
//! A machine whose memory is in several places ("NUMA nodes") may have an arena
//! for each. The system places a page where it is first touched, so an arena is
//! local to those who make agents in it, or who [`Slab::reserve`] for them; a
//! freed cell goes back to the arena it came from.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use memmap2::{Advice, MmapMut};

/// Cells begin a cache line, so that two workers never share one.
const LINE_BYTES: usize = 64;

/// The first chunk of a kind; each further one is twice as large.
const CHUNK_BYTES_MIN: usize = 4 << 10;

/// From this size on chunks are mapped, in huge pages where the system has some.
const CHUNK_BYTES_MAPPED: usize = 2 << 20;

/// Chunks grow no further: eight huge pages.
const CHUNK_BYTES_MAX: usize = 16 << 20;

/// Memory for cells of one size.
pub(crate) struct Slab {
    stride: usize,
    align: usize,
    arenas: Box<[Mutex<Arena>]>,
}

struct Arena {
    /// Cells given back.
    free: *mut Free,
    /// The rest of the newest chunk.
    next: *mut u8,
    left: usize,
    chunk_bytes: usize,
    /// Every chunk in use, by where it begins.
    chunks: BTreeMap<usize, Chunk>,
    /// Chunks made ready by [`Slab::reserve`], to be used next.
    ready: Vec<Chunk>,
}

struct Free {
    next: *mut Free,
}

/// Owns the memory that the pointers above point into.
enum Chunk {
    Heap(NonNull<u8>, Layout),
    Mapped(MmapMut),
}

// SAFETY: the pointers are to memory that the arena owns.
unsafe impl Send for Arena {}

impl Slab {
    /// An empty slab for cells of `layout`, in that many arenas.
    pub(crate) fn new(layout: Layout, arenas: usize) -> Slab {
        let align = layout.align().max(LINE_BYTES);
        let line = Layout::from_size_align(layout.size(), align);
        let stride =
            line.expect("a cell is much smaller than the address space").pad_to_align().size();
        // One cell more aligned than a page is more than any type asks for.
        assert!(
            layout.align() <= CHUNK_BYTES_MIN,
            "agents aligned beyond a page are not supported"
        );
        let arenas = (0..arenas.max(1)).map(|_| Mutex::new(Arena::new(stride))).collect();
        Slab { stride, align, arenas }
    }

    /// Bytes one cell takes.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Memory for one cell in `arena`, uninitialised.
    pub(super) fn take(&self, arena: usize) -> NonNull<u8> {
        if cfg!(any(loom, miri, nexus_no_pool)) {
            return allocate(self.single());
        }
        let mut arena = self.lock(arena);
        if let Some(free) = NonNull::new(arena.free) {
            // SAFETY: listed cells hold a `Free` written by `give`.
            arena.free = unsafe { free.as_ref().next };
            return free.cast();
        }
        if arena.left < self.stride {
            arena.grow();
        }
        let cell = NonNull::new(arena.next).expect("the chunk has room");
        // SAFETY: `left` bytes of the chunk lie from `next` on, at least a stride.
        arena.next = unsafe { arena.next.add(self.stride) };
        arena.left -= self.stride;
        cell
    }

    /// Takes back the memory of a cell.
    ///
    /// # Safety
    /// `cell` came from this slab and nobody uses it any more.
    pub(super) unsafe fn give(&self, cell: NonNull<u8>) {
        if cfg!(any(loom, miri, nexus_no_pool)) {
            // SAFETY: `take` allocated it so.
            return unsafe { dealloc(cell.as_ptr(), self.single()) };
        }
        let mut arena = self.arena_of(cell);
        let free: NonNull<Free> = cell.cast();
        // SAFETY: a cell is larger than a pointer, aligned to a line, and ours.
        unsafe { free.write(Free { next: arena.free }) };
        arena.free = free.as_ptr();
    }

    /// The arena that `cell` lies in.
    fn arena_of(&self, cell: NonNull<u8>) -> MutexGuard<'_, Arena> {
        let last = self.arenas.len() - 1;
        for index in 0..last {
            let arena = self.lock(index);
            if arena.holds(cell) {
                return arena;
            }
        }
        self.lock(last)
    }

    /// Makes room for `cells` more in `arena`, all of it touched by this
    /// thread; freed cells are not counted on. How many bytes that took.
    ///
    /// Others make cells meanwhile: nothing is locked while pages are touched.
    ///
    /// # Errors
    /// What the system said. Room that had been made by then stays.
    pub(crate) fn reserve(&self, arena: usize, cells: usize) -> std::io::Result<usize> {
        if cfg!(any(loom, miri, nexus_no_pool)) {
            return Ok(0);
        }
        let arena = arena.min(self.arenas.len() - 1);
        let mut missing = cells.saturating_sub(self.lock(arena).room(self.stride));
        let mut bytes = 0usize;
        while missing > 0 {
            let wanted = missing.saturating_mul(self.stride).min(CHUNK_BYTES_MAX);
            let unit =
                if wanted < CHUNK_BYTES_MAPPED { CHUNK_BYTES_MIN } else { CHUNK_BYTES_MAPPED };
            let chunk = Chunk::touched(wanted.max(self.stride).next_multiple_of(unit))?;
            bytes += chunk.bytes();
            missing = missing.saturating_sub(chunk.bytes() / self.stride);
            self.lock(arena).ready.push(chunk);
        }
        Ok(bytes)
    }

    fn lock(&self, arena: usize) -> MutexGuard<'_, Arena> {
        self.arenas[arena].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn single(&self) -> Layout {
        Layout::from_size_align(self.stride, self.align).expect("checked when the slab was made")
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: callers ask for at least a line.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Arena {
    fn new(stride: usize) -> Arena {
        Arena {
            free: null_mut(),
            next: null_mut(),
            left: 0,
            chunk_bytes: CHUNK_BYTES_MIN.max(stride),
            chunks: BTreeMap::new(),
            ready: Vec::new(),
        }
    }

    /// Cells there is room for without another chunk.
    fn room(&self, stride: usize) -> usize {
        let ready: usize = self.ready.iter().map(|chunk| chunk.bytes() / stride).sum();
        self.left / stride + ready
    }

    /// Whether `cell` lies in one of the chunks.
    fn holds(&self, cell: NonNull<u8>) -> bool {
        let at = cell.addr().get();
        let below = self.chunks.range(..=at).next_back();
        below.is_some_and(|(start, chunk)| at - start < chunk.bytes())
    }

    /// Begins another chunk. What is left of the last one stays unused.
    fn grow(&mut self) {
        let mut chunk = self.ready.pop().unwrap_or_else(|| {
            let bytes = self.chunk_bytes;
            self.chunk_bytes = (bytes * 2).min(CHUNK_BYTES_MAX).max(bytes);
            Chunk::new(bytes)
        });
        self.next = chunk.start();
        self.left = chunk.bytes();
        self.chunks.insert(self.next.addr(), chunk);
    }
}

impl Chunk {
    /// A chunk whose pages nobody has touched.
    fn new(bytes: usize) -> Chunk {
        let mapped = (bytes >= CHUNK_BYTES_MAPPED).then(|| MmapMut::map_anon(bytes).ok()).flatten();
        match mapped {
            Some(map) => {
                Chunk::advise_huge(&map);
                Chunk::Mapped(map)
            }
            None => Chunk::heap(bytes),
        }
    }

    /// A chunk whose every page this thread has touched, so that it lies near
    /// this thread's CPU and needs no more from the system.
    fn touched(bytes: usize) -> std::io::Result<Chunk> {
        if bytes < CHUNK_BYTES_MAPPED {
            let mut chunk = Chunk::heap(bytes);
            // SAFETY: the chunk is `bytes` long, and nobody else has seen it.
            unsafe { chunk.start().write_bytes(0, bytes) };
            return Ok(chunk);
        }
        let mut map = MmapMut::map_anon(bytes)?;
        Chunk::advise_huge(&map);
        // One call where the system has it (Linux 5.14), else page by page.
        #[cfg(target_os = "linux")]
        if map.advise(Advice::PopulateWrite).is_ok() {
            return Ok(Chunk::Mapped(map));
        }
        map.iter_mut().step_by(CHUNK_BYTES_MIN).for_each(|byte| *byte = 0);
        Ok(Chunk::Mapped(map))
    }

    /// Where the system has no huge pages, small ones do.
    fn advise_huge(map: &MmapMut) {
        #[cfg(target_os = "linux")]
        let _ = map.advise(Advice::HugePage);
    }

    fn heap(bytes: usize) -> Chunk {
        let layout = Layout::from_size_align(bytes, CHUNK_BYTES_MIN);
        let layout = layout.expect("a chunk is much smaller than the address space");
        Chunk::Heap(allocate(layout), layout)
    }

    fn start(&mut self) -> *mut u8 {
        match self {
            Chunk::Heap(memory, _) => memory.as_ptr(),
            Chunk::Mapped(map) => map.as_mut_ptr(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Chunk::Heap(_, layout) => layout.size(),
            Chunk::Mapped(map) => map.len(),
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Chunk::Heap(memory, layout) = self {
            // SAFETY: `heap` allocated it so; the kind goes after its last cell.
            unsafe { dealloc(memory.as_ptr(), *layout) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_as_their_agents_ask_for() {
        for align in [8, 64, 128, 4_096] {
            let layout = Layout::from_size_align(200, align).expect("a small power of two");
            let slab = Slab::new(layout, 1);
            let cell = slab.take(0);
            assert_eq!(cell.addr().get() % align.max(LINE_BYTES), 0);
            // Without the pool each cell comes from the allocator by itself.
            assert_eq!(slab.single().align(), align.max(LINE_BYTES));
            // SAFETY: it was just taken, and nobody else knows of it.
            unsafe { slab.give(cell) };
        }
    }
}

/// What holds only where cells lie side by side.
#[cfg(all(test, not(any(loom, miri, nexus_no_pool))))]
mod chunk_tests {
    use super::*;

    fn slab(bytes: usize, arenas: usize) -> Slab {
        Slab::new(Layout::from_size_align(bytes, 8).expect("a plain layout"), arenas)
    }

    /// Bytes of the chunks in use.
    fn used(slab: &Slab, arena: usize) -> usize {
        slab.lock(arena).chunks.values().map(Chunk::bytes).sum()
    }

    #[test]
    fn cells_are_apart_and_come_back() {
        let slab = slab(100, 1);
        let cells: Vec<_> = (0..1_000).map(|_| slab.take(0)).collect();
        let mut starts: Vec<usize> = cells.iter().map(|cell| cell.addr().get()).collect();
        starts.sort_unstable();
        assert!(starts.windows(2).all(|two| two[1] - two[0] >= 128), "cells overlap");
        let last = *cells.last().expect("a thousand");
        // SAFETY: taken above, and given back once.
        unsafe { slab.give(last) };
        assert_eq!(slab.take(0), last);
    }

    #[test]
    fn a_reserve_is_used_before_anything_else_is_mapped() {
        for cells in [1, 100, 50_000, 200_000] {
            let slab = slab(100, 1);
            let bytes = slab.reserve(0, cells).expect("there is memory");
            assert!(bytes >= cells * slab.stride(), "{bytes} bytes for {cells} cells");
            assert!(bytes <= cells * slab.stride() + CHUNK_BYTES_MAPPED + CHUNK_BYTES_MIN);
            for _ in 0..cells {
                slab.take(0);
            }
            assert_eq!(used(&slab, 0), bytes, "{cells} cells");
            assert_eq!(slab.reserve(0, 0).expect("nothing to do"), 0);
        }
    }

    #[test]
    fn what_is_there_already_is_not_reserved_again() {
        let slab = slab(64, 1);
        slab.reserve(0, 50_000).expect("there is memory");
        assert_eq!(slab.reserve(0, 50_000).expect("there is memory"), 0);
        slab.take(0);
        assert!(slab.reserve(0, 50_000).expect("there is memory") <= CHUNK_BYTES_MIN);
    }

    #[test]
    fn freed_cells_return_to_the_arena_they_came_from() {
        let slab = slab(64, 3);
        let cells: Vec<Vec<_>> =
            (0..3).map(|arena| (0..500).map(|_| slab.take(arena)).collect()).collect();
        for cell in cells.iter().flatten() {
            // SAFETY: taken above, and given back once.
            unsafe { slab.give(*cell) };
        }
        for (arena, cells) in cells.iter().enumerate() {
            let before = used(&slab, arena);
            let again: Vec<_> = (0..500).map(|_| slab.take(arena)).collect();
            assert!(again.iter().all(|cell| cells.contains(cell)), "arena {arena}");
            assert_eq!(used(&slab, arena), before);
        }
    }
}
