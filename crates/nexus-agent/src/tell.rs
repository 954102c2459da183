//! Sending without an answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};

use nexus_base::AgentId;

use crate::counters::Count;
use crate::post::{self, Entry};
use crate::raw::{CellRef, CurrentTurn, Route, with_turn, with_worker};
use crate::{Message, TellError, Worker};

/// A tell under way; see [`crate::Handle::tell`].
#[must_use = "nothing is sent until this is awaited"]
pub struct Tell<'h, M: Message> {
    route: Route<'h, M>,
    message: Option<M>,
    waiting: Option<Box<InLine>>,
}

/// A place in line for room in a mailbox.
struct InLine {
    cell: CellRef,
    ticket: u64,
    /// Who waits, if others can wait for it: an edge in the wait graph.
    waiter: Option<AgentId>,
}

// Nothing is pinned in place: the message is moved out when there is room.
impl<M: Message> Unpin for Tell<'_, M> {}

impl<'h, M: Message> Tell<'h, M> {
    #[inline]
    pub(crate) fn new(route: Route<'h, M>, message: M) -> Tell<'h, M> {
        Tell { route, message: Some(message), waiting: None }
    }
}

impl<M: Message> Future for Tell<'_, M> {
    type Output = Result<(), TellError<M>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !with_worker(|worker| worker.is_none_or(Worker::spend)) {
            // The sender has had its share of this run: others first.
            crate::worker::note_leaf();
            poller.waker().wake_by_ref();
            return Poll::Pending;
        }
        let message = this.message.take().expect("not polled after it was ready");
        let sent = match attempt(this.route, this.waiting.as_deref(), message) {
            Attempt::Taken => Ok(()),
            Attempt::Refused(error) => Err(counted(this.route.cell(), error)),
            Attempt::Wait(cell, message) => return this.wait(cell, message, poller),
        };
        this.leave();
        Poll::Ready(sent)
    }
}

impl<M: Message> Tell<'_, M> {
    #[cold]
    fn wait(
        &mut self,
        cell: CellRef,
        message: M,
        poller: &mut Poller<'_>,
    ) -> Poll<Result<(), TellError<M>>> {
        // Someone in line elsewhere (the agent was replaced) starts at the end here.
        if self.waiting.as_ref().is_some_and(|line| !line.cell.is(&cell)) {
            self.leave();
        }
        let (before, waiter) = match &self.waiting {
            Some(line) => (Some(line.ticket), line.waiter),
            None => match note_wait(&cell) {
                Ok(waiter) => (None, waiter),
                Err(Deadlock) => {
                    return Poll::Ready(Err(counted(&cell, refuse(&cell, message))));
                }
            },
        };
        let (ticket, again) = cell.kind().waiters.wait(&cell, before, poller.waker());
        self.waiting = Some(Box::new(InLine { cell, ticket, waiter }));
        self.message = Some(message);
        if again {
            poller.waker().wake_by_ref();
        }
        crate::worker::note_leaf();
        Poll::Pending
    }

    #[inline]
    fn leave(&mut self) {
        if let Some(line) = self.waiting.take() {
            line.leave();
        }
    }
}

impl<M: Message> Drop for Tell<'_, M> {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}

impl InLine {
    #[cold]
    fn leave(self) {
        self.cell.kind().waiters.leave(&self.cell, self.ticket);
        if let Some(waiter) = self.waiter {
            self.cell.kind().system().waits().remove(waiter, self.cell.id());
        }
    }
}

enum Attempt<M> {
    Taken,
    Refused(TellError<M>),
    Wait(CellRef, M),
}

/// Sends now or not at all.
#[inline]
pub(crate) fn try_tell<M: Message>(route: Route<'_, M>, message: M) -> Result<(), TellError<M>> {
    match attempt(route, None, message) {
        Attempt::Taken => Ok(()),
        Attempt::Refused(error) => Err(counted(route.cell(), error)),
        Attempt::Wait(cell, message) => Err(counted(&cell, refuse(&cell, message))),
    }
}

#[cold]
fn counted<M>(cell: &CellRef, error: TellError<M>) -> TellError<M> {
    cell.kind().system().count_error(error.code());
    error
}

#[inline]
fn attempt<M: Message>(route: Route<'_, M>, waiting: Option<&InLine>, message: M) -> Attempt<M> {
    let cell = route.cell();
    if cell.is_closed() {
        return again(route, waiting, message);
    }
    if let Some(refused) = refused_outside(cell) {
        return refused(message);
    }
    if holds_output() {
        return hold(route, message);
    }
    let ticket = waiting.filter(|line| line.cell.is(cell)).map(|line| line.ticket);
    match post::enter(cell, ticket) {
        Entry::Refused => Attempt::Refused(refuse(cell, message)),
        Entry::Wait => Attempt::Wait(cell.clone(), message),
        entry => {
            post::deliver(cell, entry, route.pack_tell(message));
            Attempt::Taken
        }
    }
}

/// While the node shuts down its agents may finish what they began; others may begin nothing.
#[inline]
fn refused_outside<M: Message>(cell: &CellRef) -> Option<fn(M) -> Attempt<M>> {
    let system = cell.kind().system();
    let refused = system.is_shutting_down() && !system.is_in_handler();
    refused.then_some(|message| Attempt::Refused(TellError::ShuttingDown(message)))
}

#[cold]
fn refuse<M: Message>(cell: &CellRef, message: M) -> TellError<M> {
    cell.kind().count_here(Count::Refused);
    TellError::MailboxFull { message, len_max: cell.kind().mailbox().len_max }
}

/// The agent that would make room waits, itself or through others, for the
/// handler that sends: it never would.
struct Deadlock;

/// Notes that the current handler waits for room in `cell`; who that is.
fn note_wait(cell: &CellRef) -> Result<Option<AgentId>, Deadlock> {
    let Some(chain) = with_turn(|turn| turn.and_then(CurrentTurn::asker_link)) else {
        return Ok(None);
    };
    let system = cell.kind().system();
    if system.note_wait(&chain, cell.id()).is_none() {
        return Ok(Some(chain.id));
    }
    system.waits().remove(chain.id, cell.id());
    Err(Deadlock)
}

/// The agent has closed: whoever has its name now gets the message.
#[cold]
fn again<M: Message>(route: Route<'_, M>, waiting: Option<&InLine>, message: M) -> Attempt<M> {
    let closed = route.cell();
    let Some(cell) = closed.kind().system().refind(closed) else {
        closed.kind().count_here(Count::Refused);
        return Attempt::Refused(TellError::NotRunning(message));
    };
    match Route::new(&cell, route.calls()) {
        Some(route) if !cell.is_closed() => attempt(route, waiting, message),
        _ => {
            closed.kind().count_here(Count::Refused);
            Attempt::Refused(TellError::NotRunning(message))
        }
    }
}

/// Whether the current handler's output is held until its step is durable.
#[inline]
fn holds_output() -> bool {
    with_turn(|turn| turn.is_some_and(|turn| turn.cell().kind().is_gated()))
}

/// Puts the tell into the current step's outbox. When it is let out there is
/// nobody left to wait or to hand it back to: a full mailbox makes it dead.
#[cold]
fn hold<M: Message>(route: Route<'_, M>, message: M) -> Attempt<M> {
    let cell = route.cell().clone();
    let envelope = route.pack_tell(message);
    with_turn(|turn| {
        let turn = turn.expect("only called inside a handler");
        turn.step().with_outbox(|outbox| outbox.push(move || post::post_alarm(&cell, envelope)));
    });
    Attempt::Taken
}
