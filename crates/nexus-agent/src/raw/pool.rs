//! Free lists for message and handler memory, one set per thread.
//!
//! A message lives for microseconds and its size repeats, so the block just
//! freed is the best one to hand out next: it is still in the cache, and no
//! lock is taken. Blocks may be freed on another thread than they came from;
//! they then serve that thread.
//!
//! Built with `--cfg nexus_no_pool` every block comes straight from the
//! allocator, so that AddressSanitizer sees each use after free.

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
/// Every block is aligned at least so.
const ALIGN: usize = 16;

struct Free {
    next: *mut Free,
}

struct Class {
    first: *mut Free,
    count: usize,
}

struct Pool {
    classes: [Class; CLASS_COUNT],
}

thread_local! {
    static POOL: UnsafeCell<Pool> = const {
        UnsafeCell::new(Pool {
            classes: [const { Class { first: std::ptr::null_mut(), count: 0 } }; CLASS_COUNT],
        })
    };
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
        class.count -= 1;
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
        if class.count * (class_index + 1) * STEP_BYTES >= CLASS_BYTES_MAX {
            return false;
        }
        let free: NonNull<Free> = block.cast();
        // SAFETY: the block is at least 32 bytes, aligned to 16, and ours.
        unsafe { free.write(Free { next: class.first }) };
        class.first = free.as_ptr();
        class.count += 1;
        true
    });
    if kept != Ok(true) {
        // SAFETY: pooled blocks are allocated with their class's layout.
        unsafe { dealloc(block.as_ptr(), class_layout(class_index)) };
    }
}

#[cold]
fn fresh(layout: Layout) -> NonNull<u8> {
    // SAFETY: callers ask for at least one byte; see `class_of` and `Frame`, `Mail`.
    let block = unsafe { alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Drop for Pool {
    fn drop(&mut self) {
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
