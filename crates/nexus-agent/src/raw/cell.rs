//! A cell: where one agent lives, in one block: front, header, state.
//!
//! The header and a small state share a cache line. The front, with the name,
//! has the line before, always in the same place, so that whoever looks an
//! agent up fetches both lines at once. Cells are reached by their header.

use std::alloc::Layout;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};
use std::sync::{Arc, atomic as plain};
use std::task::Waker;

use compact_str::CompactString;
use nexus_base::{AgentId, Level, Time};

use super::frame::FrameHead;
use super::mailbox::Mailbox;
use super::word::{Control, Posted, Word};
use super::{Envelope, Owned, Ready, local, waker};
use crate::residence::Written;
use crate::sync::{AtomicU32, Ordering, UnsafeCell};
use crate::watch::End;
use crate::{Agent, Kind, Worker};

/// Somebody watches this agent, or it watches somebody, or it is linked: there
/// is something to do at its end.
const WATCHED: u32 = 1;
/// The state is gone and could not be made afresh yet. The owner alone looks.
const STATELESS: u32 = 1 << 1;
/// Somebody evicts a message: the lock of kinds that do.
const EVICTING: u32 = 1 << 2;
/// The level the agent is set to: two bits.
const LEVEL_SHIFT: u32 = 3;
const LEVEL: u32 = 0b11 << LEVEL_SHIFT;
/// How the agent ended, for those who start to watch it too late: three bits,
/// zero while it runs.
const END_SHIFT: u32 = 5;
const END: u32 = 0b111 << END_SHIFT;
/// The epoch counts restarts in the upper bits.
const EPOCH_ONE: u32 = 1 << 8;

/// In `len`: senders wait for room in the mailbox. In one word with the count,
/// so that whoever frees a place and whoever starts to wait cannot miss each other.
const AWAITED: u32 = 1 << 31;
/// Messages a mailbox holds at most, whatever its kind asks for.
pub(crate) const MAILBOX_LEN_MAX: u32 = 1 << 30;

/// A place that was taken in a mailbox.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Nobody else wants it.
    Free,
    /// Others stand in line for it.
    Wanted,
    /// It is one too many.
    Over,
}

/// What every cell has, whatever its agent's type.
#[repr(C)]
pub(crate) struct Header {
    word: Word,
    /// Counted references to the allocation; being open counts as one.
    refs: AtomicU32,
    /// Messages that have a place in the mailbox, and [`AWAITED`].
    len: AtomicU32,
    /// Marks, level and epoch.
    marks: AtomicU32,
    mailbox: Mailbox,
    /// The suspended handler, or null.
    pub(super) frame: UnsafeCell<*mut FrameHead>,
    /// Counted: made by `Arc::into_raw`.
    kind: *const Kind,
}

/// What one agent has done, for people: nothing is decided by it, so the plain
/// atomics do, also under a model checker.
#[derive(Debug)]
#[allow(unused_qualifications, reason = "under a model checker the short name is its own")]
struct Tally {
    /// Messages whose handler was started. Written by the cell's owner alone.
    handled: plain::AtomicU64,
    /// Panics, and requests that ended in an error.
    errors: plain::AtomicU32,
    /// When it was made, in whole seconds of the node's clock: 136 years.
    made_s: u32,
}

/// Who the agent is, and what it has done.
#[repr(C)]
struct Front {
    /// In halves, so that a cell is not padded to sixteen bytes.
    id: [u64; 2],
    key: CompactString,
    tally: Tally,
}

/// From a cell's beginning to its header: a cache line.
const FRONT_BYTES: usize = 64;

const _: () = assert!(size_of::<Front>() <= FRONT_BYTES);

#[repr(C)]
struct Cell<A> {
    front: Front,
    /// The header begins a line of its own.
    _rest: [u8; FRONT_BYTES - size_of::<Front>()],
    header: Header,
    state: UnsafeCell<MaybeUninit<A>>,
}

/// What can be done with a cell whose agent's type is forgotten.
pub(crate) struct CellVtable {
    /// Makes the state from the kind's constructor. May unwind; then there is no state.
    construct: unsafe fn(NonNull<Header>),
    /// Runs `Agent::stopping`. May unwind.
    stopping: unsafe fn(NonNull<Header>, &crate::StopReason),
    /// The state as it is kept, if it is.
    encode: unsafe fn(NonNull<Header>) -> Written,
    /// Drops the state. May unwind.
    drop_state: unsafe fn(NonNull<Header>),
    layout: Layout,
}

impl CellVtable {
    pub(crate) const fn of<A: Agent>() -> CellVtable {
        const { assert!(std::mem::offset_of!(Cell<A>, header) == FRONT_BYTES) };
        CellVtable {
            construct: construct::<A>,
            stopping: stopping::<A>,
            encode: encode::<A>,
            drop_state: drop_state::<A>,
            layout: Layout::new::<Cell<A>>(),
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
    // SAFETY: passed on from the caller.
    unsafe { block(cell).cast::<Cell<A>>().as_ref().state.with_mut(|state| state.cast()) }
}

/// Where the cell begins: with its front.
///
/// # Safety
/// `cell` is a cell's header.
#[inline]
unsafe fn block(cell: NonNull<Header>) -> NonNull<Front> {
    // SAFETY: every header lies so far behind its cell's beginning.
    unsafe { cell.byte_sub(FRONT_BYTES).cast() }
}

/// # Safety
/// The caller owns the cell, a `Cell<A>` without a state.
unsafe fn construct<A: Agent>(cell: NonNull<Header>) {
    // SAFETY: passed on from the caller.
    unsafe {
        let Front { id: [high, low], key, .. } = block(cell).as_ref();
        let id = AgentId::from_u128(u128::from(*high) << 64 | u128::from(*low));
        let made = cell.as_ref().kind().remake::<A>(id, key);
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
/// As [`stopping`], and no frame borrows the state.
unsafe fn encode<A: Agent>(cell: NonNull<Header>) -> Written {
    // SAFETY: passed on from the caller.
    let (kind, state) = unsafe { (cell.as_ref().kind(), &*state::<A>(cell)) };
    local::outside(|| kind.residence::<A>().write(state))
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
        self.len.load(Ordering::Relaxed) & !AWAITED
    }

    /// Takes a place in the mailbox. Where it is not free the caller gives it
    /// back or evicts a message, and if it is wanted may do as its kind has it.
    #[inline]
    pub(crate) fn reserve(&self, len_max: u32) -> Place {
        match self.len.fetch_add(1, Ordering::AcqRel) {
            len if len < len_max => Place::Free,
            len if len & !AWAITED < len_max => Place::Wanted,
            _ => Place::Over,
        }
    }

    /// Takes a place if one is free, past those who are in line.
    pub(crate) fn reserve_in_line(&self, len_max: u32) -> bool {
        let mut len = self.len.load(Ordering::Relaxed);
        while len & !AWAITED < len_max {
            match self.len.compare_exchange_weak(len, len + 1, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(seen) => len = seen,
            }
        }
        false
    }

    /// Gives back places in the mailbox; true if senders wait for them.
    #[inline]
    #[must_use = "those who wait are to be woken"]
    pub(crate) fn unreserve(&self, count: u32) -> bool {
        self.len.fetch_sub(count, Ordering::AcqRel) & AWAITED != 0
    }

    /// Says that senders wait for room; how many messages have a place now.
    pub(crate) fn mark_awaited(&self) -> u32 {
        self.len.fetch_or(AWAITED, Ordering::AcqRel) & !AWAITED
    }

    pub(crate) fn clear_awaited(&self) {
        self.len.fetch_and(!AWAITED, Ordering::AcqRel);
    }

    /// How often the agent has been restarted.
    pub(crate) fn epoch(&self) -> u32 {
        self.marks.load(Ordering::Relaxed) / EPOCH_ONE
    }

    /// The level the agent is set to.
    pub(crate) fn level(&self) -> Level {
        let level = (self.marks.load(Ordering::Relaxed) & LEVEL) >> LEVEL_SHIFT;
        Level::ALL[level as usize]
    }

    /// Sets the level of the agent.
    pub(crate) fn set_level(&self, level: Level) {
        let bits = (level as u32) << LEVEL_SHIFT;
        let mut marks = self.marks.load(Ordering::Relaxed);
        while let Err(seen) = self.marks.compare_exchange_weak(
            marks,
            marks & !LEVEL | bits,
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            marks = seen;
        }
    }

    /// Whether there is no state at the moment. Only the owner may ask.
    pub(super) fn is_stateless(&self) -> bool {
        self.marks.load(Ordering::Relaxed) & STATELESS != 0
    }

    pub(super) fn set_stateless(&self, stateless: bool) {
        if stateless {
            self.marks.fetch_or(STATELESS, Ordering::Relaxed);
        } else {
            self.marks.fetch_and(!STATELESS, Ordering::Relaxed);
        }
    }

    pub(super) fn next_epoch(&self) {
        self.marks.fetch_add(EPOCH_ONE, Ordering::Relaxed);
    }

    /// Says that the agent's end is to be told; how it has ended, if it has.
    ///
    /// Of this and [`Self::mark_end`] one comes second, and sees the first.
    pub(crate) fn mark_watched(&self) -> Option<End> {
        let marks = self.marks.fetch_or(WATCHED, Ordering::AcqRel);
        End::from_bits((marks & END) >> END_SHIFT)
    }

    /// Says how the agent ends. Once, by whoever closes it.
    pub(crate) fn mark_end(&self, end: End) {
        self.marks.fetch_or((end as u32) << END_SHIFT, Ordering::AcqRel);
    }

    /// Whether the end is to be told; asked after [`Self::mark_end`].
    pub(crate) fn is_watched(&self) -> bool {
        self.marks.load(Ordering::Acquire) & WATCHED != 0
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
pub(crate) struct CellRef(pub(super) NonNull<Header>);

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
        let block = block(cell);
        block.drop_in_place();
        cell.drop_in_place();
        kind.slab().give(block.cast());
    }
}

impl CellRef {
    /// Opens a cell for an agent that is `state` already. The caller must see
    /// that it is closed one day: being open keeps it in memory.
    pub(crate) fn open<A: Agent>(kind: Arc<Kind>, id: AgentId, key: &str, state: A) -> CellRef {
        assert_eq!(
            kind.agent_type(),
            std::any::TypeId::of::<A>(),
            "cells hold their kind's agents"
        );
        let block: NonNull<Cell<A>> = kind.slab().take(kind.system().memory_node_of(id)).cast();
        let tally = Tally {
            handled: 0.into(),
            errors: 0.into(),
            made_s: (kind.system().now().as_nanos() / 1_000_000_000) as u32,
        };
        let header = Header {
            word: Word::idle(),
            refs: AtomicU32::new(2),
            len: AtomicU32::new(0),
            marks: AtomicU32::new(0),
            mailbox: Mailbox::new(),
            frame: UnsafeCell::new(null_mut()),
            kind: Arc::into_raw(kind),
        };
        let front = Front { id: [id.high(), id.low()], key: CompactString::new(key), tally };
        let state = UnsafeCell::new(MaybeUninit::new(state));
        // SAFETY: fresh memory for a cell of this kind.
        unsafe {
            block.write(Cell { front, _rest: Default::default(), header, state });
            CellRef(block.byte_add(FRONT_BYTES).cast())
        }
    }

    /// Gives up the count that being open holds. Only whoever closes the cell
    /// may, once; or, if it was seized out of a run queue, its [`Ready`].
    pub(super) fn release_open(cell: Uncounted) {
        drop(ManuallyDrop::into_inner(cell));
    }

    /// Counts a message whose handler starts. Only the owner may.
    #[inline]
    pub(super) fn count_handled(&self) {
        let handled = &self.front().tally.handled;
        handled.store(handled.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Counts an error of this agent.
    pub(crate) fn count_error(&self) {
        self.front().tally.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Messages whose handler was started.
    pub(crate) fn handled(&self) -> u64 {
        self.front().tally.handled.load(Ordering::Relaxed)
    }

    /// Panics, and requests that ended in an error.
    pub(crate) fn errors(&self) -> u32 {
        self.front().tally.errors.load(Ordering::Relaxed)
    }

    /// When the agent was made, to the second.
    pub(crate) fn made(&self) -> Time {
        Time::from_nanos(u64::from(self.front().tally.made_s) * 1_000_000_000)
    }

    fn front(&self) -> &Front {
        // SAFETY: counted, or borrowed from somebody who is.
        unsafe { block(self.0).as_ref() }
    }

    pub(crate) fn key(&self) -> &str {
        &self.front().key
    }

    /// The key for keeping: copied in place when short.
    pub(crate) fn key_shared(&self) -> CompactString {
        self.front().key.clone()
    }

    pub(crate) fn id(&self) -> AgentId {
        let [high, low] = self.front().id;
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

    /// Tells this cell from all others that somebody holds a reference to.
    pub(crate) fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// Takes the run flag if the agent is idle and nothing waits for it.
    #[inline]
    pub(crate) fn try_own<'w>(&self, worker: &'w Worker) -> Option<Owned<'w>> {
        if !self.word.try_take() {
            return None;
        }
        let owned = Owned::taken(self.uncounted(), worker);
        if self.has_no_mail() {
            return Some(owned);
        }
        // A tell was pushed whose sender has yet to post it. It came first.
        owned.requeue();
        None
    }

    /// Takes the run flag of an agent nobody is running, to close it. The caller
    /// keeps its reference until it has: the cell's entry in a run queue may go
    /// at any time, and takes the count of being open with it.
    pub(crate) fn seize<'w>(&self, worker: &'w Worker) -> Option<Owned<'w>> {
        self.word.seize().then(|| Owned::taken(self.uncounted(), worker))
    }

    /// The message whose handler is suspended here, if one is.
    pub(crate) fn suspended_message(&self, worker: &Worker) -> Option<&'static str> {
        if !self.word.hold_suspended() {
            return None;
        }
        let owned = Owned::taken(self.uncounted(), worker);
        let message = owned.message();
        if let Err(owned) = owned.suspend() {
            owned.requeue();
        }
        message
    }

    /// Puts a message into the mailbox; a place has been reserved for it.
    #[inline]
    pub(crate) fn push(&self, envelope: Envelope) {
        if self.mailbox.push(envelope) {
            self.post_mail();
        }
    }

    #[inline]
    fn post_mail(&self) {
        match self.word.post_mail() {
            Posted::Queued => self.kind().system().driver().ready(Ready::again(self.uncounted())),
            Posted::Noted => {}
            Posted::Closed => self.bury_rest(),
        }
    }

    /// Takes out what its owner handles next.
    ///
    /// # Safety
    /// The caller holds the run flag, or has held it and closed the cell.
    #[inline]
    pub(super) unsafe fn pop_mail(&self) -> Option<Envelope> {
        if self.kind().evicts() {
            // SAFETY: the lock guards the ready list in kinds that evict.
            return self.with_eviction_lock(|| unsafe { self.mailbox.pop() });
        }
        // SAFETY: passed on from the caller.
        unsafe { self.mailbox.pop() }
    }

    /// Takes out the oldest message.
    pub(crate) fn evict_oldest(&self) -> Option<Envelope> {
        // SAFETY: called under the eviction lock.
        self.evict(|mailbox| unsafe { mailbox.pop() })
    }

    /// Takes out the oldest of those for which `rank` is lowest. `rank` must not unwind.
    pub(crate) fn evict_lowest(&self, rank: impl Fn(&Envelope) -> u8) -> Option<Envelope> {
        // SAFETY: called under the eviction lock.
        self.evict(|mailbox| unsafe { mailbox.evict(rank) })
    }

    fn evict(&self, take: impl FnOnce(&Mailbox) -> Option<Envelope>) -> Option<Envelope> {
        debug_assert!(self.kind().evicts(), "the lock guards the ready list only there");
        self.with_eviction_lock(|| take(&self.mailbox))
    }

    /// Whether nothing waits. Only the owner may ask.
    #[inline]
    fn has_no_mail(&self) -> bool {
        if self.kind().evicts() {
            // Whoever evicts moves the others to the ready list, before their
            // senders may have posted.
            // SAFETY: the lock guards the ready list in kinds that evict.
            let nothing_ready = || unsafe { self.mailbox.ready_is_empty() };
            return self.with_eviction_lock(|| nothing_ready() && self.mailbox.inbox_is_empty());
        }
        self.mailbox.inbox_is_empty()
    }

    /// Clears up messages that came after the end.
    #[cold]
    fn bury_rest(&self) {
        let rest: Vec<Envelope> = if self.kind().evicts() {
            // SAFETY: the lock guards the ready list in kinds that evict.
            let pop = || unsafe { self.mailbox.pop() };
            self.with_eviction_lock(|| std::iter::from_fn(pop).collect())
        } else {
            self.mailbox.drain_inbox().collect()
        };
        for envelope in rest {
            self.bury(envelope);
        }
    }

    /// Clears up a message that was in the mailbox of an agent that has ended.
    pub(super) fn bury(&self, envelope: Envelope) {
        // Senders in line are woken all at once when the cell has closed.
        let _ = self.unreserve(1);
        self.kind().system().bury(self, envelope);
    }

    /// Asks the agent's owner for `control`.
    pub(crate) fn post_control(&self, control: Control) {
        if self.word.post_control(control) == Posted::Queued {
            self.kind().system().driver().ready(Ready::again(self.uncounted()));
        }
    }

    /// Whether `waker` is this cell's own.
    pub(crate) fn is_woken_by(&self, waker: &Waker) -> bool {
        waker.data() == self.0.as_ptr().cast_const().cast() && waker::is_ours(waker)
    }

    /// Has the suspended handler polled again.
    pub(crate) fn wake(&self) {
        if self.word.wake() {
            self.kind().system().driver().ready(Ready::again(self.uncounted()));
        }
    }
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
    /// As [`Self::stopping`], and no frame borrows the state.
    pub(super) unsafe fn encode(&self, cell: NonNull<Header>) -> Written {
        // SAFETY: as above.
        unsafe { (self.encode)(cell) }
    }

    /// # Safety
    /// As [`Self::stopping`]; afterwards there is no state.
    pub(super) unsafe fn drop_state(&self, cell: NonNull<Header>) {
        // SAFETY: as above.
        unsafe { (self.drop_state)(cell) }
    }
}
