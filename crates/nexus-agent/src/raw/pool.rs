//! Free lists for message and handler memory, one set per thread.
//!
//! A message lives for microseconds and its size repeats, so the block just
//! freed is the best one to hand out next: it is still in the cache, and no
//! lock is taken. Blocks may be freed on another thread than they came from;
//! they then serve that thread.
//!
//! A thread may be told to keep nothing ([`keep_message_pool`]). Built with `--cfg
//! nexus_no_pool` every block comes straight from the allocator, so that
//! AddressSanitizer sees each use after free.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::ptr::NonNull;

/// Sizes are rounded up to a multiple of this.
const STEP_BYTES: usize = 32;
/// Larger blocks are not pooled: they are rare, and clearing them dwarfs the allocator.
const BLOCK_BYTES_MAX: usize = 1_024;
const CLASS_COUNT: usize = BLOCK_BYTES_MAX / STEP_BYTES;
/// A class keeps at most this much per thread: two full default mailboxes of
/// small messages. What is freed beyond goes back to the allocator.
const CLASS_BYTES_MAX: usize = 128 * 1_024;
/// Classes that [`fill_message_pool`] fills: messages and frames without large contents. A guess.
const FILLED_BYTES_MAX: usize = 512;
/// Blocks that [`fill_message_pool`] makes of each: half a default mailbox, 1 MiB in all. A guess.
const FILLED_BLOCKS: usize = 256;
/// Every block is aligned at least so.
const ALIGN: usize = 16;

struct Free {
    next: *mut Free,
}

struct Class {
    first: *mut Free,
    /// Blocks the list has room for; none where this thread keeps nothing.
    room: usize,
}

struct Pool {
    classes: [Class; CLASS_COUNT],
}

impl Pool {
    const fn new() -> Pool {
        let mut classes = [const { Class { first: std::ptr::null_mut(), room: 0 } }; CLASS_COUNT];
        let mut class = 0;
        while class < CLASS_COUNT {
            classes[class].room = room_of(class);
            class += 1;
        }
        Pool { classes }
    }
}

thread_local! {
    static POOL: UnsafeCell<Pool> = const { UnsafeCell::new(Pool::new()) };
}

/// Blocks that an empty list of `class` has room for.
const fn room_of(class: usize) -> usize {
    CLASS_BYTES_MAX / ((class + 1) * STEP_BYTES)
}

/// The class that serves `layout`, or `None` if it is not pooled.
#[inline]
const fn class_of(layout: Layout) -> Option<usize> {
    let pooled = layout.size() <= BLOCK_BYTES_MAX && layout.align() <= ALIGN && layout.size() > 0;
    if pooled && !cfg!(any(loom, miri, nexus_no_pool)) {
        Some((layout.size() - 1) / STEP_BYTES)
    } else {
        None
    }
}

fn class_layout(class: usize) -> Layout {
    Layout::from_size_align((class + 1) * STEP_BYTES, ALIGN).expect("a small multiple of 32")
}

/// Memory for `layout`, uninitialised. Aborts when there is none, as `Box` does.
#[inline]
pub(super) fn take(layout: Layout) -> NonNull<u8> {
    let Some(class) = class_of(layout) else { return fresh(layout) };
    let reused = POOL.try_with(|pool| {
        // SAFETY: the pool is this thread's own, and nothing called below comes
        // back here while the reference lives.
        let class = unsafe { &mut (*pool.get()).classes[class] };
        let block = NonNull::new(class.first)?;
        // SAFETY: blocks on the list hold a `Free` written by `give`.
        class.first = unsafe { block.as_ref().next };
        class.room += 1;
        Some(block.cast())
    });
    match reused {
        Ok(Some(block)) => block,
        _ => fresh(class_layout(class)),
    }
}

/// Gives back memory that [`take`] handed out for the same `layout`.
///
/// # Safety
/// `block` came from `take(layout)` and nobody uses it any more.
#[inline]
pub(super) unsafe fn give(block: NonNull<u8>, layout: Layout) {
    let Some(class_index) = class_of(layout) else {
        // SAFETY: `take` allocated an unpooled block with this very layout.
        return unsafe { dealloc(block.as_ptr(), layout) };
    };
    let kept = POOL.try_with(|pool| {
        // SAFETY: as in `take`.
        let class = unsafe { &mut (*pool.get()).classes[class_index] };
        if class.room == 0 {
            return false;
        }
        let free: NonNull<Free> = block.cast();
        // SAFETY: the block is at least 32 bytes, aligned to 16, and ours.
        unsafe { free.write(Free { next: class.first }) };
        class.first = free.as_ptr();
        class.room -= 1;
        true
    });
    if kept != Ok(true) {
        // SAFETY: pooled blocks are allocated with their class's layout.
        unsafe { dealloc(block.as_ptr(), class_layout(class_index)) };
    }
}

/// Whether this thread keeps the blocks it frees. Off, those it has go back to
/// the allocator at once, and every block comes from there.
///
/// Costs nothing where it is not called: a list without room is a full one.
pub fn keep_message_pool(kept: bool) {
    let _ = POOL.try_with(|pool| {
        // SAFETY: as in `take`.
        let pool = unsafe { &mut *pool.get() };
        pool.empty();
        for (index, class) in pool.classes.iter_mut().enumerate() {
            class.room = if kept { room_of(index) } else { 0 };
        }
    });
}

/// Fills this thread's lists of small blocks, so that the first messages find
/// memory that has been touched. Nothing where it keeps none.
pub fn fill_message_pool() {
    for size in (STEP_BYTES..=FILLED_BYTES_MAX).step_by(STEP_BYTES) {
        let layout = Layout::from_size_align(size, ALIGN).expect("a small multiple of 32");
        let blocks: Vec<NonNull<u8>> = (0..FILLED_BLOCKS).map(|_| take(layout)).collect();
        for block in blocks {
            // SAFETY: just taken for this very layout, and nobody has seen it.
            unsafe { give(block, layout) };
        }
    }
}

#[cold]
fn fresh(layout: Layout) -> NonNull<u8> {
    // SAFETY: callers ask for at least one byte; see `class_of` and `Frame`, `Mail`.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Pool {
    /// Gives every kept block back to the allocator.
    fn empty(&mut self) {
        for (index, class) in self.classes.iter_mut().enumerate() {
            while let Some(block) = NonNull::new(class.first) {
                // SAFETY: listed blocks are valid, unshared, and of their class's layout.
                unsafe {
                    class.first = block.as_ref().next;
                    dealloc(block.as_ptr().cast(), class_layout(index));
                }
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.empty();
    }
}

#[cfg(all(test, not(any(loom, miri, nexus_no_pool))))]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout::new::<[u64; 7]>();

    /// Whether a block that is given back is the next one handed out.
    fn comes_back() -> bool {
        let (first, other) = (take(LAYOUT), take(LAYOUT));
        // SAFETY: taken above, given once each.
        unsafe { give(first, LAYOUT) };
        let kept = POOL.with(|pool| {
            let class = class_of(LAYOUT).expect("a small block");
            // SAFETY: as in `take`.
            unsafe { (*pool.get()).classes[class].first == first.as_ptr().cast() }
        });
        // SAFETY: as above.
        unsafe { give(other, LAYOUT) };
        kept
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "lists belong to threads")]
    fn a_thread_keeps_what_it_frees_unless_told_otherwise() {
        let here = || {
            let as_born = comes_back();
            keep_message_pool(false);
            let off = comes_back();
            keep_message_pool(true);
            [as_born, off, comes_back()]
        };
        let seen = std::thread::scope(|scope| scope.spawn(here).join());
        assert_eq!(seen.expect("the thread does not panic"), [true, false, true]);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "lists belong to threads")]
    fn lists_are_bounded_and_can_be_filled() {
        let here = || {
            fill_message_pool();
            POOL.with(|pool| {
                // SAFETY: as in `take`.
                let classes = unsafe { &(*pool.get()).classes };
                let held = |class: usize| room_of(class) - classes[class].room;
                [held(0), held(FILLED_BYTES_MAX / STEP_BYTES - 1), held(CLASS_COUNT - 1)]
            })
        };
        let held = std::thread::scope(|scope| scope.spawn(here).join());
        assert_eq!(held.expect("the thread does not panic"), [FILLED_BLOCKS, FILLED_BLOCKS, 0]);
    }
}
