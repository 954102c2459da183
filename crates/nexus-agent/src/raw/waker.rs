//! A cell as a waker: no allocation, one count.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::cell::{CellRef, Uncounted};

static WAKER: RawWakerVTable =
    RawWakerVTable::new(waker_clone, waker_wake, waker_wake_by_ref, waker_drop);

/// Whether `waker` is that of some cell.
pub(super) fn is_ours(waker: &Waker) -> bool {
    *waker.vtable() == WAKER
}

/// Calls `f` with a waker for the cell, without counting it.
#[inline]
pub(super) fn with_waker<R>(cell: &CellRef, f: impl FnOnce(&Waker) -> R) -> R {
    // SAFETY: the functions below treat the pointer as a counted cell; this one
    // waker is never dropped, so it needs no count.
    let waker = unsafe {
        Waker::from_raw(RawWaker::new(cell.as_ptr().as_ptr().cast_const().cast(), &WAKER))
    };
    f(&ManuallyDrop::new(waker))
}

/// # Safety
/// `data` is a cell that outlives the result.
unsafe fn borrowed(data: *const ()) -> Uncounted {
    // SAFETY: passed on from the caller.
    ManuallyDrop::new(CellRef(unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }))
}

unsafe fn waker_clone(data: *const ()) -> RawWaker {
    // SAFETY: wakers are valid or counted.
    std::mem::forget(CellRef::clone(&*unsafe { borrowed(data) }));
    RawWaker::new(data, &WAKER)
}

unsafe fn waker_wake(data: *const ()) {
    // SAFETY: `wake` consumes the count.
    ManuallyDrop::into_inner(unsafe { borrowed(data) }).wake();
}

unsafe fn waker_wake_by_ref(data: *const ()) {
    // SAFETY: wakers are valid or counted.
    unsafe { borrowed(data) }.wake();
}

unsafe fn waker_drop(data: *const ()) {
    // SAFETY: `drop` consumes the count.
    drop(ManuallyDrop::into_inner(unsafe { borrowed(data) }));
}
