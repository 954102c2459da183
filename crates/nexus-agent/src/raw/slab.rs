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

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, PoisonError};

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
    state: Mutex<State>,
}

struct State {
    /// Cells given back.
    free: *mut Free,
    /// The rest of the newest chunk.
    next: *mut u8,
    left: usize,
    chunk_bytes: usize,
    chunks: Vec<Chunk>,
}

struct Free {
    next: *mut Free,
}

/// Owns the memory that the pointers above point into.
enum Chunk {
    Heap(NonNull<u8>, Layout),
    Mapped(#[allow(dead_code, reason = "unmapped when dropped")] MmapMut),
}

// SAFETY: the pointers are to memory that the slab owns.
unsafe impl Send for State {}

impl Slab {
    /// An empty slab for cells of `layout`.
    pub(crate) fn new(layout: Layout) -> Slab {
        let align = layout.align().max(LINE_BYTES);
        let line = Layout::from_size_align(layout.size(), align);
        let stride =
            line.expect("a cell is much smaller than the address space").pad_to_align().size();
        let state = State {
            free: null_mut(),
            next: null_mut(),
            left: 0,
            chunk_bytes: CHUNK_BYTES_MIN.max(stride),
            chunks: Vec::new(),
        };
        // One cell more aligned than a page is more than any type asks for.
        assert!(
            layout.align() <= CHUNK_BYTES_MIN,
            "agents aligned beyond a page are not supported"
        );
        Slab { stride, align, state: Mutex::new(state) }
    }

    /// Bytes one cell takes.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Memory for one cell, uninitialised.
    pub(super) fn take(&self) -> NonNull<u8> {
        if cfg!(any(loom, miri, nexus_no_pool)) {
            return allocate(self.single());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = NonNull::new(state.free) {
            // SAFETY: listed cells hold a `Free` written by `give`.
            state.free = unsafe { free.as_ref().next };
            return free.cast();
        }
        if state.left < self.stride {
            state.grow();
        }
        let cell = NonNull::new(state.next).expect("the chunk has room");
        // SAFETY: `left` bytes of the chunk lie from `next` on, at least a stride.
        state.next = unsafe { state.next.add(self.stride) };
        state.left -= self.stride;
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
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let free: NonNull<Free> = cell.cast();
        // SAFETY: a cell is larger than a pointer, aligned to a line, and ours.
        unsafe { free.write(Free { next: state.free }) };
        state.free = free.as_ptr();
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

impl State {
    /// Begins another chunk. What is left of the last one stays unused.
    fn grow(&mut self) {
        let bytes = self.chunk_bytes;
        self.chunk_bytes = (bytes * 2).min(CHUNK_BYTES_MAX).max(bytes);
        let mapped = (bytes >= CHUNK_BYTES_MAPPED).then(|| MmapMut::map_anon(bytes).ok()).flatten();
        let chunk = match mapped {
            Some(mut map) => {
                // Where the system has no huge pages, small ones do.
                #[cfg(target_os = "linux")]
                let _ = map.advise(Advice::HugePage);
                self.next = map.as_mut_ptr();
                Chunk::Mapped(map)
            }
            None => {
                let layout = Layout::from_size_align(bytes, CHUNK_BYTES_MIN);
                let layout = layout.expect("a chunk is much smaller than the address space");
                let memory = allocate(layout);
                self.next = memory.as_ptr();
                Chunk::Heap(memory, layout)
            }
        };
        self.left = bytes;
        self.chunks.push(chunk);
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Chunk::Heap(memory, layout) = self {
            // SAFETY: `grow` allocated it so; the kind goes after its last cell.
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
            let slab = Slab::new(layout);
            let cell = slab.take();
            assert_eq!(cell.addr().get() % align.max(LINE_BYTES), 0);
            // Without the pool each cell comes from the allocator by itself.
            assert_eq!(slab.single().align(), align.max(LINE_BYTES));
            // SAFETY: it was just taken, and nobody else knows of it.
            unsafe { slab.give(cell) };
        }
    }
}
