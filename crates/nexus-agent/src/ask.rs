//! Sending and awaiting the answer: in place where the rules allow it, through
//! the mailbox otherwise.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use nexus_base::{AgentId, Time};

use crate::chain::{CHAIN_LEN_MAX, Link};
use crate::counters::Count;
use crate::driver::{Alarm, AlarmKey};
use crate::post::{self, Entry};
use crate::raw::{Asked, Called, CellRef, Control, CurrentTurn, Route, with_turn, with_worker};
use crate::slot::{Abandoned, Look, Slot};
use crate::worker::{Room, Worker};
use crate::{AskError, Changed, CyclePath, Message, OnCancel, run};

/// An ask under way; see [`crate::Handle::ask`]. Dropping it gives up on the
/// answer, and the handler can tell.
#[must_use = "nothing is sent until this is awaited"]
pub struct Ask<'h, M: Message> {
    route: Route<'h, M>,
    within_ns: u64,
    in_place: bool,
    state: State<'h, M>,
}

enum State<'h, M: Message> {
    Unsent(Option<M>),
    /// Boxed: rare, and larger than the rest.
    InLine(Box<InLine<M>>),
    Waiting(Waiting<'h, M::Reply>),
}

/// Waiting for room in the mailbox.
struct InLine<M> {
    message: Option<M>,
    cell: CellRef,
    ticket: u64,
    deadline: Time,
    alarm: Option<AlarmKey>,
    /// Who waits, if others can wait for it: an edge in the wait graph.
    waiter: Option<AgentId>,
}

/// Waiting for the answer.
struct Waiting<'h, R> {
    slot: Arc<Slot<R>>,
    cell: Target<'h>,
    deadline: Time,
    alarm: DeadlineAlarm,
    /// Who waits, if it is an agent: an edge in the wait graph.
    waiter: Option<AgentId>,
    answered: bool,
}

/// Who has been asked: mostly whom the handle knows, at no further count.
enum Target<'h> {
    Known(&'h CellRef),
    Found(CellRef),
}

impl Deref for Target<'_> {
    type Target = CellRef;

    fn deref(&self) -> &CellRef {
        match self {
            Target::Known(cell) => cell,
            Target::Found(cell) => cell,
        }
    }
}

/// Who wakes the asker at the deadline.
#[derive(Clone, Copy, PartialEq)]
enum DeadlineAlarm {
    /// Nobody yet.
    Unset,
    /// The alarm of the asker's step, shared by all its asks.
    OfStep,
    /// One of its own: the asker is no handler, or polls through another waker.
    Own(AlarmKey),
}

// Nothing is pinned in place: the message is moved out when it is sent.
impl<M: Message> Unpin for Ask<'_, M> {}

type Answer<M> = Poll<Result<<M as Message>::Reply, AskError>>;

impl<'h, M: Message> Ask<'h, M> {
    #[inline]
    pub(crate) fn new(route: Route<'h, M>, message: M) -> Ask<'h, M> {
        let within_ns = route.cell().kind().deadline_ns();
        Ask { route, within_ns, in_place: true, state: State::Unsent(Some(message)) }
    }

    /// Waits at most this long, instead of the kind's [`crate::Agent::DEADLINE`].
    /// Inside a handler the handler's own deadline holds as well.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, AskError, Context, Handle, Handler, Message};
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # #[derive(Message)]
    /// # #[message(reply = u64)]
    /// # struct Add(u64);
    /// # impl Handler<Add> for Cart {
    /// #     async fn handle(&mut self, add: Add, _cx: &mut Context<Cart>) -> u64 { add.0 }
    /// # }
    /// # async fn example(cart: Handle<Cart>) -> Result<(), Box<dyn std::error::Error>> {
    /// use nexus::Changed;
    /// use std::time::Duration;
    ///
    /// if let Err(error) = cart.ask(Add(2)).within(Duration::from_millis(50)).await {
    ///     match error.changed() {
    ///         Changed::No => println!("{error}; asking again is safe"),
    ///         Changed::Unknown => println!("{error}; look before asking again"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn within(mut self, limit: Duration) -> Self {
        self.within_ns = limit.as_nanos().try_into().unwrap_or(u64::MAX);
        self
    }

    /// Goes through the mailbox even where the handler could run in place, so
    /// that others who are ready have their turn first, and the handler starts
    /// outside the asker's `tracing` span and task-locals.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Agent, AskError, Context, Handle, Handler, Message};
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # #[derive(Message)]
    /// # #[message(reply = u64)]
    /// # struct Add(u64);
    /// # impl Handler<Add> for Cart {
    /// #     async fn handle(&mut self, add: Add, _cx: &mut Context<Cart>) -> u64 { add.0 }
    /// # }
    /// # async fn example(cart: Handle<Cart>) -> Result<(), Box<dyn std::error::Error>> {
    /// let total = cart.ask(Add(2)).queued().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn queued(mut self) -> Self {
        self.in_place = false;
        self
    }
}

impl<M: Message> Future for Ask<'_, M> {
    type Output = Result<M::Reply, AskError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Answer<M> {
        let this = &mut *self;
        let answer = match &mut this.state {
            State::Unsent(message) => {
                let message = message.take().expect("not polled after it was ready");
                this.send(message, poller)
            }
            State::InLine(_) => this.poll_in_line(poller),
            State::Waiting(waiting) => waiting.poll(poller),
        };
        // Taken apart and put together again: an answer that is only passed on
        // is copied as bytes, which waits for its own stores.
        match answer {
            Poll::Ready(Ok(reply)) => Poll::Ready(Ok(reply)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(this.counted(error))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<'h, M: Message> Ask<'h, M> {
    #[inline]
    fn send(&mut self, message: M, poller: &mut Poller<'_>) -> Answer<M> {
        with_worker(|worker| {
            with_turn(|turn| match worker {
                Some(worker) if self.in_place => self.send_here(message, worker, turn, poller),
                _ => self.send_through_mailbox(message, turn, poller),
            })
        })
    }

    /// On a worker: in place if the callee is free.
    #[inline]
    fn send_here(
        &mut self,
        message: M,
        worker: &Worker,
        turn: Option<CurrentTurn<'_>>,
        poller: &mut Poller<'_>,
    ) -> Answer<M> {
        let cell = self.route.cell();
        match worker.in_place(cell.kind(), turn.map_or(0, CurrentTurn::depth), poller) {
            Room::Here => {}
            Room::Queue => return self.send_through_mailbox(message, turn, poller),
            Room::Yield => return self.yield_first(message, poller),
        }
        let deadline = deadline(worker.now(), self.within_ns, turn);
        if deadline <= worker.now() {
            return Poll::Ready(Err(AskError::Expired { deadline }));
        }
        let Some(mut owned) = cell.try_own(worker) else {
            return self.send_through_mailbox(message, turn, poller);
        };
        cell.kind().count(Some(worker), Count::Accepted, 1);
        cell.kind().count(Some(worker), Count::Handled, 1);
        cell.kind().count(Some(worker), Count::InPlace, 1);
        match self.route.call(&mut owned, message, deadline) {
            Called::Answered(reply) => {
                run::finish(owned);
                Poll::Ready(Ok(reply))
            }
            Called::Pending(slot) => {
                run::finish_suspended(owned);
                self.wait_suspended(slot, deadline, turn, poller)
            }
            Called::Panicked(crash) => {
                run::finish_crashed(owned, (*crash).clone());
                Poll::Ready(Err(AskError::Crashed(*crash)))
            }
        }
    }

    #[cold]
    fn counted(&self, error: AskError) -> AskError {
        self.route.cell().kind().system().count_error(error.code());
        error
    }

    /// The handler was started in place and is suspended.
    #[cold]
    fn wait_suspended(
        &mut self,
        slot: Arc<Slot<M::Reply>>,
        deadline: Time,
        turn: Option<CurrentTurn<'_>>,
        poller: &mut Poller<'_>,
    ) -> Answer<M> {
        let answer = slot.poll(poller);
        if answer.is_ready() {
            return answer;
        }
        self.wait(slot, Target::Known(self.route.cell()), deadline, turn, poller)
    }

    /// The asker has had its share of this run: others first.
    #[cold]
    fn yield_first(&mut self, message: M, poller: &mut Poller<'_>) -> Answer<M> {
        self.state = State::Unsent(Some(message));
        crate::worker::note_leaf();
        poller.waker().wake_by_ref();
        Poll::Pending
    }

    #[inline(never)]
    fn send_through_mailbox(
        &mut self,
        message: M,
        turn: Option<CurrentTurn<'_>>,
        poller: &mut Poller<'_>,
    ) -> Answer<M> {
        let route = self.route;
        let cell = route.cell();
        if cell.is_closed() {
            return match cell.kind().system().refind(cell) {
                Some(cell) => self.enqueue(Target::Found(cell), None, message, turn, poller),
                None => Poll::Ready(Err(gone(cell))),
            };
        }
        self.enqueue(Target::Known(cell), None, message, turn, poller)
    }

    #[inline(never)]
    fn enqueue(
        &mut self,
        target: Target<'h>,
        ticket: Option<u64>,
        message: M,
        turn: Option<CurrentTurn<'_>>,
        poller: &mut Poller<'_>,
    ) -> Answer<M> {
        let cell: &CellRef = &target;
        let system = cell.kind().system();
        if system.is_shutting_down() && !system.is_in_handler() {
            return Poll::Ready(Err(AskError::ShuttingDown));
        }
        // Not by the step's time: the asker may have worked for long since.
        let now = system.fresh_now();
        let deadline = match &self.state {
            State::InLine(in_line) => in_line.deadline,
            _ => deadline(now, self.within_ns, same_node(cell, turn)),
        };
        if deadline <= now {
            return Poll::Ready(Err(AskError::Expired { deadline }));
        }
        let chain = turn.and_then(CurrentTurn::asker_link);
        if let Some(error) = endless(cell, chain.as_deref()) {
            return Poll::Ready(Err(error));
        }
        let entry = post::enter(cell, ticket);
        match entry {
            Entry::Refused => Poll::Ready(Err(refused(cell))),
            Entry::Wait => self.stand_in_line(cell, chain, message, deadline, poller),
            entry => {
                let slot = Arc::new(Slot::queued(poller.waker().clone()));
                let asked = Asked { deadline, chain, slot: slot.clone() };
                post::deliver(cell, entry, self.route.pack_ask(message, asked));
                self.wait(slot, target, deadline, turn, poller)
            }
        }
    }

    #[cold]
    fn stand_in_line(
        &mut self,
        cell: &CellRef,
        chain: Option<Arc<Link>>,
        message: M,
        deadline: Time,
        poller: &mut Poller<'_>,
    ) -> Answer<M> {
        if let State::InLine(in_line) = &mut self.state {
            in_line.wait(poller);
            in_line.message = Some(message);
        } else {
            // Who would make room may be waiting for us.
            if let Some(chain) = &chain
                && let Some(path) = cell.kind().system().note_wait(chain, cell.id())
            {
                cell.kind().system().waits().remove(chain.id, cell.id());
                let changed = Changed::No;
                return Poll::Ready(Err(AskError::Cycle { path, changed }));
            }
            let waiter = chain.map(|chain| chain.id);
            let in_line = InLine::join(cell, message, deadline, waiter, poller);
            self.state = State::InLine(Box::new(in_line));
        }
        crate::worker::note_leaf();
        Poll::Pending
    }

    #[cold]
    fn poll_in_line(&mut self, poller: &mut Poller<'_>) -> Answer<M> {
        let State::InLine(in_line) = &mut self.state else {
            unreachable!("only called in line");
        };
        let message = in_line.message.take().expect("not polled after it was ready");
        let (cell, ticket) = (in_line.cell.clone(), in_line.ticket);
        if cell.is_closed() {
            return Poll::Ready(Err(gone(&cell)));
        }
        with_turn(|turn| self.enqueue(Target::Found(cell), Some(ticket), message, turn, poller))
    }

    /// Starts waiting for an answer that is not there yet; its slot knows whom to wake.
    fn wait(
        &mut self,
        slot: Arc<Slot<M::Reply>>,
        cell: Target<'h>,
        deadline: Time,
        turn: Option<CurrentTurn<'_>>,
        poller: &mut Poller<'_>,
    ) -> Answer<M> {
        let chain = turn.and_then(CurrentTurn::asker_link);
        let waiter = chain.as_ref().map(|chain| chain.id);
        let (alarm, answered) = (DeadlineAlarm::Unset, false);
        let mut waiting = Waiting { slot, cell, deadline, alarm, waiter, answered };
        if let Some(chain) = chain
            && let Some(path) = waiting.cell.kind().system().note_wait(&chain, waiting.cell.id())
        {
            let changed = waiting.give_up();
            waiting.answered = true;
            return Poll::Ready(Err(AskError::Cycle { path, changed }));
        }
        waiting.arm(poller);
        if waiting.cell.kind().system().is_closed() {
            // Nobody rings alarms any more.
            poller.waker().wake_by_ref();
        }
        self.state = State::Waiting(waiting);
        crate::worker::note_leaf();
        Poll::Pending
    }
}

/// What is said of an agent that has closed.
#[cold]
fn gone(cell: &CellRef) -> AskError {
    match cell.kind().system().is_shutting_down() {
        true => AskError::ShuttingDown,
        false => AskError::NotRunning,
    }
}

fn refused(cell: &CellRef) -> AskError {
    cell.kind().count_here(Count::Refused);
    AskError::MailboxFull { len_max: cell.kind().mailbox().len_max }
}

fn set_alarm(cell: &CellRef, deadline: Time, poller: &Poller<'_>) -> AlarmKey {
    let alarm = Alarm::wake(poller.waker().clone());
    cell.kind().system().driver().set_alarm(deadline, alarm)
}

#[inline]
fn deadline(now: Time, within_ns: u64, turn: Option<CurrentTurn<'_>>) -> Time {
    let own = Time::from_nanos(now.as_nanos().saturating_add(within_ns));
    turn.map_or(own, |turn| own.min(turn.step().deadline()))
}

/// The current turn, if its agent is of the same node: another has another clock.
fn same_node<'a>(cell: &CellRef, turn: Option<CurrentTurn<'a>>) -> Option<CurrentTurn<'a>> {
    turn.filter(|turn| std::ptr::eq(turn.cell().kind().system_ptr(), cell.kind().system_ptr()))
}

/// Why asking `cell` would never end: it is on the chain of those who wait for
/// this ask, or the chain is as long as it may be.
fn endless(cell: &CellRef, chain: Option<&Link>) -> Option<AskError> {
    let chain = chain?;
    if let Some(mut path) = chain.path_from(cell.id()) {
        path.push(cell.name());
        return Some(AskError::Cycle { path: CyclePath(path), changed: Changed::No });
    }
    // Chains grow by one agent an ask, so a very long one is a loop that makes
    // new agents as it goes.
    (chain.len >= CHAIN_LEN_MAX).then(|| AskError::ChainTooLong { last: chain.name() })
}

impl<R: Send + 'static> Waiting<'_, R> {
    fn poll(&mut self, poller: &mut Poller<'_>) -> Poll<Result<R, AskError>> {
        let moved = match self.slot.look(poller.waker()) {
            Look::Answer(answer) => {
                self.answered = true;
                return Poll::Ready(answer);
            }
            Look::Waits => false,
            Look::Moved => true,
        };
        if let Some(error) = self.overdue() {
            self.answered = true;
            return Poll::Ready(Err(error));
        }
        if moved {
            self.disarm();
        }
        self.arm(poller);
        crate::worker::note_leaf();
        Poll::Pending
    }

    /// Sees that whoever polls is woken at the deadline.
    #[inline]
    fn arm(&mut self, poller: &Poller<'_>) {
        if matches!(self.alarm, DeadlineAlarm::Own(_)) {
            return;
        }
        let by_step = with_turn(|turn| {
            let turn = same_node(&self.cell, turn);
            turn.is_some_and(|turn| turn.step().wakes_by(self.deadline, poller.waker()))
        });
        self.alarm = if by_step {
            DeadlineAlarm::OfStep
        } else {
            DeadlineAlarm::Own(set_alarm(&self.cell, self.deadline, poller))
        };
    }

    /// Forgets the waker of who polled before.
    #[cold]
    fn disarm(&mut self) {
        if let DeadlineAlarm::Own(alarm) = std::mem::replace(&mut self.alarm, DeadlineAlarm::Unset)
        {
            self.cell.kind().system().driver().cancel_alarm(alarm);
        }
    }

    /// Why to wait no longer. Asked each time whoever waits is woken.
    #[cold]
    fn overdue(&mut self) -> Option<AskError> {
        let system = self.cell.kind().system();
        let closed = system.is_closed();
        // By the driver's clock: the alarm has rung by it, once and for all,
        // while the step's own time may be from before.
        if !closed && system.driver().now() < self.deadline {
            return None;
        }
        let deadline = self.deadline;
        Some(match self.give_up() {
            changed if closed => AskError::Stopped { changed },
            Changed::No => AskError::Expired { deadline },
            Changed::Unknown => AskError::Deadline { deadline },
        })
    }

    /// Gives up on the answer; whether the handler may have run.
    fn give_up(&mut self) -> Changed {
        match self.slot.abandon() {
            Abandoned::Unstarted => Changed::No,
            Abandoned::Finished => Changed::Unknown,
            Abandoned::Started => {
                if self.cell.kind().on_cancel() == OnCancel::Drop {
                    self.cell.post_control(Control::Cancel);
                } else {
                    self.cell.wake();
                }
                Changed::Unknown
            }
        }
    }
}

impl<R> Drop for Waiting<'_, R> {
    fn drop(&mut self) {
        let system = self.cell.kind().system();
        if let DeadlineAlarm::Own(alarm) = self.alarm {
            system.driver().cancel_alarm(alarm);
        }
        if let Some(waiter) = self.waiter {
            system.waits().remove(waiter, self.cell.id());
        }
    }
}

impl<M> InLine<M> {
    fn join(
        cell: &CellRef,
        message: M,
        deadline: Time,
        waiter: Option<AgentId>,
        poller: &Poller<'_>,
    ) -> InLine<M> {
        let (ticket, again) = cell.kind().waiters.wait(cell, None, poller.waker());
        let (message, cell) = (Some(message), cell.clone());
        let mut line = InLine { message, cell, ticket, deadline, alarm: None, waiter };
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
        let alarm = set_alarm(&self.cell, self.deadline, poller);
        if let Some(before) = self.alarm.replace(alarm) {
            self.cell.kind().system().driver().cancel_alarm(before);
        }
    }
}

impl<M> Drop for InLine<M> {
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

impl<M: Message> Drop for Ask<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if let State::Waiting(waiting) = &mut self.state
            && !waiting.answered
        {
            waiting.give_up();
        }
    }
}
