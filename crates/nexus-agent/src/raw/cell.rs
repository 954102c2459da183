//! A cell: where one agent lives, in one block: header, state, name.
//!
//! In this order because the header and a small state share a cache line, and
//! the name is read only where an agent is looked up or reported.

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit, offset_of};
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

use compact_str::CompactString;
use nexus_base::AgentId;

use super::frame::FrameHead;
use super::mailbox::Mailbox;
use super::word::{Control, Posted, Word};
use super::{Envelope, Owned};
use crate::sync::{AtomicU32, Ordering, UnsafeCell};
use crate::{Agent, Execution, Kind, Worker};

/// Somebody watches this agent, or it is linked: its end must be told.
const WATCHED: u32 = 1;
/// Senders wait for room in the mailbox.
const AWAITED: u32 = 1 << 1;
/// Somebody evicts a message: the lock of kinds that do.
const EVICTING: u32 = 1 << 2;
/// The epoch counts restarts in the upper bits.
const EPOCH_ONE: u32 = 1 << 8;

/// What every cell has, whatever its agent's type.
#[repr(C)]
pub(crate) struct Header {
    word: Word,
    /// Counted references to the allocation; being open counts as one.
    refs: AtomicU32,
    /// Messages that have a place in the mailbox.
    len: AtomicU32,
    /// Marks and epoch.
    marks: AtomicU32,
    mailbox: Mailbox,
    /// The suspended handler, or null.
    pub(super) frame: UnsafeCell<*mut FrameHead>,
    /// Counted: made by `Arc::into_raw`.
    kind: *const Kind,
}

/// Who the agent is.
struct Name {
    /// In halves, so that a cell is not padded to sixteen bytes.
    id: [u64; 2],
    key: CompactString,
}

#[repr(C)]
struct Cell<A> {
    header: Header,
    state: UnsafeCell<MaybeUninit<A>>,
    name: Name,
}

/// What can be done with a cell whose agent's type is forgotten.
pub(crate) struct CellVtable {
    /// Makes the state from the kind's constructor. May unwind; then there is no state.
    construct: unsafe fn(NonNull<Header>),
    /// Runs `Agent::stopping`. May unwind.
    stopping: unsafe fn(NonNull<Header>, &crate::StopReason),
    /// Drops the state. May unwind.
    drop_state: unsafe fn(NonNull<Header>),
    layout: Layout,
    /// Where the name is, from the header on.
    name_offset: usize,
}

impl CellVtable {
    pub(crate) const fn of<A: Agent>() -> CellVtable {
        CellVtable {
            construct: construct::<A>,
            stopping: stopping::<A>,
            drop_state: drop_state::<A>,
            layout: Layout::new::<Cell<A>>(),
            name_offset: offset_of!(Cell<A>, name),
        }
    }

    /// What a cell of this kind needs.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }
}

/// # Safety
/// `cell` is a `Cell<A>`.
#[inline]
pub(super) unsafe fn state<A>(cell: NonNull<Header>) -> *mut A {
    let cell: NonNull<Cell<A>> = cell.cast();
    // SAFETY: passed on from the caller.
    unsafe { cell.as_ref().state.with_mut(|state| state.cast()) }
}

/// # Safety
/// `cell` is a cell, alive.
#[inline]
unsafe fn name(cell: NonNull<Header>) -> NonNull<Name> {
    // SAFETY: passed on from the caller; the offset is that of this cell's type.
    unsafe { cell.byte_add(cell.as_ref().kind().vtable().name_offset).cast() }
}

/// # Safety
/// The caller owns the cell, a `Cell<A>` without a state.
unsafe fn construct<A: Agent>(cell: NonNull<Header>) {
    // SAFETY: passed on from the caller.
    unsafe {
        let made = cell.as_ref().kind().construct::<A>(&name(cell).as_ref().key);
        state::<A>(cell).write(made);
    }
}

/// # Safety
/// The caller owns the cell, a `Cell<A>` with a state.
unsafe fn stopping<A: Agent>(cell: NonNull<Header>, reason: &crate::StopReason) {
    // SAFETY: passed on from the caller.
    unsafe { (*state::<A>(cell)).stopping(reason) }
}

/// # Safety
/// As [`stopping`]; afterwards there is no state.
unsafe fn drop_state<A: Agent>(cell: NonNull<Header>) {
    // SAFETY: passed on from the caller.
    unsafe { state::<A>(cell).drop_in_place() }
}

// SAFETY: what is shared is atomic; the rest is touched by the holder of the run flag only.
unsafe impl Send for Header {}
// SAFETY: as above.
unsafe impl Sync for Header {}

impl Header {
    #[inline]
    pub(crate) fn kind(&self) -> &Kind {
        // SAFETY: the header holds a count of its kind.
        unsafe { &*self.kind }
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.word.is_closed()
    }

    pub(crate) fn phase_name(&self) -> &'static str {
        self.word.phase_name()
    }

    pub(crate) fn word(&self) -> &Word {
        &self.word
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Messages that have a place in the mailbox.
    pub(crate) fn mailbox_len(&self) -> u32 {
        self.len.load(Ordering::Relaxed)
    }

    /// Takes a place in the mailbox; false if there is none.
    #[inline]
    pub(crate) fn reserve(&self, len_max: u32) -> bool {
        if self.len.fetch_add(1, Ordering::AcqRel) < len_max {
            return true;
        }
        self.len.fetch_sub(1, Ordering::AcqRel);
        false
    }

    /// Takes a place beyond the limit, for a message that drives out another.
    pub(crate) fn reserve_over(&self) {
        self.len.fetch_add(1, Ordering::AcqRel);
    }

    /// Gives back places in the mailbox.
    #[inline]
    pub(crate) fn unreserve(&self, count: u32) {
        self.len.fetch_sub(count, Ordering::SeqCst);
    }

    /// How often the agent has been restarted.
    pub(crate) fn epoch(&self) -> u32 {
        self.marks.load(Ordering::Relaxed) / EPOCH_ONE
    }

    pub(super) fn next_epoch(&self) {
        self.marks.fetch_add(EPOCH_ONE, Ordering::Relaxed);
    }

    pub(crate) fn mark_watched(&self) {
        self.marks.fetch_or(WATCHED, Ordering::SeqCst);
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.marks.load(Ordering::SeqCst) & WATCHED != 0
    }

    /// Says that senders wait for room, before they look again whether there is some.
    pub(crate) fn mark_awaited(&self) {
        self.marks.fetch_or(AWAITED, Ordering::SeqCst);
    }

    pub(crate) fn clear_awaited(&self) {
        self.marks.fetch_and(!AWAITED, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        self.marks.load(Ordering::SeqCst) & AWAITED != 0
    }

    /// Holds the eviction lock while `f` runs: a few hundred instructions at most,
    /// so whoever comes second spins.
    pub(super) fn with_eviction_lock<R>(&self, f: impl FnOnce() -> R) -> R {
        while self.marks.fetch_or(EVICTING, Ordering::AcqRel) & EVICTING != 0 {
            std::hint::spin_loop();
            #[cfg(loom)]
            loom::thread::yield_now();
        }
        let _unlock = Unlock(self);
        f()
    }
}

struct Unlock<'a>(&'a Header);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        self.0.marks.fetch_and(!EVICTING, Ordering::AcqRel);
    }
}

/// A reference to a cell that somebody else keeps alive.
pub(super) type Uncounted = ManuallyDrop<CellRef>;

/// A counted reference to a cell. Keeps the memory, not the agent.
#[repr(transparent)]
pub(crate) struct CellRef(NonNull<Header>);

// SAFETY: see `Header`.
unsafe impl Send for CellRef {}
// SAFETY: see `Header`.
unsafe impl Sync for CellRef {}

impl Deref for CellRef {
    type Target = Header;

    #[inline]
    fn deref(&self) -> &Header {
        // SAFETY: counted.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for CellRef {
    #[inline]
    fn clone(&self) -> CellRef {
        // Two billion leaked handles end the process rather than wrap the count.
        if self.refs.fetch_add(1, Ordering::Relaxed) > u32::MAX / 2 {
            std::process::abort();
        }
        CellRef(self.0)
    }
}

impl Drop for CellRef {
    #[inline]
    fn drop(&mut self) {
        if self.refs.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: that was the last count. Being open counts, so the cell is closed.
            unsafe { free(self.0) };
        }
    }
}

/// # Safety
/// Nobody else knows of the closed cell.
#[cold]
unsafe fn free(cell: NonNull<Header>) {
    // SAFETY: passed on from the caller; `CellRef::open` made the kind's count and the block.
    unsafe {
        let kind = Arc::from_raw(cell.as_ref().kind);
        name(cell).drop_in_place();
        cell.drop_in_place();
        kind.slab().give(cell.cast());
    }
}

impl CellRef {
    /// Opens a cell for an agent that is `state` already. The caller must see
    /// that it is closed one day: being open keeps it in memory.
    pub(crate) fn open<A: Agent>(kind: Arc<Kind>, id: AgentId, key: &str, state: A) -> CellRef {
        assert_eq!(kind.agent_type(), std::any::TypeId::of::<A>(), "cells hold their kind's agents");
        let block: NonNull<Cell<A>> = kind.slab().take().cast();
        let header = Header {
            word: Word::idle(),
            refs: AtomicU32::new(2),
            len: AtomicU32::new(0),
            marks: AtomicU32::new(0),
            mailbox: Mailbox::new(),
            frame: UnsafeCell::new(null_mut()),
            kind: Arc::into_raw(kind),
        };
        let name = Name { id: [id.high(), id.low()], key: CompactString::new(key) };
        let state = UnsafeCell::new(MaybeUninit::new(state));
        // SAFETY: fresh memory for a cell of this kind.
        unsafe { block.write(Cell { header, state, name }) };
        CellRef(block.cast())
    }

    /// Gives up the count that being open holds. Only `Owned::close` may, once.
    pub(super) fn release_open(cell: Uncounted) {
        drop(ManuallyDrop::into_inner(cell));
    }

    fn identity(&self) -> &Name {
        // SAFETY: counted, or borrowed from somebody who is.
        unsafe { name(self.0).as_ref() }
    }

    pub(crate) fn key(&self) -> &str {
        &self.identity().key
    }

    /// The key for keeping: copied in place when short.
    pub(crate) fn key_shared(&self) -> CompactString {
        self.identity().key.clone()
    }

    pub(crate) fn id(&self) -> AgentId {
        let [high, low] = self.identity().id;
        AgentId::from_u128(u128::from(high) << 64 | u128::from(low))
    }

    /// `kind/key`, as people write it.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.kind().name(), self.key())
    }

    /// The same without a count, for those who are sure that the cell stays.
    pub(super) fn uncounted(&self) -> Uncounted {
        ManuallyDrop::new(CellRef(self.0))
    }

    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn is(&self, other: &CellRef) -> bool {
        self.0 == other.0
    }

    /// Takes the run flag if the agent is idle and nothing waits for it.
    #[inline]
    pub(crate) fn try_own<'w>(&self, worker: &'w Worker) -> Option<Owned<'w>> {
        if !self.word.try_take() {
            return None;
        }
        let owned = Owned::taken(self.uncounted(), worker);
        if self.mailbox.inbox_is_empty() {
            return Some(owned);
        }
        // A tell was pushed whose sender has yet to post it. It came first.
        owned.requeue();
        None
    }

    /// Takes the run flag of an agent nobody is running, to close it.
    pub(crate) fn seize<'w>(&self, worker: &'w Worker) -> Option<Owned<'w>> {
        self.word.seize().then(|| Owned::taken(self.uncounted(), worker))
    }

    /// Puts a message into the mailbox; a place has been reserved for it.
    #[inline]
    pub(crate) fn push(&self, envelope: Envelope) {
        if self.mailbox.push(envelope) {
            match self.word.post_mail() {
                Posted::Queued => self.kind().system().driver().ready(Ready(self.uncounted())),
                Posted::Noted => {}
                Posted::Closed => self.bury_inbox(),
            }
        }
    }

    /// Takes the message out that goes first under the kind's policy.
    pub(crate) fn evict(&self, rank: impl Fn(&Envelope) -> u8) -> Option<Envelope> {
        // SAFETY: in kinds that evict, the lock guards the ready list.
        self.with_eviction_lock(|| unsafe { self.mailbox.evict(rank) })
    }

    /// Clears up messages that came after the end.
    #[cold]
    pub(super) fn bury_inbox(&self) {
        for envelope in self.mailbox.drain_inbox() {
            self.unreserve(1);
            self.kind().system().bury(self, envelope);
        }
    }

    /// Asks the agent's owner for `control`.
    pub(crate) fn post_control(&self, control: Control) {
        if self.word.post_control(control) == Posted::Queued {
            self.kind().system().driver().ready(Ready(self.uncounted()));
        }
    }

    /// Has the suspended handler polled again.
    pub(crate) fn wake(&self) {
        if self.word.wake() {
            self.kind().system().driver().ready(Ready(self.uncounted()));
        }
    }
}

/// The right to run a queued cell: what lies in a run queue.
///
/// Not counted: a queued cell is open, and being open keeps it in memory.
/// One that is dropped unrun stays queued until the node shuts down.
pub struct Ready(Uncounted);

impl Ready {
    /// Gives the cell back to its run queue.
    pub(super) fn again(cell: Uncounted) -> Ready {
        Ready(cell)
    }

    /// The cell that is to be run.
    pub(crate) fn cell(&self) -> &CellRef {
        &self.0
    }

    /// Whose cell it is.
    pub fn agent(&self) -> AgentId {
        self.cell().id()
    }

    /// The same for people: `kind/key`.
    pub fn name(&self) -> String {
        self.cell().name()
    }

    /// Where it wants to be run.
    pub fn execution(&self) -> Execution {
        self.cell().kind().execution()
    }

    /// Takes the run flag.
    #[inline]
    pub(crate) fn own<'w>(self, worker: &'w Worker) -> Owned<'w> {
        self.cell().word.begin();
        Owned::taken(self.0, worker)
    }
}

const WAKER: RawWakerVTable = RawWakerVTable::new(waker_clone, waker_wake, waker_wake_by_ref, waker_drop);

/// Calls `f` with a waker for the cell, without counting it.
#[inline]
pub(super) fn with_waker<R>(cell: &CellRef, f: impl FnOnce(&Waker) -> R) -> R {
    // SAFETY: the functions below treat the pointer as a counted cell; this one
    // waker is never dropped, so it needs no count.
    let waker = unsafe { Waker::from_raw(RawWaker::new(cell.0.as_ptr().cast_const().cast(), &WAKER)) };
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

impl CellVtable {
    /// # Safety
    /// The caller owns the cell; it has no state.
    pub(super) unsafe fn construct(&self, cell: NonNull<Header>) {
        // SAFETY: passed on from the caller; the cell is of this vtable's type.
        unsafe { (self.construct)(cell) }
    }

    /// # Safety
    /// The caller owns the cell; it has a state.
    pub(super) unsafe fn stopping(&self, cell: NonNull<Header>, reason: &crate::StopReason) {
        // SAFETY: as above.
        unsafe { (self.stopping)(cell, reason) }
    }

    /// # Safety
    /// As [`Self::stopping`]; afterwards there is no state.
    pub(super) unsafe fn drop_state(&self, cell: NonNull<Header>) {
        // SAFETY: as above.
        unsafe { (self.drop_state)(cell) }
    }
}
