//! The run flag as a value: whoever has an [`Owned`] may touch the cell's insides.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, null, null_mut};
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use nexus_base::Time;

use super::cell::{self, CellRef, Uncounted};
use super::frame::{self, Begun, Frame, FrameHead, Origin};
use super::local::{self, CurrentTurn, Turn};
use super::waker::with_waker;
use super::{Envelope, Ready};
use crate::counters::Count;
use crate::gate::Emitted;
use crate::slot::Slot;
use crate::{Agent, AskError, Context, Crash, During, Handler, Message, StopReason, Worker};

/// A cell while this thread runs it.
///
/// Ends by [`Owned::release`], [`Owned::requeue`], [`Owned::suspend`] or
/// [`Owned::close`]; merely dropping it leaves the cell running for ever.
#[must_use]
pub(crate) struct Owned<'w> {
    cell: Uncounted,
    worker: &'w Worker,
}

/// What an ask in place came to.
pub(crate) enum Called<R> {
    /// The answer.
    Answered(R),
    /// The handler is suspended; the answer will come through the slot.
    Pending(Arc<Slot<R>>),
    /// The handler panicked.
    Panicked(Box<Crash>),
}

impl<'w> Owned<'w> {
    #[inline]
    pub(super) fn taken(cell: Uncounted, worker: &'w Worker) -> Owned<'w> {
        Owned { cell, worker }
    }

    #[inline]
    pub(crate) fn cell(&self) -> &CellRef {
        &self.cell
    }

    pub(crate) fn worker(&self) -> &'w Worker {
        self.worker
    }

    #[inline]
    pub(crate) fn now(&self) -> Time {
        self.worker.now()
    }

    /// The oldest message that waits.
    #[inline]
    pub(crate) fn next_mail(&mut self) -> Option<Envelope> {
        self.cell().word().clear_mail();
        // SAFETY: we hold the run flag.
        unsafe { self.cell().pop_mail() }
    }

    /// Whether a handler is suspended here.
    #[inline]
    pub(crate) fn has_frame(&self) -> bool {
        self.cell().frame.with(|frame| {
            // SAFETY: we hold the run flag.
            !unsafe { *frame }.is_null()
        })
    }

    /// Whether the suspended handler's asker gave up.
    pub(crate) fn asker_gave_up(&self) -> bool {
        // SAFETY: we hold the run flag, so the frame is ours to look at.
        let asker = self.frame().and_then(|frame| unsafe { frame::asker(frame) });
        asker.is_some_and(|asker| asker.gave_up())
    }

    /// The message whose handler is suspended here.
    pub(super) fn message(&self) -> Option<&'static str> {
        // SAFETY: we hold the run flag, so the frame is ours to look at.
        self.frame().map(|frame| unsafe { frame.as_ref() }.step.message())
    }

    fn frame(&self) -> Option<NonNull<FrameHead>> {
        // SAFETY: we hold the run flag.
        self.cell().frame.with(|frame| NonNull::new(unsafe { *frame }))
    }

    fn set_frame(&mut self, frame: *mut FrameHead) {
        // SAFETY: we hold the run flag.
        self.cell().frame.with_mut(|at| unsafe { *at = frame });
    }

    /// Starts the handler for a message that came through the mailbox.
    ///
    /// # Safety
    /// The cell's agent is an `A`.
    #[inline]
    pub(crate) unsafe fn begin<A: Handler<M>, M: Message>(
        &mut self,
        message: M,
        origin: Origin,
        reply: Option<Arc<Slot<M::Reply>>>,
    ) -> Begun {
        self.cell().kind().counters.add(self.worker.shard(), Count::Handled, 1);
        self.cell().count_handled();
        self.worker.show_start(self.cell(), &message);
        // SAFETY: passed on from the caller.
        let state = unsafe { cell::state::<A>(self.cell.as_ptr()) };
        // SAFETY: we hold the run flag and no other handler is suspended here,
        // so state and context are borrowed by this future alone; the state
        // goes only after the frame.
        let start = |cx: *mut Context<A>| unsafe { A::handle(&mut *state, message, &mut *cx) };
        let mut output = MaybeUninit::uninit();
        // SAFETY: as above.
        match unsafe { self.first_poll(M::NAME, origin, reply, null(), start, &mut output) } {
            FirstPoll::Ready(frame) => {
                // SAFETY: the poll was ready, so there is an output; the frame
                // has answered its last poll and is ours.
                unsafe { Frame::answer(frame, output.assume_init()) };
                let emitted = self.take_emitted(frame.cast());
                // SAFETY: as above.
                match self.let_out(emitted, unsafe { free(frame) }) {
                    None => Begun::Done,
                    Some(crash) => Begun::Panicked(crash),
                }
            }
            FirstPoll::Pending(frame) => {
                self.set_frame(frame.cast().as_ptr());
                Begun::Pending
            }
            FirstPoll::Panicked(crash) => Begun::Panicked(crash),
        }
    }

    /// Runs the handler in place, on the asker's stack.
    ///
    /// # Safety
    /// The cell's agent is an `A`.
    #[inline]
    pub(crate) unsafe fn call<A: Handler<M>, M: Message>(
        &mut self,
        message: M,
        deadline: Time,
    ) -> Called<M::Reply> {
        self.cell().count_handled();
        self.worker.show_start(self.cell(), &message);
        let (parent, origin) = (local::current_turn(), Origin::in_place(deadline));
        // SAFETY: passed on from the caller.
        let state = unsafe { cell::state::<A>(self.cell.as_ptr()) };
        // SAFETY: as in `begin`.
        let start = |cx: *mut Context<A>| unsafe { A::handle(&mut *state, message, &mut *cx) };
        let mut output = MaybeUninit::uninit();
        // SAFETY: as in `begin`.
        match unsafe { self.first_poll(M::NAME, origin, None, parent, start, &mut output) } {
            FirstPoll::Ready(frame) => {
                // SAFETY: the poll was ready, so there is an output.
                let reply = unsafe { output.assume_init() };
                // SAFETY: the frame has answered its last poll and is ours.
                match unsafe { free(frame) } {
                    None => Called::Answered(reply),
                    Some(crash) => {
                        let _ = Crash::catch(During::Drop, || drop(reply));
                        Called::Panicked(crash)
                    }
                }
            }
            FirstPoll::Pending(frame) => {
                let slot = Arc::new(Slot::started());
                // SAFETY: the frame is ours.
                unsafe { Frame::set_reply(frame, slot.clone()) };
                self.leave_stack(frame.cast());
                Called::Pending(slot)
            }
            FirstPoll::Panicked(crash) => Called::Panicked(crash),
        }
    }

    /// Keeps the frame of a handler that was started in place and is suspended.
    #[cold]
    fn leave_stack(&mut self, frame: NonNull<FrameHead>) {
        // SAFETY: the frame is ours; its head is valid.
        let step = unsafe { &frame.as_ref().step };
        // From here on the asker may go away at any time: what the chain
        // needs of its stack is written down now.
        if step.origin().is_none() {
            step.set_origin(local::with_turn(|turn| turn.and_then(CurrentTurn::asker_link)));
        }
        // SAFETY: as above.
        if let (Some(link), Some(asker)) = (step.link(), unsafe { frame::asker(frame) }) {
            // The link was made on the stack, and has nothing there yet.
            let _ = link.waits.set(asker);
        }
        step.leave_stack();
        self.set_frame(frame.as_ptr());
    }

    /// Fills the handler's frame and polls it once. What it is ready with is in
    /// `output`: returned, it would be copied on its way in chunks that have to
    /// wait for smaller stores. Measured 2026-11 on an EPYC: that wait was a
    /// quarter of handling a message.
    ///
    /// # Safety
    /// The future that `start` makes borrows nothing that goes before the
    /// frame does; `parent` is null or the current turn.
    #[inline]
    unsafe fn first_poll<A: Agent, F: Future>(
        &mut self,
        message: &'static str,
        origin: Origin,
        reply: Option<Arc<Slot<F::Output>>>,
        parent: *const Turn,
        start: impl FnOnce(*mut Context<A>) -> F,
        output: &mut MaybeUninit<F::Output>,
    ) -> FirstPoll<A, F>
    where
        F::Output: Send + 'static,
    {
        let frame =
            Frame::<A, F>::reserve(self.cell.uncounted(), message, self.now(), origin, reply);
        if let Some(seed) = self.worker.take_recorded_seed() {
            // SAFETY: the frame's head is filled and ours.
            unsafe { frame.cast::<FrameHead>().as_ref() }.step.set_rng(nexus_base::Rng::new(seed));
        }
        let leaves = self.worker.begin_poll();
        // SAFETY: the frame is new and ours, the cell outlives it; `start` as
        // the caller promises.
        let polled = unsafe {
            poll_in_turn(&self.cell, frame.cast(), parent, |poller| {
                Frame::start(frame, start);
                Frame::poll_future(frame, poller)
                    .map(|ready| {
                        output.write(ready);
                    })
                    .is_ready()
            })
        };
        self.worker.end_poll(leaves, matches!(polled, Ok(false)), || (self.cell().name(), message));
        match polled {
            Ok(true) => FirstPoll::Ready(frame),
            Ok(false) => FirstPoll::Pending(frame),
            Err(panic) => {
                let crash = Box::new(Crash::new(During::Handler, panic));
                discard_frame(frame.cast(), AskError::Crashed((*crash).clone()));
                FirstPoll::Panicked(crash)
            }
        }
    }

    /// Polls the suspended handler once more.
    pub(crate) fn resume(&mut self) -> Begun {
        let Some(frame) = self.frame() else { return Begun::Done };
        // An alarm that has rung does not ring again: what was woken by it must
        // not find that the time has not come, by a clock read before.
        self.worker.pass_alarms();
        if let Some(hook) = self.cell().kind().hook()
            && let Err(crash) =
                Crash::catch(During::Handler, || hook.resumed(self.cell().id(), self.now()))
        {
            return self.crash_frame(frame, crash);
        }
        let leaves = self.worker.begin_poll();
        // SAFETY: we hold the run flag, so the frame is ours.
        let (step, polled) = unsafe {
            let step = &frame.as_ref().step;
            step.set_now(self.now());
            (step, poll_in_turn(&self.cell, frame, null(), |poller| frame::poll(frame, poller)))
        };
        self.worker.end_poll(leaves, matches!(polled, Ok(Poll::Pending)), || {
            (self.cell().name(), step.message())
        });
        match polled {
            Ok(Poll::Pending) => return Begun::Pending,
            Ok(Poll::Ready(())) => {}
            Err(panic) => return self.crash_frame(frame, Crash::new(During::Handler, panic)),
        }
        self.set_frame(null_mut());
        let emitted = self.take_emitted(frame);
        match self.let_out(emitted, discard_frame(frame, AskError::NotRunning)) {
            None => Begun::Done,
            Some(crash) => Begun::Panicked(crash),
        }
    }

    #[cold]
    fn crash_frame(&mut self, frame: NonNull<FrameHead>, crash: Crash) -> Begun {
        self.set_frame(null_mut());
        discard_frame(frame, AskError::Crashed(crash.clone()));
        Begun::Panicked(Box::new(crash))
    }

    /// What the step emitted, in kinds whose output is held.
    #[inline]
    fn take_emitted(&self, frame: NonNull<FrameHead>) -> Option<Box<Emitted>> {
        // SAFETY: the frame is ours until it is freed.
        self.cell().kind().is_gated().then(|| unsafe { frame.as_ref() }.step.take_emitted())
    }

    /// Hands over what the step emitted, now that its frame is gone; what that
    /// panicked with, or the dropping of the frame, if either did.
    #[inline]
    fn let_out(
        &self,
        emitted: Option<Box<Emitted>>,
        freed: Option<Box<Crash>>,
    ) -> Option<Box<Crash>> {
        match emitted {
            None => freed,
            Some(emitted) => self.pass_gate(emitted, freed),
        }
    }

    #[cold]
    fn pass_gate(&self, emitted: Box<Emitted>, freed: Option<Box<Crash>>) -> Option<Box<Crash>> {
        if let Some(crash) = freed {
            emitted.discard(AskError::Crashed((*crash).clone()));
            return Some(crash);
        }
        let kind = self.cell().kind();
        // SAFETY: we hold the run flag. There is a state, and no frame borrows it
        // any more.
        let encode = || unsafe { kind.vtable().encode(self.cell.as_ptr()) };
        kind.pass_gate(self.cell(), emitted, &encode).err().map(Box::new)
    }

    /// Drops the suspended handler where it stands; what its drop panicked with, if it did.
    pub(crate) fn drop_frame(&mut self, why: AskError) -> Option<Box<Crash>> {
        let frame = self.frame()?;
        self.set_frame(null_mut());
        discard_frame(frame, why)
    }

    /// Whether the agent has a state: one whose constructor panicked has none.
    pub(crate) fn has_state(&self) -> bool {
        !self.cell().is_stateless()
    }

    /// Makes the state afresh, after [`Self::drop_state`].
    pub(crate) fn construct(&mut self) -> Result<(), Crash> {
        assert!(!self.has_state(), "dropped before it is made again");
        self.cell().next_epoch();
        // SAFETY: we hold the run flag, and `drop_state` has been.
        let made =
            local::catch(|| unsafe { self.cell.kind().vtable().construct(self.cell.as_ptr()) });
        self.cell().set_stateless(made.is_err());
        made.map_err(|panic| Crash::new(During::Constructor, panic))
    }

    /// Tells the agent that its state is going to be dropped, if it has one.
    pub(crate) fn stopping(&mut self, reason: &StopReason) -> Option<Crash> {
        if !self.has_state() {
            return None;
        }
        // SAFETY: we hold the run flag, and there is a state.
        let told = local::catch(|| unsafe {
            self.cell.kind().vtable().stopping(self.cell.as_ptr(), reason);
        });
        told.err().map(|panic| Crash::new(During::Drop, panic))
    }

    /// Drops the state, if there is one; what its drop panicked with, if it did.
    pub(crate) fn drop_state(&mut self) -> Option<Crash> {
        if !self.has_state() {
            return None;
        }
        self.cell().set_stateless(true);
        // SAFETY: we hold the run flag, and there is a state and no frame borrowing it.
        let dropped =
            local::catch(|| unsafe { self.cell.kind().vtable().drop_state(self.cell.as_ptr()) });
        dropped.err().map(|panic| Crash::new(During::Drop, panic))
    }

    /// Whether all mail that had been fetched is handled; yes where that cannot be looked at.
    fn nothing_is_ready(&self) -> bool {
        if self.cell().kind().evicts() {
            return true;
        }
        // SAFETY: we hold the run flag, which is enough in kinds that do not evict.
        unsafe { self.cell().mailbox().ready_is_empty() }
    }

    /// Goes idle. If something came in meanwhile, the cell is still owned.
    #[inline]
    pub(crate) fn release(self) -> Result<(), Owned<'w>> {
        debug_assert!(self.nothing_is_ready());
        if self.cell().word().release() { Ok(()) } else { Err(self) }
    }

    /// Puts the cell behind the others in the run queue.
    #[cold]
    pub(crate) fn requeue(self) {
        let system = self.cell().kind().system().clone();
        self.cell().word().requeue();
        system.driver().ready(Ready::again(self.cell));
    }

    /// Leaves the cell until its handler is woken.
    pub(crate) fn suspend(self) -> Result<(), Owned<'w>> {
        if self.cell().word().suspend() { Ok(()) } else { Err(self) }
    }

    /// Ends the agent: no state, no frame any more; what still waits is buried.
    ///
    /// Closed first: whoever sends sees that and turns away, so what is left is
    /// what was there, and one message at most of each who was about to send.
    pub(crate) fn close(self) {
        let cell = self.cell().clone();
        let orphaned = cell.word().close();
        // SAFETY: what is in a closed cell is still ours alone.
        while let Some(envelope) = unsafe { cell.pop_mail() } {
            cell.bury(envelope);
        }
        if !orphaned {
            CellRef::release_open(self.cell);
        }
    }
}

/// What a first poll came to.
enum FirstPoll<A: Agent, F: Future>
where
    F::Output: Send + 'static,
{
    /// There is an output.
    Ready(NonNull<Frame<A, F>>),
    Pending(NonNull<Frame<A, F>>),
    Panicked(Box<Crash>),
}

/// Frees a frame whose handler has ended; what a drop panicked with, if one did.
///
/// # Safety
/// The frame is valid and nobody else uses it; it is gone afterwards.
#[inline]
unsafe fn free<A: Agent, F: Future>(frame: NonNull<Frame<A, F>>) -> Option<Box<Crash>>
where
    F::Output: Send + 'static,
{
    // SAFETY: passed on from the caller.
    let freed = catch_unwind(AssertUnwindSafe(|| unsafe { Frame::free(frame) }));
    freed.err().map(|panic| Box::new(Crash::new(During::Handler, panic)))
}

/// Polls inside a turn, catching panics.
///
/// # Safety
/// The cell is owned and `frame` is its frame; `parent` is null or the current turn.
#[inline]
unsafe fn poll_in_turn<R>(
    cell: &CellRef,
    frame: NonNull<FrameHead>,
    parent: *const Turn,
    poll: impl FnOnce(&mut Poller<'_>) -> R,
) -> std::thread::Result<R> {
    // SAFETY: passed on from the caller.
    let depth = unsafe { parent.as_ref() }.map_or(0, |parent| parent.depth + 1);
    let turn = Turn { cell: cell.uncounted(), frame, parent, depth };
    with_waker(cell, |waker| {
        local::inside(&turn, || {
            catch_unwind(AssertUnwindSafe(|| poll(&mut Poller::from_waker(waker))))
        })
    })
}

/// Drops a frame that is not polled any more; what its drop panicked with, if it did.
fn discard_frame(frame: NonNull<FrameHead>, why: AskError) -> Option<Box<Crash>> {
    // SAFETY: callers own the frame and have unhooked it from its cell.
    let discard = || unsafe { frame::discard(frame, why) };
    let dropped = local::catch(|| local::outside(discard));
    dropped.err().map(|panic| Box::new(Crash::new(During::Handler, panic)))
}
