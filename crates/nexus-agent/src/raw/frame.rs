//! A frame: the storage of one handler that has been started.
//!
//! It is filled before the handler's first poll and never moves, so a handler
//! may be suspended at any `await` and finished later, on any thread, by
//! whoever holds the cell's run flag.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Poller, Poll, Waker};

use nexus_base::{Rng, Time};

use super::cell::{CellRef, Uncounted};
use super::pool;
use crate::chain::{Asker, Link};
use crate::driver::{Alarm, AlarmKey};
use crate::error::drop_caught;
use crate::gate::Emitted;
use crate::slot::Slot;
use crate::{Agent, AskError, Context, Crash};

/// What one step, the handling of one message, knows about itself.
///
/// While its handler is polled the polling thread looks at it through the
/// current turn, and other threads may through a context they were lent. So
/// nothing that a context reaches changes during a poll, but for `extra`,
/// which has a lock.
pub(crate) struct Step {
    cell: Uncounted,
    message: &'static str,
    now: Cell<Time>,
    deadline: Time,
    /// Whether the parent on the stack is the asker.
    in_place: Cell<bool>,
    /// Sends of this step that stand in line for room in a mailbox.
    in_line: Cell<u32>,
    /// Like the two above not for contexts: only the polling thread's turn has it change.
    /// Wakes the handler for the earliest deadline of its asks. Kept from one
    /// ask to the next: most have the same time to wait, and none needs it.
    alarm: Cell<Option<(Time, AlarmKey)>>,
    origin: RefCell<Option<Arc<Link>>>,
    extra: Mutex<Option<Box<Extra>>>,
}

impl Drop for Step {
    #[inline]
    fn drop(&mut self) {
        if let Some((_, key)) = self.alarm.take() {
            self.cell.kind().system().driver().cancel_alarm(key);
        }
    }
}

/// A step as its handler's context sees it.
pub(crate) struct StepRef(NonNull<FrameHead>);

// SAFETY: a context lives in its step's frame and is used during its polls
// only, by the thread that polls or those that it lends the context to; what
// they may meet at is locked. See `Step`.
unsafe impl Send for StepRef {}
// SAFETY: as above.
unsafe impl Sync for StepRef {}

impl std::ops::Deref for StepRef {
    type Target = Step;

    fn deref(&self) -> &Step {
        // SAFETY: as above; the step goes after the handler that borrows the context.
        unsafe { &self.0.as_ref().step }
    }
}

impl StepRef {
    /// Where whoever asked waits; nothing for a tell, nor while it is below us
    /// on the same stack.
    pub(crate) fn asker(&self) -> Option<Arc<dyn Asker>> {
        // SAFETY: as above.
        unsafe { asker(self.0) }
    }
}

/// What most steps never need.
#[derive(Default)]
struct Extra {
    link: Option<Arc<Link>>,
    rng: Option<Rng>,
    emitted: Option<Box<Emitted>>,
}

/// Where a message came from.
pub(crate) struct Origin {
    pub(crate) deadline: Time,
    pub(crate) chain: Option<Arc<Link>>,
    in_place: bool,
}

impl Origin {
    pub(crate) const TELL: Origin = Origin { deadline: Time::MAX, chain: None, in_place: false };

    /// An ask that came through the mailbox.
    pub(crate) fn queued(deadline: Time, chain: Option<Arc<Link>>) -> Origin {
        Origin { deadline, chain, in_place: false }
    }

    /// An ask by the turn below on the stack.
    #[inline]
    pub(super) fn in_place(deadline: Time) -> Origin {
        Origin { deadline, chain: None, in_place: true }
    }
}

/// How far a handler got.
pub(crate) enum Begun {
    /// It ran to its end.
    Done,
    /// It is suspended; its frame is in the cell.
    Pending,
    /// It panicked; its frame is gone.
    /// Boxed, so that how a poll ended fits two registers.
    Panicked(Box<Crash>),
    /// Its asker no longer waits: it was not started.
    Skipped,
}

impl Step {
    pub(crate) fn cell(&self) -> &CellRef {
        &self.cell
    }

    /// The name of the message being handled.
    pub(crate) fn message(&self) -> &'static str {
        self.message
    }

    pub(crate) fn now(&self) -> Time {
        self.now.get()
    }

    pub(super) fn set_now(&self, now: Time) {
        self.now.set(now);
    }

    pub(crate) fn deadline(&self) -> Time {
        self.deadline
    }

    pub(crate) fn is_in_place(&self) -> bool {
        self.in_place.get()
    }

    /// Sees that the handler is polled again by `deadline`, if it is `waker`
    /// that wakes it; false if not.
    ///
    /// It may be polled earlier as well, and asks again then: after an alarm
    /// has rung the handler is polled at a later time than the alarm's.
    pub(crate) fn wakes_by(&self, deadline: Time, waker: &Waker) -> bool {
        if !self.cell.is_woken_by(waker) {
            return false;
        }
        let driver = self.cell.kind().system().driver();
        match self.alarm.get() {
            Some((at, _)) if self.now() < at && at <= deadline => return true,
            Some((_, later)) => drop(driver.cancel_alarm(later)),
            None => {}
        }
        let key = driver.set_alarm(deadline, Alarm::wake(waker.clone()));
        self.alarm.set(Some((deadline, key)));
        true
    }

    /// Whether a send of this step stands in line: later ones must not pass it.
    pub(crate) fn stands_in_line(&self) -> bool {
        self.in_line.get() > 0
    }

    /// Notes that a send of this step has joined a line.
    pub(crate) fn joins_line(&self) {
        self.in_line.set(self.in_line.get() + 1);
    }

    /// Notes that a send of this step has left its line.
    pub(crate) fn leaves_line(&self) {
        self.in_line.set(self.in_line.get().saturating_sub(1));
    }

    /// Cuts the step off the stack it was started on.
    pub(super) fn leave_stack(&self) {
        self.in_place.set(false);
    }

    pub(crate) fn origin(&self) -> Option<Arc<Link>> {
        self.origin.borrow().clone()
    }

    pub(super) fn set_origin(&self, origin: Option<Arc<Link>>) {
        *self.origin.borrow_mut() = origin;
    }

    pub(super) fn link(&self) -> Option<Arc<Link>> {
        self.extra().as_ref()?.link.clone()
    }

    pub(super) fn set_link(&self, link: Arc<Link>) {
        self.extra().get_or_insert_default().link = Some(link);
    }

    /// Calls `f` with this step's own generator, made by `seed` at the first call.
    pub(crate) fn with_rng<R>(
        &self,
        seed: impl FnOnce() -> Rng,
        f: impl FnOnce(&mut Rng) -> R,
    ) -> R {
        // Taken out, because `f` is the user's and may come back here.
        let taken = self.extra().get_or_insert_default().rng.take();
        let mut rng = taken.unwrap_or_else(seed);
        let result = f(&mut rng);
        self.set_rng(rng);
        result
    }

    pub(crate) fn set_rng(&self, rng: Rng) {
        self.extra().get_or_insert_default().rng = Some(rng);
    }

    /// Calls `f` with what the step has emitted but not let out.
    pub(crate) fn with_emitted<R>(&self, f: impl FnOnce(&mut Emitted) -> R) -> R {
        f(self.extra().get_or_insert_default().emitted.get_or_insert_default())
    }

    /// What the step has emitted, for letting it out.
    #[cold]
    pub(super) fn take_emitted(&self) -> Box<Emitted> {
        self.extra().as_mut().and_then(|extra| extra.emitted.take()).unwrap_or_default()
    }

    fn extra(&self) -> MutexGuard<'_, Option<Box<Extra>>> {
        self.extra.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The head of every frame.
#[repr(C)]
pub(super) struct FrameHead {
    vtable: &'static FrameVtable,
    pub(super) step: Step,
}

struct FrameVtable {
    /// Polls the handler; at its end the answer is delivered. The frame stays.
    poll: unsafe fn(NonNull<FrameHead>, &mut Poller<'_>) -> Poll<()>,
    /// Drops the handler, tells its asker `why` if it still waits, frees the frame.
    discard: unsafe fn(NonNull<FrameHead>, AskError),
    asker: unsafe fn(NonNull<FrameHead>) -> Option<Arc<dyn Asker>>,
}

/// `reply` is typed by the future's output; `context` is what the handler borrows.
#[repr(C)]
pub(super) struct Frame<A: Agent, F: Future> {
    head: FrameHead,
    context: Context<A>,
    reply: Option<Arc<Slot<F::Output>>>,
    /// Whether `future` has been made.
    started: bool,
    future: MaybeUninit<F>,
}

/// # Safety
/// `frame` is valid and nobody else uses it.
pub(super) unsafe fn poll(frame: NonNull<FrameHead>, poller: &mut Poller<'_>) -> Poll<()> {
    // SAFETY: passed on from the caller.
    unsafe { (frame.as_ref().vtable.poll)(frame, poller) }
}

/// # Safety
/// As [`poll`]; the frame is gone afterwards.
pub(super) unsafe fn discard(frame: NonNull<FrameHead>, why: AskError) {
    // SAFETY: passed on from the caller.
    unsafe { (frame.as_ref().vtable.discard)(frame, why) }
}

/// # Safety
/// `frame` is valid, and whoever else uses it leaves its asker alone.
pub(super) unsafe fn asker(frame: NonNull<FrameHead>) -> Option<Arc<dyn Asker>> {
    // SAFETY: passed on from the caller.
    unsafe { (frame.as_ref().vtable.asker)(frame) }
}

impl<A: Agent, F: Future> Frame<A, F>
where
    F::Output: Send + 'static,
{
    const VTABLE: FrameVtable =
        FrameVtable { poll: Self::poll, discard: Self::discard, asker: Self::asker };

    /// Takes memory for a frame and fills all of it but the future.
    ///
    /// Field by field: built elsewhere and moved here, the step would cost
    /// more than the rest of an ask in place.
    #[inline]
    pub(super) fn reserve(
        cell: Uncounted,
        message: &'static str,
        now: Time,
        origin: Origin,
        reply: Option<Arc<Slot<F::Output>>>,
    ) -> NonNull<Self> {
        let frame: NonNull<Self> = pool::take(Layout::new::<Self>()).cast();
        let at = frame.as_ptr();
        // SAFETY: fresh memory of the right layout.
        unsafe {
            let step = &raw mut (*at).head.step;
            (&raw mut (*at).head.vtable).write(&Self::VTABLE);
            (&raw mut (*step).cell).write(cell);
            (&raw mut (*step).message).write(message);
            (&raw mut (*step).now).write(Cell::new(now));
            (&raw mut (*step).deadline).write(origin.deadline);
            (&raw mut (*step).in_place).write(Cell::new(origin.in_place));
            (&raw mut (*step).in_line).write(Cell::new(0));
            (&raw mut (*step).alarm).write(Cell::new(None));
            (&raw mut (*step).origin).write(RefCell::new(origin.chain));
            (&raw mut (*step).extra).write(Mutex::new(None));
            (&raw mut (*at).context).write(Context::new(StepRef(frame.cast())));
            (&raw mut (*at).reply).write(reply);
            (&raw mut (*at).started).write(false);
        }
        frame
    }

    /// Makes the future. `start` may unwind: then there is none.
    ///
    /// # Safety
    /// The frame is ours and has no future yet; the one that `start` makes
    /// borrows nothing that goes before the frame does.
    #[inline]
    pub(super) unsafe fn start(frame: NonNull<Self>, start: impl FnOnce(*mut Context<A>) -> F) {
        let at = frame.as_ptr();
        // SAFETY: passed on from the caller.
        unsafe {
            emplace(&mut (*at).future, &raw mut (*at).context, start);
            (*at).started = true;
        }
    }

    /// # Safety
    /// The frame is valid and nobody else uses it.
    #[inline]
    pub(super) unsafe fn poll_future(
        frame: NonNull<Self>,
        poller: &mut Poller<'_>,
    ) -> Poll<F::Output> {
        // SAFETY: frames do not move, and only started ones are polled.
        unsafe { Pin::new_unchecked((*frame.as_ptr()).future.assume_init_mut()).poll(poller) }
    }

    /// # Safety
    /// As [`Self::poll_future`].
    pub(super) unsafe fn set_reply(frame: NonNull<Self>, reply: Arc<Slot<F::Output>>) {
        // SAFETY: passed on from the caller.
        unsafe { (*frame.as_ptr()).reply = Some(reply) }
    }

    /// Drops the future, then what it borrowed, then the memory.
    ///
    /// # Safety
    /// As [`Self::poll_future`]; the frame is gone afterwards, even if a drop unwinds.
    #[inline]
    pub(super) unsafe fn free(frame: NonNull<Self>) {
        let at = frame.as_ptr();
        let _give = Give::<Self>(frame);
        // SAFETY: each field is dropped once, the future first because it borrows the context.
        unsafe {
            let _step = DropInPlace(&raw mut (*at).head);
            let _reply = DropInPlace(&raw mut (*at).reply);
            if (*at).started {
                (*at).future.assume_init_drop();
            }
        }
    }

    unsafe fn asker(frame: NonNull<FrameHead>) -> Option<Arc<dyn Asker>> {
        let frame: NonNull<Self> = frame.cast();
        // SAFETY: passed on from the caller. The reply is no part of what the
        // future borrows.
        let reply = unsafe { (*frame.as_ptr()).reply.as_ref() }?;
        Some(reply.clone())
    }

    unsafe fn poll(frame: NonNull<FrameHead>, poller: &mut Poller<'_>) -> Poll<()> {
        let frame: NonNull<Self> = frame.cast();
        // SAFETY: passed on from the caller; the head is the frame's first field.
        unsafe {
            match Self::poll_future(frame, poller) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(output) => {
                    Self::answer(frame, output);
                    Poll::Ready(())
                }
            }
        }
    }

    /// Delivers the answer, or puts it into the outbox behind what was emitted before.
    ///
    /// # Safety
    /// As [`Self::poll_future`].
    #[inline]
    pub(super) unsafe fn answer(frame: NonNull<Self>, output: F::Output) {
        // SAFETY: passed on from the caller.
        let (reply, step) = unsafe {
            let at = frame.as_ptr();
            ((*at).reply.take(), &(*at).head.step)
        };
        let Some(reply) = reply else { return drop_caught(output) };
        if step.cell().kind().is_gated() {
            let strict = step.cell().kind().strict().is_some();
            step.with_emitted(|emitted| emitted.push_reply(strict, reply, output));
        } else {
            reply.complete(Ok(output));
        }
    }

    unsafe fn discard(frame: NonNull<FrameHead>, why: AskError) {
        let frame: NonNull<Self> = frame.cast();
        // SAFETY: passed on from the caller. The answer goes out only after
        // the future is gone, so that its asker finds the agent quiet.
        unsafe {
            let reply = (*frame.as_ptr()).reply.take();
            let answer = Answer(reply, Some(why));
            Self::free(frame);
            drop(answer);
        }
    }
}

/// Makes the future and moves it to its place word by word.
///
/// The compiler would move it in chunks of sixteen bytes, each of which has to
/// wait for two stores of eight that are still on their way to the cache.
/// Measured 2026-11 on a Zen 3 EPYC: that wait was a tenth of an ask in place.
#[inline(always)]
fn emplace<C, F>(place: &mut MaybeUninit<F>, context: *mut C, start: impl FnOnce(*mut C) -> F) {
    const WORDS_MAX: usize = 8;
    let words = size_of::<F>() / size_of::<u64>();
    let whole = size_of::<F>().is_multiple_of(size_of::<u64>());
    if !whole || words > WORDS_MAX || align_of::<F>() != align_of::<u64>() {
        place.write(start(context));
        return;
    }
    let made = MaybeUninit::new(start(context));
    let (from, to): (*const MaybeUninit<u64>, *mut MaybeUninit<u64>) =
        (made.as_ptr().cast(), place.as_mut_ptr().cast());
    for word in 0..words {
        // SAFETY: both are `words` words long and aligned as words; `made` is
        // not dropped, so the future has moved. Volatile, or the compiler would
        // make chunks of the words again.
        unsafe { to.add(word).write(from.add(word).read_volatile()) };
    }
}

/// Answers an asker even if dropping the handler unwinds.
struct Answer<R>(Option<Arc<Slot<R>>>, Option<AskError>);

impl<R> Drop for Answer<R> {
    fn drop(&mut self) {
        if let (Some(reply), Some(why)) = (self.0.take(), self.1.take()) {
            reply.complete(Err(why));
        }
    }
}

struct Give<T>(NonNull<T>);

impl<T> Drop for Give<T> {
    fn drop(&mut self) {
        // SAFETY: only `Frame::free` makes one, for a frame `place` took with this layout.
        unsafe { pool::give(self.0.cast(), Layout::new::<T>()) }
    }
}

struct DropInPlace<T>(*mut T);

impl<T> Drop for DropInPlace<T> {
    fn drop(&mut self) {
        // SAFETY: only `Frame::free` makes one, once for each field.
        unsafe { self.0.drop_in_place() }
    }
}
