//! Sending without an answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use nexus_base::{AgentId, Time};

use crate::counters::Count;
use crate::driver::{Alarm, AlarmKey};
use crate::post::{self, Entry};
use crate::raw::{CellRef, CurrentTurn, Route, with_turn, with_worker};
use crate::{Message, TellError, Worker};

/// A tell under way; see [`crate::Handle::tell`].
#[must_use = "nothing is sent until this is awaited"]
pub struct Tell<'h, M: Message> {
    route: Route<'h, M>,
    message: Option<M>,
    /// How long it may stand in line; its kind's deadline if nothing is said.
    within: Option<Duration>,
    waiting: Option<Box<InLine>>,
}

/// A place in line for room in a mailbox.
struct InLine {
    cell: CellRef,
    ticket: u64,
    deadline: Time,
    /// Wakes whoever polled last at the deadline.
    alarm: Option<AlarmKey>,
    /// Who waits, if others can wait for it: an edge in the wait graph.
    waiter: Option<AgentId>,
}

// Nothing is pinned in place: the message is moved out when there is room.
impl<M: Message> Unpin for Tell<'_, M> {}

impl<'h, M: Message> Tell<'h, M> {
    #[inline]
    pub(crate) fn new(route: Route<'h, M>, message: M) -> Tell<'h, M> {
        Tell { route, message: Some(message), within: None, waiting: None }
    }

    /// Waits at most this long for room in a full mailbox whose policy is to
    /// wait, instead of the kind's [`crate::Agent::DEADLINE`].
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, Context, Handle, Handler, Message};
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # #[derive(Message)]
    /// # struct Add(u64);
    /// # impl Handler<Add> for Cart {
    /// #     async fn handle(&mut self, _: Add, _cx: &mut Context<Cart>) {}
    /// # }
    /// # async fn example(cart: Handle<Cart>) {
    /// use std::time::Duration;
    ///
    /// if let Err(error) = cart.tell(Add(2)).within(Duration::from_millis(50)).await {
    ///     println!("{error}");
    ///     let Add(amount) = error.into_message();
    ///     println!("{amount} is still ours");
    /// }
    /// # }
    /// ```
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }
}

impl<M: Message> Future for Tell<'_, M> {
    type Output = Result<(), TellError<M>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let go = |worker: &Worker| worker.spend() || !worker.can_yield(poller);
        if !with_worker(|worker| worker.is_none_or(go)) {
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
        this.waiting = None;
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
        let deadline = match &self.waiting {
            Some(line) => line.deadline,
            None => self.deadline(&cell),
        };
        // Someone in line elsewhere (the agent was replaced) starts at the end here.
        self.waiting.take_if(|line| !line.cell.is(&cell));
        // By the driver's clock, as in asks: the alarm rings by it, once.
        if cell.kind().system().driver().now() >= deadline {
            self.waiting = None;
            return Poll::Ready(Err(counted(&cell, expired(&cell, message, deadline))));
        }
        if let Some(line) = &mut self.waiting {
            line.wait(poller);
        } else {
            let Ok(waiter) = note_wait(&cell) else {
                return Poll::Ready(Err(counted(&cell, refuse(&cell, message))));
            };
            self.waiting = Some(Box::new(InLine::join(cell, deadline, waiter, poller)));
        }
        self.message = Some(message);
        crate::worker::note_leaf();
        Poll::Pending
    }

    /// Until when to stand in line.
    fn deadline(&self, cell: &CellRef) -> Time {
        let of_kind = Duration::from_nanos(cell.kind().deadline_ns());
        cell.kind().system().fresh_now().after(self.within.unwrap_or(of_kind))
    }
}

impl InLine {
    fn join(cell: CellRef, deadline: Time, waiter: Option<AgentId>, poller: &Poller<'_>) -> InLine {
        let (ticket, again) = cell.kind().waiters.wait(&cell, None, poller.waker());
        let mut line = InLine { cell, ticket, deadline, alarm: None, waiter };
        line.arm(again, poller);
        line
    }

    /// Stays in line, woken by whoever polls now.
    fn wait(&mut self, poller: &Poller<'_>) {
        let waiters = &self.cell.kind().waiters;
        let (_, again) = waiters.wait(&self.cell, Some(self.ticket), poller.waker());
        self.arm(again, poller);
    }

    fn arm(&mut self, again: bool, poller: &Poller<'_>) {
        if again {
            poller.waker().wake_by_ref();
        }
        // Afresh each time: whoever polls now need not be who polled before.
        let driver = self.cell.kind().system().driver();
        let alarm = driver.set_alarm(self.deadline, Alarm::wake(poller.waker().clone()));
        if let Some(before) = self.alarm.replace(alarm) {
            driver.cancel_alarm(before);
        }
    }
}

impl Drop for InLine {
    #[cold]
    fn drop(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            self.cell.kind().system().driver().cancel_alarm(alarm);
        }
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

/// It has stood in line for as long as it may.
fn expired<M: Message>(cell: &CellRef, message: M, deadline: Time) -> TellError<M> {
    cell.kind().count_here(Count::Refused);
    TellError::Expired { message, deadline }
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
        return gone(closed, message);
    };
    match Route::new(&cell, route.calls()) {
        Some(route) if !cell.is_closed() => attempt(route, waiting, message),
        _ => gone(closed, message),
    }
}

fn gone<M: Message>(closed: &CellRef, message: M) -> Attempt<M> {
    closed.kind().count_here(Count::Refused);
    Attempt::Refused(match closed.kind().system().is_shutting_down() {
        true => TellError::ShuttingDown(message),
        false => TellError::NotRunning(message),
    })
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
        let held = move || post::post_held(&cell, envelope);
        turn.step().with_emitted(|emitted| emitted.outbox.push(held));
    });
    Attempt::Taken
}
