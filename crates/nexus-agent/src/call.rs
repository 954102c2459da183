//! Asking an agent by name, wherever it lives.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, Waker};
use std::time::Duration;

use nexus_base::Time;

use crate::driver::{Alarm, AlarmKey};
use crate::letters::letter;
use crate::raw::outside;
use crate::slot::{Look, Slot};
use crate::{
    Agent, AskError, Call, CallAnswer, Changed, Context, CyclePath, Handler, Letter, Message,
    System, codec,
};

impl<A: Agent> Context<A> {
    /// Asks the agent of kind `B` called `key`, wherever it lives, for
    /// [`Agent::DEADLINE`] of `B` unless [`Calling::within`] says otherwise, and
    /// no longer than this handler's own deadline. `B` names the message in
    /// [`Agent::accepts`].
    ///
    /// It goes at once, also from a strict agent, as an ask does: it is no part
    /// of the step, and has happened though the step may never be kept. Agents
    /// that wait for each other in a circle are not found out beyond one that
    /// calls itself: they wait until a deadline passes.
    ///
    /// ```
    /// # extern crate nexus_agent as nexus;
    /// # use nexus::{Accepts, Agent, Context, Handler, Message};
    /// # struct Cart;
    /// # impl Agent for Cart {
    /// #     const KIND: &'static str = "cart";
    /// #     fn new(_key: &str) -> Cart { Cart }
    /// # }
    /// # struct Stock;
    /// # impl Agent for Stock {
    /// #     const KIND: &'static str = "stock";
    /// #     fn new(_key: &str) -> Stock { Stock }
    /// #     fn accepts(kind: &mut Accepts<Stock>) { kind.message::<Left>(); }
    /// # }
    /// #[derive(Message)]
    /// #[message(reply = u32)]
    /// struct Left;
    /// # impl Handler<Left> for Stock {
    /// #     async fn handle(&mut self, _: Left, _cx: &mut Context<Stock>) -> u32 { 2 }
    /// # }
    ///
    /// #[derive(Message)]
    /// #[message(reply = bool)]
    /// struct Available;
    ///
    /// impl Handler<Available> for Cart {
    ///     async fn handle(&mut self, _: Available, cx: &mut Context<Cart>) -> bool {
    ///         match cx.call::<Stock, _>("apples", Left).await {
    ///             Ok(left) => left > 0,
    ///             Err(error) => {
    ///                 println!("{error}");
    ///                 false
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// If the key is no key, or the message cannot be encoded: the agent crashes.
    pub fn call<B: Handler<M>, M: Message>(&self, key: &str, message: M) -> Calling<M> {
        let letter = letter::<B, M>(key, &message);
        let to_itself = B::KIND == A::KIND && key == self.key();
        let state = if to_itself {
            let name = format!("{}/{key}", A::KIND);
            let path = CyclePath(vec![name.clone(), name]);
            State::Refused(AskError::Cycle { path, changed: Changed::No })
        } else {
            State::Unsent(letter)
        };
        let system = self.step().cell().kind().system().clone();
        let handler_deadline = self.deadline();
        Calling { system, within: B::DEADLINE, handler_deadline, state, message: PhantomData }
    }
}

/// An ask by name under way; see [`Context::call`]. Dropping it gives up on the answer.
#[must_use = "nothing is sent until this is awaited"]
pub struct Calling<M> {
    system: Arc<System>,
    within: Duration,
    handler_deadline: Time,
    state: State,
    message: PhantomData<fn() -> M>,
}

enum State {
    Refused(AskError),
    Unsent(Letter),
    Waiting(Waiting),
    Done,
}

struct Waiting {
    slot: Arc<Slot<Vec<u8>>>,
    deadline: Time,
    /// Who is woken at the deadline, and by which alarm.
    alarm: Option<(AlarmKey, Waker)>,
}

impl<M> Calling<M> {
    /// Waits at most this long.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// Hands the letter to the host.
    fn send(&self, letter: Letter, poller: &Poller<'_>) -> Result<Waiting, AskError> {
        let now = self.system.fresh_now();
        let deadline = now.after(self.within).min(self.handler_deadline);
        if deadline <= now {
            return Err(AskError::Expired { deadline });
        }
        // On a node that is in no cluster there is nobody to look for it.
        let host = self.system.host().ok_or(AskError::NotRunning)?;
        let slot = Arc::new(Slot::queued(poller.waker().clone()));
        let answer = CallAnswer::new(slot.clone());
        let within = deadline.since(now);
        outside(|| host.call(Call { letter, within, answer }));
        Ok(Waiting { slot, deadline, alarm: None })
    }
}

impl<M: Message> Calling<M> {
    fn done(&mut self, answer: Result<Vec<u8>, AskError>) -> Poll<Result<M::Reply, AskError>> {
        self.forget();
        let reply = answer.and_then(|bytes| {
            let malformed = |reason| AskError::ReplyMalformed { message: M::NAME, reason };
            codec::decode::<M::Reply>(&bytes).map_err(malformed)
        });
        Poll::Ready(reply.inspect_err(|error| self.system.count_error(error.code())))
    }
}

impl<M> Calling<M> {
    /// Waits for nothing any more.
    fn forget(&mut self) {
        if let State::Waiting(waiting) = std::mem::replace(&mut self.state, State::Done) {
            if let Some((alarm, _)) = waiting.alarm {
                self.system.driver().cancel_alarm(alarm);
            }
            waiting.slot.abandon();
        }
    }
}

impl<M: Message> Future for Calling<M> {
    type Output = Result<M::Reply, AskError>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match std::mem::replace(&mut this.state, State::Done) {
            State::Refused(why) => return this.done(Err(why)),
            State::Unsent(letter) => match this.send(letter, poller) {
                Ok(waiting) => this.state = State::Waiting(waiting),
                Err(why) => return this.done(Err(why)),
            },
            waiting => this.state = waiting,
        }
        let State::Waiting(waiting) = &mut this.state else {
            panic!("not polled after it was ready");
        };
        if let Look::Answer(answer) = waiting.slot.look(poller.waker()) {
            return this.done(answer);
        }
        let driver = this.system.driver();
        // By the driver's clock, which the alarm rings by.
        if this.system.is_closed() {
            return this.done(Err(AskError::Stopped { changed: Changed::Unknown }));
        }
        let deadline = waiting.deadline;
        if driver.now() >= deadline {
            return this.done(Err(AskError::Deadline { deadline }));
        }
        let same = |(_, waker): &(AlarmKey, Waker)| waker.will_wake(poller.waker());
        if !waiting.alarm.as_ref().is_some_and(same) {
            let waker = poller.waker().clone();
            let key = driver.set_alarm(deadline, Alarm::wake(waker.clone()));
            if let Some((before, _)) = waiting.alarm.replace((key, waker)) {
                driver.cancel_alarm(before);
            }
            if this.system.is_closed() {
                // Nobody rings alarms any more.
                poller.waker().wake_by_ref();
            }
        }
        crate::worker::note_leaf();
        Poll::Pending
    }
}

impl<M> Drop for Calling<M> {
    fn drop(&mut self) {
        self.forget();
    }
}
