//! Asking an agent by name, wherever it lives.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use crate::asking::Asking;
use crate::letters::letter;
use crate::{
    Agent, AskError, Call, CallAnswer, Changed, Context, CyclePath, Handler, Letter, Message, codec,
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
        let what = if to_itself {
            let name = format!("{}/{key}", A::KIND);
            let path = CyclePath(vec![name.clone(), name]);
            Err(AskError::Cycle { path, changed: Changed::No })
        } else {
            Ok(letter)
        };
        Calling { asking: Asking::new(self, B::DEADLINE, what), message: PhantomData }
    }
}

/// An ask by name under way; see [`Context::call`]. Dropping it gives up on the answer.
#[must_use = "nothing is sent until this is awaited"]
pub struct Calling<M> {
    asking: Asking<Letter, Vec<u8>>,
    message: PhantomData<fn() -> M>,
}

impl<M> Calling<M> {
    /// Waits at most this long.
    pub fn within(mut self, limit: Duration) -> Self {
        self.asking.set_within(limit);
        self
    }
}

impl<M: Message> Future for Calling<M> {
    type Output = Result<M::Reply, AskError>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let asking = &mut self.asking;
        let answer = asking.poll(poller, |host, letter, within, slot| {
            host.call(Call { letter, within, answer: CallAnswer::new(slot) });
        });
        let Poll::Ready(answer) = answer else { return Poll::Pending };
        let reply = answer.and_then(|bytes| {
            let malformed = |reason| AskError::ReplyMalformed { message: M::NAME, reason };
            codec::decode::<M::Reply>(&bytes).map_err(malformed)
        });
        let system = asking.system();
        Poll::Ready(reply.inspect_err(|error| system.count_error(error.code())))
    }
}
